#include "tests/lib/door_rig.h"

#include "agent/door/door.h"
#include "protocol/base/cursor.h"
#include "protocol/base/fd.h"
#include "protocol/varlink/frame.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_S 10 /* for an answer that must come */
#define REPLY_MAX  65536
#define URL        "https://example.org/"

void door_rig_init(struct door_rig *rig)
{
	/* cppcheck-suppress constVariable ; a configuration owns its texts */
	static char names[DOOR_RIG_CACHES][8] = { "main", "folder" };
	/* cppcheck-suppress constVariable */
	static char stores[DOOR_RIG_CACHES][20] = { "s3://bucket",
		                                    "file:///srv/cache" };
	static char dir[] = STORE_DIR_DEFAULT, compression[] = "zstd";

	memset(rig, 0, sizeof(*rig));
	rig->pid = -1;
	rig->launcher = -1;
	rig->vault = -1;
	rig->scope = "owner";
	for (size_t i = 0; i < DOOR_RIG_CACHES; i++) {
		rig->caches[i] = (struct config_cache){
			.name = names[i],
			.store_text = stores[i],
			.store_dir = dir,
			.compression = compression,
			.compression_level = -1,
			.priority = -1,
			/* There is no store: tests/unit/test_witness.c. */
			.sign_policy = SIGN_ANY,
		};
	}
	rig->caches[0].store.kind = STORE_URI_S3;
	rig->caches[1].store.kind = STORE_URI_FILE;
	for (size_t i = 0; i < DOOR_RIG_SLOTS; i++)
		rig->slots[i].kind = (enum secret_kind)i;
	rig->config = (struct config){
		.caches = rig->caches,
		.cache_count = DOOR_RIG_CACHES,
		.slots = rig->slots,
		.slot_count = DOOR_RIG_SLOTS,
	};
	rig->report.process = "launcher";
	report_add(&rig->report, "example", MEASURE_HELD, "said by a test");
	buffer_init(&rig->frames, 4UL * WIRE_FRAME_MAX);
}

static void be_patient(int fd)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
	               sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
	               sizeof(patience)) < 0)
		abort();
}

static void make_pair(int type, int pair[2])
{
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	be_patient(pair[0]);
}

void door_rig_start(struct door_rig *rig)
{
	int pair[2], listener;
	pid_t parent = getpid();

	(void)signal(SIGPIPE, SIG_IGN);
	socket_stage_set_up(&rig->stage);
	socket_stage_path(&rig->stage, "s", rig->path);
	listener = socket_stage_listen(rig->path, 128);
	make_pair(SOCK_SEQPACKET, pair);
	if (fcntl(listener, F_SETFL, O_NONBLOCK) < 0)
		abort();
	(void)fflush(stdout);
	rig->pid = fork();
	if (rig->pid < 0)
		abort();
	if (rig->pid == 0) {
		const struct agent_listener listening = { listener,
			                                  rig->scope };
		const struct door_start start = {
			.config = &rig->config,
			.launcher_report = &rig->report,
			.launcher_pid = parent,
			.launcher = pair[1],
			.listeners = &listening,
			.listener_count = 1,
			.audit = { .fd = -1 },
		};

		_exit(door_run(&start));
	}
	(void)close(listener);
	(void)close(pair[1]);
	rig->launcher = pair[0];
}

