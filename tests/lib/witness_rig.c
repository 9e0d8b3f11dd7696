#include "tests/lib/witness_rig.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/cursor.h"
#include "protocol/base/fd.h"
#include "protocol/nix/worker_field.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define DIR         STORE_DIR_DEFAULT
#define WORD        8
#define HEARD_MAX   ((size_t)1024 * 1024)
#define ROOM        65536
#define MAGIC       0x6478696fU
#define NOTE_LAST   0x616c7473U
#define NOTE_ERROR  0x63787470U
#define NOTE_NEXT   0x6f6c6d67U
#define QUERY_INFO  26
#define OLD_DAEMON  0x121U /* the first that says its name */
#define TRUST_KNOWN 0x123U

void witness_rig_open(struct witness_rig *rig)
{
	*rig = (struct witness_rig){ .daemon = -1, .now_ms = 1000000 };
	buffer_init(&rig->heard, HEARD_MAX);
	if (witness_new("auto", &rig->witness) < 0)
		abort();
}

void witness_rig_close(struct witness_rig *rig)
{
	witness_free(rig->witness);
	close_at(&rig->daemon);
	buffer_clear(&rig->heard);
}

bool witness_rig_connect(struct witness_rig *rig)
{
	int pair[2];

	if (!witness_wants_store(rig->witness))
		return false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	               pair) < 0)
		abort();
	close_at(&rig->daemon);
	buffer_rewind(&rig->heard);
	rig->daemon = pair[0];
	witness_take_store(rig->witness, pair[1], "");
	return true;
}

bool witness_rig_step(struct witness_rig *rig)
{
	struct pollfd fd = {
		.fd = witness_fd(rig->witness),
		.events = witness_events(rig->witness),
	};

	/* A fuzzer's clock interrupts. */
	while (poll(&fd, 1, 0) < 0) {
		if (errno != EINTR)
			abort();
	}
	return witness_step(rig->witness, fd.revents, rig->now_ms);
}

static void hear_all(struct witness_rig *rig)
{
	for (;;) {
		uint8_t *room = buffer_reserve(&rig->heard, ROOM);
		ssize_t n = room ? read(rig->daemon, room, ROOM) : 0;

		if (n <= 0)
			return;
		rig->heard.len += (size_t)n;
	}
}

bool witness_rig_is_left(struct witness_rig *rig)
{
	struct pollfd fd = { .fd = rig->daemon, .events = POLLIN };

	return poll(&fd, 1, 0) == 1 && (fd.revents & POLLHUP);
}

bool witness_rig_say(struct witness_rig *rig, const struct buffer *words)
{
	bool has_news = false;
	size_t at = 0;

	while (at < words->len) {
		ssize_t n = send(rig->daemon, words->data + at, words->len - at,
		                 MSG_NOSIGNAL);

		if (n > 0)
			at += (size_t)n;
		has_news |= witness_rig_step(rig);
		if (n < 0 && errno != EAGAIN)
			break;
	}
	/* It answers at once what it can. */
	has_news |= witness_rig_step(rig);
	return has_news;
}

bool witness_rig_greet(struct witness_rig *rig, uint64_t version)
{
	cleanup_buffer struct buffer words;

	buffer_init(&words, HEARD_MAX);
	if (!witness_rig_connect(rig))
		return false;
	(void)witness_rig_step(rig);
	hear_all(rig);
	if (rig->heard.len != 2UL * WORD)
		return false;
	buffer_put_u64_le(&words, MAGIC);
	buffer_put_u64_le(&words, version);
	(void)witness_rig_say(rig, &words);
	buffer_rewind(&words);
	if (version >= OLD_DAEMON)
		worker_put_string(&words, bytes_of_text("2.99"));
	if (version >= TRUST_KNOWN)
		buffer_put_u64_le(&words, WORKER_NOT_TRUSTED);
	rig_put_last(&words);
	(void)witness_rig_say(rig, &words);
	hear_all(rig);
	if (rig->heard.len < 4UL * WORD)
		return false;
	buffer_consume(&rig->heard, 4UL * WORD);
	return true;
}

