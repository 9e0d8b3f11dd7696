#include "tests/lib/fake_agent.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/varlink/agent_presign.h"
#include "protocol/varlink/agent_sign.h"
#include "protocol/varlink/agent_status.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define SIGNATURE                                       \
	"k:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
static int receive_call(int fd, struct frame_reader *reader,
                        struct varlink_call *ret_call)
{
	struct bytes frame;
	int rc;

	while ((rc = frame_next(reader, &frame)) == 0) {
		size_t room = 0;
		uint8_t *at = frame_room(reader, &room);
		ssize_t n = at ? recv(fd, at, room, 0) : -1;

		if (n <= 0)
			return -EPIPE;
		frame_received(reader, (size_t)n);
	}
	return rc < 0 ? rc : call_decode(frame, ret_call);
}

static int answer_sign(const struct varlink_call *call, struct buffer *out)
{
	cleanup_sign_call struct sign_call sign = { .paths = NULL };
	struct strings signatures[AGENT_BATCH_MAX];
	char text[] = SIGNATURE;
	char *items[] = { text };
	struct error_reply error;

	if (sign_call_decode(call, &sign, &error) != CALL_OK)
		return error_reply_encode(&error, out);
	for (size_t i = 0; i < sign.count; i++)
		signatures[i] = (struct strings){ items, 1, 1 };
	return sign_reply_encode(&sign, signatures, out);
}

/* The URL is the key; there is a pace for who has met a pressure. */
static int answer_presign(const struct varlink_call *call, struct buffer *out)
{
	static struct agent_signed_request responses[AGENT_BATCH_MAX];
	static char urls[AGENT_BATCH_MAX][64];
	cleanup_presign_call struct presign_call presign = { .texts = NULL };
	struct agent_pace pace = { .in_flight = 0 };
	struct error_reply error;

	if (presign_call_decode(call, &presign, &error) != CALL_OK)
		return error_reply_encode(&error, out);
	if (presign.pressure.slow_downs > 0)
		pace.in_flight = presign.pressure.slow_downs;
	for (size_t i = 0; i < presign.count; i++) {
		memcpy(urls[i], presign.requests[i].key.data,
		       presign.requests[i].key.len);
		responses[i] = (struct agent_signed_request){ .method = "GET",
			                                      .url = urls[i] };
	}
	return presign_reply_encode(responses, presign.count, &pace, out);
}

static int answer_really(const struct varlink_call *call, struct buffer *out)
{
	struct error_reply error;
	enum agent_method method = AGENT_METHOD_COUNT;
	int rc;

	CHECK(agent_method_find(call->method, &method, &error) == CALL_OK);
	if (method == AGENT_METHOD_SIGN)
		return answer_sign(call, out);
	if (method == AGENT_METHOD_PRESIGN)
		return answer_presign(call, out);
	if (method != AGENT_METHOD_UNLOCK || !call->wants_more)
		return -EPROTO;
	rc = unlock_reply_encode(AGENT_UNLOCKING, true, out);
	return rc < 0 ? rc : unlock_reply_encode(AGENT_UNLOCKED, false, out);
}

static int answer(int fd, const struct varlink_call *call, const char *reply)
{
	cleanup_buffer struct buffer out;

	buffer_init(&out, VARLINK_FRAME_MAX);
	if (!reply) {
		int rc = answer_really(call, &out);

		return rc < 0 ? rc : fd_write_full(fd, out.data, out.len);
	}
	if (reply[0] == '!')
		return fd_write_full(fd, reply + 1, strlen(reply + 1));
	return fd_write_full(fd, reply, strlen(reply) + 1);
}

static int serve_connection(int listener, const struct fake_script *script,
                            size_t *done)
{
	cleanup_frame_reader struct frame_reader reader;
	cleanup_close int fd = accept(listener, NULL, NULL);

	frame_reader_init(&reader);
	for (size_t i = 0; i < script->calls_per_connection; i++) {
		cleanup_call struct varlink_call call = { .parameters = NULL };
		const char *reply;

		if (*done == script->reply_count)
			return 0;
		reply = script->replies ? script->replies[*done] : NULL;
		if (receive_call(fd, &reader, &call) < 0)
			return -EPIPE;
		(*done)++;
		if (reply && reply[0] == '\0')
			return 0;
		if (answer(fd, &call, reply) < 0)
			return -EPIPE;
	}
	return 0;
}

static int serve(int listener, const struct fake_script *script)
{
	size_t done = 0;

	while (done < script->reply_count) {
		if (serve_connection(listener, script, &done) < 0)
			return 1;
	}
	return 0;
}

void fake_agent_start(struct fake_agent *fake, const struct fake_script *script)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int listener =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(fake->folder, "/tmp/agent_call.XXXXXX",
	       sizeof("/tmp/agent_call.XXXXXX"));
	CHECK(mkdtemp(fake->folder) != NULL);
	(void)snprintf(fake->path, sizeof(fake->path), "%s/s", fake->folder);
	memcpy(address.sun_path, fake->path, strlen(fake->path));
	CHECK(bind(listener, (const struct sockaddr *)&address,
	           sizeof(address)) == 0);
	CHECK(listen(listener, 8) == 0);
	(void)fflush(stdout);
	fake->pid = fork();
	if (fake->pid == 0)
		_exit(serve(listener, script));
}

bool fake_agent_stop(struct fake_agent *fake)
{
	int status = -1;

	CHECK(waitpid(fake->pid, &status, 0) == fake->pid);
	(void)unlink(fake->path);
	(void)rmdir(fake->folder);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