int door_rig_stop(struct door_rig *rig)
{
	int status = 0;

	(void)close(rig->launcher);
	if (rig->vault >= 0)
		(void)close(rig->vault);
	buffer_clear(&rig->frames);
	socket_stage_tear_down(&rig->stage);
	if (waitpid(rig->pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int door_rig_hear(struct door_rig *rig)
{
	struct launcher_packet packet;

	return wire_receive_launcher(rig->launcher, &packet) == 1
	               ? (int)packet.type
	               : 0;
}

void door_rig_say(struct door_rig *rig, enum launcher_type type)
{
	if (wire_send_launcher(rig->launcher, type, -1) < 0)
		abort();
}

void door_rig_say_fetched(struct door_rig *rig, const char *failure)
{
	struct fetch_outcome outcome = { .is_ok = !failure,
		                         .failure = SOURCE_DISMISSED,
		                         .retry_after = 7 };

	(void)snprintf(outcome.detail, sizeof(outcome.detail), "%s",
	               failure ? failure : "");
	if (wire_send_outcome(rig->launcher, LAUNCHER_FETCHED, &outcome) < 0)
		abort();
}

void door_rig_give_vault(struct door_rig *rig)
{
	const struct agent_measure measure = { .name = "sealed",
		                               .process = "vault",
		                               .detail = "said by a test" };
	static const uint8_t seal_key[KEY_PUBLIC_LEN] = { 1 };
	struct buffer hello;
	int pair[2];

	if (rig->vault >= 0)
		(void)close(rig->vault);
	make_pair(SOCK_STREAM, pair);
	if (wire_send_vault(rig->launcher, LOCK_ASKED, pair[1]) < 0)
		abort();
	(void)close(pair[1]);
	rig->vault = pair[0];
	buffer_rewind(&rig->frames);
	rig->frame_at = 0;
	buffer_init(&hello, WIRE_FRAME_MAX);
	wire_put_hello(&hello, &measure, 1, seal_key);
	door_rig_send_frames(rig, &hello);
	buffer_clear(&hello);
}

bool door_rig_hear_frame(struct door_rig *rig, struct wire_frame *ret_frame)
{
	const size_t gulp = 65536;

	buffer_consume(&rig->frames, rig->frame_at);
	rig->frame_at = 0;
	for (;;) {
		int rc = wire_next(buffer_bytes(&rig->frames), ret_frame);
		uint8_t *at;
		ssize_t n;

		if (rc != 0) {
			rig->frame_at = rc > 0 ? ret_frame->size : 0;
			return rc > 0;
		}
		at = buffer_reserve(&rig->frames, gulp);
		n = at ? read(rig->vault, at, gulp) : -1;
		if (n <= 0)
			return false;
		rig->frames.len += (size_t)n;
	}
}

void door_rig_send_frames(struct door_rig *rig, const struct buffer *frames)
{
	/* A door that is gone shows in what is heard next. */
	if (fd_write_full(rig->vault, frames->data, frames->len) < 0)
		return;
}

bool door_rig_load(struct door_rig *rig)
{
	struct wire_frame frame;
	struct buffer loaded;
	size_t mark;

	if (!door_rig_hear_frame(rig, &frame) || frame.type != VAULT_COMMIT)
		return false;
	buffer_init(&loaded, WIRE_FRAME_MAX);
	mark = wire_begin(&loaded, VAULT_LOADED, frame.tag);
	buffer_put_u16(&loaded, 1);
	buffer_put_u16(&loaded, 0);
	buffer_put_bytes(&loaded, bytes_of_text("k:loaded"));
	buffer_put_u16(&loaded, 1);
	buffer_put_bytes(&loaded, bytes_of_text("k:certificate"));
	wire_finish(&loaded, mark);
	door_rig_send_frames(rig, &loaded);
	buffer_clear(&loaded);
	return true;
}

static void put_signature(struct buffer *out, const struct wire_frame *frame)
{
	static struct bytes references[WIRE_REFERENCES_MAX];
	struct vault_sign sign;
	size_t mark = wire_begin(out, VAULT_SIGNED, frame->tag);

	if (wire_get_sign(frame->body, references, &sign) < 0)
		abort();
	buffer_put_u8(out, 1);
	buffer_put_bytes(out, sign.base);
	wire_finish(out, mark);
}

static void put_url(struct buffer *out, const struct wire_frame *frame)
{
	struct s3_object_request request;
	char url[256];
	uint16_t cache;
	size_t mark = wire_begin(out, VAULT_URL, frame->tag);

	if (wire_get_presign(frame->body, &cache, &request) < 0)
		abort();
	(void)snprintf(url, sizeof(url), URL "%.*s", (int)request.key.len,
	               (const char *)request.key.data);
	buffer_put_u64(out, 1);
	buffer_put_bytes(out, bytes_of_text(url));
	wire_finish(out, mark);
}

bool door_rig_answer(struct door_rig *rig)
{
	struct wire_frame frame;
	struct buffer answer;

	if (!door_rig_hear_frame(rig, &frame) ||
	    (frame.type != VAULT_SIGN && frame.type != VAULT_PRESIGN))
		return false;
	buffer_init(&answer, WIRE_FRAME_MAX);
	if (frame.type == VAULT_SIGN) {
		put_signature(&answer, &frame);
	} else {
		put_url(&answer, &frame);
	}
	door_rig_send_frames(rig, &answer);
	buffer_clear(&answer);
	return true;
}

void door_rig_start_unlocked(struct door_rig *rig)
{
	bool is_unlocked;

	door_rig_start(rig);
	door_rig_give_vault(rig);
	is_unlocked = door_rig_hear(rig) == LAUNCHER_READY;
	door_rig_say(rig, LAUNCHER_FETCH);
	is_unlocked = is_unlocked && door_rig_hear(rig) == LAUNCHER_FETCH;
	door_rig_say_fetched(rig, NULL);
	is_unlocked = is_unlocked && door_rig_load(rig) &&
	              door_rig_hear(rig) == LAUNCHER_LOADED;
	if (!is_unlocked)
		abort();
}

int door_rig_connect(struct door_rig *rig)
{
	int fd = socket_stage_connect(rig->path);

	if (fd < 0 || fcntl(fd, F_SETFL, 0) < 0)
		abort();
	be_patient(fd);
	return fd;
}

/* A door answers nobody whose process has ended, so this one stays. */
_Noreturn static void stay_until_the_test_ends(int socket, int fd)
{
	char byte = 0;

	const int keep[] = { socket, fd };

	/* What the test closes must be closed: not by us still open. */
	if (fd_close_except(STDERR_FILENO + 1, keep, 2) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    fd_send(socket, &byte, 1, fd) < 0)
		_exit(1);
	(void)close(fd);
	for (;;)
		(void)pause();
}

int door_rig_connect_as_other(struct door_rig *rig)
{
	int pair[2], fd = -1;
	char byte = 0;
	pid_t pid;

	make_pair(SOCK_SEQPACKET, pair);
	pid = fork();
	if (pid == 0) {
		fd = door_rig_connect(rig);
		stay_until_the_test_ends(pair[1], fd);
	}
	if (pid < 0 || fd_receive(pair[0], &byte, 1, &fd) != 1 || fd < 0)
		abort();
	(void)close(pair[0]);
	(void)close(pair[1]);
	return fd;
}

void door_rig_call(int client, const char *calls)
{
	struct buffer out;

	buffer_init(&out, 2 * VARLINK_FRAME_MAX);
	buffer_append(&out, calls, strlen(calls) + 1);
	for (size_t i = 0; i < out.len; i++) {
		if (out.data[i] == '\1')
			out.data[i] = '\0';
	}
	/* A door that has closed shows in what is heard next. */
	if (fd_write_full(client, out.data, out.len) < 0)
		(void)errno;
	buffer_clear(&out);
}

void door_rig_sign_call(const char *name, bool is_oneway,
                        char ret_text[DOOR_RIG_CALL_SIZE])
{
	(void)snprintf(
		ret_text, DOOR_RIG_CALL_SIZE,
		"{\"method\":\"io.nixcache.Agent.Sign\",%s\"parameters\":{"
		"\"cache\":\"main\",\"paths\":[{\"storePath\":"
		"\"" STORE_DIR_DEFAULT
		"/%032d-%s\",\"narHash\":\"" DOOR_RIG_HASH
		"%052d\",\"narSize\":1,\"references\":[]}]}}",
		is_oneway ? "\"oneway\":true," : "", 0, name, 0);
}

/* One message with its NUL; 0 when the door has closed, -1 when none comes. */
static ssize_t receive(int client, char text[REPLY_MAX])
{
	size_t len = 0;

	while (len < REPLY_MAX) {
		ssize_t n = recv(client, text + len, 1, 0);

		if (n <= 0)
			return n == 0 || errno == ECONNRESET ? 0 : -1;
		if (text[len++] == '\0')
			return (ssize_t)len;
	}
	return -1;
}

bool door_rig_replies(int client, const char *words)
{
	static char text[REPLY_MAX];
	ssize_t n = receive(client, text);
	bool is_so = n > 0 ? words[0] != '\0' && strstr(text, words) != NULL
	                   : n == 0 && words[0] == '\0';

	if (!is_so) {
		(void)printf("# wanted \"%s\", got %.200s\n", words,
		             n > 0    ? text
		             : n == 0 ? "the end"
		                      : "nothing");
	}
	return is_so;
}

bool door_rig_is_silent(int client)
{
	char byte;

	return recv(client, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       errno == EAGAIN;
}