bool witness_rig_hear(struct witness_rig *rig, unsigned *ret_path)
{
	char base[STORE_PATH_BASE_SIZE];
	struct reader r;
	size_t used;

	if (rig->daemon >= 0)
		hear_all(rig);
	reader_init(&r, buffer_bytes(&rig->heard));
	if (reader_get_number(&r, UINT64_MAX) != QUERY_INFO)
		return false;
	reader_get_path(&r, DIR, base);
	if (reader_end(&r, &used) != 0)
		return false;
	buffer_consume(&rig->heard, used);
	*ret_path = (unsigned)strtoul(base, NULL, 10);
	return true;
}

void rig_put_last(struct buffer *words)
{
	buffer_put_u64_le(words, NOTE_LAST);
}

void rig_put_chatter(struct buffer *words)
{
	buffer_put_u64_le(words, NOTE_NEXT);
	worker_put_string(words, bytes_of_text("a line of its log\n"));
}

void rig_put_error(struct buffer *words, const char *text)
{
	buffer_put_u64_le(words, NOTE_ERROR);
	worker_put_string(words, bytes_of_text("Error"));
	buffer_put_u64_le(words, 0);
	worker_put_string(words, bytes_of_text("Error"));
	worker_put_string(words, bytes_of_text(text));
	buffer_put_u64_le(words, 0);
	buffer_put_u64_le(words, 0);
}

static void name_path(unsigned path, char base[STORE_PATH_BASE_SIZE])
{
	(void)snprintf(base, STORE_PATH_BASE_SIZE, "%032u-p", path);
}

void rig_put_info(struct buffer *words, unsigned path, bool is_ultimate)
{
	char base[STORE_PATH_BASE_SIZE];

	rig_put_last(words);
	buffer_put_u64_le(words, 1);
	worker_put_string(words, bytes_of_text(""));
	worker_put_string(words, bytes_of_text(WITNESS_RIG_HASH));
	buffer_put_u64_le(words, path > 0 ? 2 : 1);
	if (path > 0) {
		name_path(path - 1, base);
		worker_put_path(words, DIR, base);
	}
	name_path(path, base);
	worker_put_path(words, DIR, base);
	buffer_put_u64_le(words, 0);
	buffer_put_u64_le(words, 1000 + path);
	buffer_put_u64_le(words, is_ultimate ? 1 : 0);
	buffer_put_u64_le(words, 0);
	worker_put_string(words, bytes_of_text(""));
}

void rig_put_not_valid(struct buffer *words)
{
	rig_put_last(words);
	buffer_put_u64_le(words, 0);
}

static void add_reference(struct sign_path *path, unsigned number)
{
	char text[STORE_PATH_SIZE], base[STORE_PATH_BASE_SIZE];

	name_path(number, base);
	(void)snprintf(text, sizeof(text), DIR "/%s", base);
	if (strings_add(&path->references, text, strlen(text)) < 0)
		abort();
}

void rig_client_open(struct witness_rig *rig, struct rig_client *client,
                     unsigned first, unsigned count)
{
	char base[STORE_PATH_BASE_SIZE];

	(void)rig;
	*client = (struct rig_client){ .memory = NULL };
	for (unsigned i = 0; i < count; i++) {
		struct sign_path *path = &client->paths[i];

		name_path(first + i, base);
		if (asprintf(&path->store_path, DIR "/%s", base) < 0)
			abort();
		path->nar_size = 1000 + first + i;
		if (nix_hash_parse_hex(WITNESS_RIG_HASH,
		                       strlen(WITNESS_RIG_HASH),
		                       &path->nar_hash) < 0)
			abort();
		if (first + i > 0)
			add_reference(path, first + i - 1);
		add_reference(path, first + i);
	}
	client->sign = (struct sign_call){
		.paths = client->paths,
		.count = count,
	};
	client->question = (struct witness_question){
		.store_dir = DIR,
		.policy = SIGN_IN_STORE,
		.sign = &client->sign,
	};
}

void rig_client_close(struct witness_rig *rig, struct rig_client *client)
{
	witness_memory_free(rig->witness, client->memory);
	for (size_t i = 0; i < client->sign.count; i++) {
		free(client->paths[i].store_path);
		strings_clear(&client->paths[i].references);
	}
}

int rig_client_ask(struct witness_rig *rig, struct rig_client *client)
{
	client->question.call = ++rig->last_call;
	return rig_client_again(rig, client);
}

int rig_client_again(struct witness_rig *rig, struct rig_client *client)
{
	return witness_check(rig->witness, &client->memory, &client->question,
	                     &client->error);
}
