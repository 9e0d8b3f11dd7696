#include "tests/lib/vault_rig.h"

#include "agent/vault/vault.h"
#include "protocol/base/cursor.h"
#include "protocol/base/fd.h"
#include "protocol/base/text.h"
#include "protocol/nix/fingerprint.h"

#include <sodium.h>

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BASE      "0c0000000000000000000000000000zz-hello-2.12"
#define REFERENCE "1c0000000000000000000000000000zz-glibc-2.36"
#define NAR_SIZE  226560
#define KEY       "0c0000000000000000000000000000zz.narinfo"
#define RIG_MARK  VAULT_MARK_PREFIX "00112233445566778899aabbccddeeff"

void vault_rig_init(struct vault_rig *rig)
{
	static char names[VAULT_RIG_CACHES][8] = { "main", "folder" };
	static char dir[] = STORE_DIR_DEFAULT;

	memset(rig, 0, sizeof(*rig));
	rig->door = -1;
	rig->intake = -1;
	rig->pid = -1;
	for (size_t i = 0; i < VAULT_RIG_CACHES; i++) {
		rig->caches[i].name = names[i];
		rig->caches[i].store_dir = dir;
	}
	rig->caches[0].store = (struct store_uri){
		.kind = STORE_URI_S3,
		.bucket = "bucket",
		.prefix = "nix/cache",
		.endpoint = "s3.example.org",
		.region = "eu-central-1",
		.addressing = ADDRESSING_PATH,
	};
	rig->caches[1].store = (struct store_uri){
		.kind = STORE_URI_FILE,
		.path = "/srv/cache",
	};
	for (size_t i = 0; i < VAULT_RIG_SLOTS; i++) {
		rig->slots[i] = (struct secret_slot){
			.cache = i < 4 ? 0 : 1,
			.kind = i < 4 ? (enum secret_kind)i
			              : SECRET_SIGNING_KEY,
		};
	}
	rig->config = (struct config){
		.caches = rig->caches,
		.cache_count = VAULT_RIG_CACHES,
		.slots = rig->slots,
		.slot_count = VAULT_RIG_SLOTS,
	};
	buffer_init(&rig->replies, 4 * (size_t)WIRE_FRAME_MAX);
}

static void make_signing_key(struct vault_rig *rig, size_t slot)
{
	uint8_t pair[crypto_sign_SECRETKEYBYTES];
	char *text = rig->texts[slot];
	int len;

	randombytes_buf(rig->seeds[slot], VAULT_RIG_SEED_LEN);
	(void)crypto_sign_seed_keypair(rig->public_keys[slot].key, pair,
	                               rig->seeds[slot]);
	len = snprintf(rig->public_keys[slot].name, KEY_NAME_MAX + 1, "key-%zu",
	               slot);
	memcpy(text, rig->public_keys[slot].name, (size_t)len);
	text[len] = ':';
	text_base64(pair, sizeof(pair), text + len + 1);
}

void vault_rig_make_secrets(struct vault_rig *rig)
{
	for (size_t i = 0; i < VAULT_RIG_SLOTS; i++) {
		uint8_t random[20];

		if (rig->slots[i].kind == SECRET_SIGNING_KEY) {
			make_signing_key(rig, i);
			continue;
		}
		randombytes_buf(random, sizeof(random));
		text_hex(random, sizeof(random), rig->texts[i]);
	}
}

int vault_rig_start(struct vault_rig *rig)
{
	int doors[2], intakes[2];
	struct wire_frame hello;
	pid_t parent = getpid();

	(void)signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, doors) < 0 ||
	    pipe2(intakes, O_CLOEXEC) < 0)
		return -1;

	rig->pid = fork();
	if (rig->pid < 0)
		return -1;
	if (rig->pid == 0) {
		const struct vault_start start = {
			.config = &rig->config,
			.door = doors[1],
			.intake = intakes[0],
			.parent = parent,
		};

		_exit(vault_run(&start));
	}

	(void)close(doors[1]);
	(void)close(intakes[0]);
	rig->door = doors[0];
	rig->intake = intakes[1];
	if (vault_rig_hear(rig, &hello) < 0 || hello.type != VAULT_HELLO)
		return -1;
	return wire_get_hello(hello.body, rig->measures,
	                      sizeof(rig->measures) / sizeof(rig->measures[0]),
	                      &rig->measure_count, rig->seal_key);
}

int vault_rig_stop(struct vault_rig *rig)
{
	int status = 0;

	(void)close(rig->door);
	(void)close(rig->intake);
	buffer_clear(&rig->replies);
	if (waitpid(rig->pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void write_all(int fd, const void *data, size_t len)
{
	/* A vault that is gone shows in the next vault_rig_hear(). */
	if (fd_write_full(fd, data, len) < 0)
		return;
}

void vault_rig_write_secrets(struct vault_rig *rig)
{
	struct buffer text;

	buffer_init(&text, VAULT_INTAKE_MAX);
	for (size_t i = 0; i < VAULT_RIG_SLOTS; i++) {
		buffer_append_format(&text, "%s %zu\n%s\n", RIG_MARK, i,
		                     rig->texts[i]);
	}
	buffer_append_text(&text, RIG_MARK " end\n");
	write_all(rig->intake, text.data, text.len);
	buffer_clear(&text);
}

void vault_rig_send(struct vault_rig *rig, const struct buffer *requests)
{
	write_all(rig->door, requests->data, requests->len);
}

int vault_rig_hear(struct vault_rig *rig, struct wire_frame *ret_frame)
{
	struct buffer *replies = &rig->replies;
	const size_t gulp = 65536;

	/* So that a test that goes on after a failure does not crash. */
	*ret_frame = (struct wire_frame){ .type = VAULT_REFUSED };
	buffer_consume(replies, rig->reply_at);
	rig->reply_at = 0;
	for (;;) {
		uint8_t *at;
		ssize_t n;
		int rc = wire_next(buffer_bytes(replies), ret_frame);

		if (rc != 0) {
			rig->reply_at = rc > 0 ? ret_frame->size : 0;
			return rc > 0 ? 0 : -1;
		}
		at = buffer_reserve(replies, gulp);
		n = at ? read(rig->door, at, gulp) : -1;
		if (n <= 0)
			return -1;
		replies->len += (size_t)n;
	}
}

int vault_rig_commit(struct vault_rig *rig, struct wire_frame *ret_frame)
{
	struct buffer request;

	vault_rig_write_secrets(rig);
	buffer_init(&request, (size_t)WIRE_FRAME_MAX);
	wire_put_commit(&request, 1);
	vault_rig_send(rig, &request);
	buffer_clear(&request);
	return vault_rig_hear(rig, ret_frame);
}

int vault_rig_start_loaded(struct vault_rig *rig)
{
	struct wire_frame frame;

	vault_rig_init(rig);
	if (vault_rig_start(rig) < 0)
		return -1;
	vault_rig_make_secrets(rig);
	if (vault_rig_commit(rig, &frame) < 0)
		return -1;
	return frame.type == VAULT_LOADED && frame.tag == 1 ? 0 : -1;
}

bool vault_rig_ask(struct vault_rig *rig, struct buffer *requests,
                   struct wire_frame *ret_frame)
{
	vault_rig_send(rig, requests);
	buffer_rewind(requests);
	return vault_rig_hear(rig, ret_frame) == 0;
}

bool vault_rig_is_refused(const struct wire_frame *frame, uint64_t tag,
                          enum vault_refusal refusal, uint16_t slot)
{
	struct vault_refused refused;

	return frame->type == VAULT_REFUSED && frame->tag == tag &&
	       wire_get_refused(frame->body, &refused) == 0 &&
	       refused.refusal == refusal && refused.slot == slot &&
	       refused.detail[0] != '\0';
}

static const struct bytes references[] = {
	{ (const uint8_t *)BASE, sizeof(BASE) - 1 },
	{ (const uint8_t *)REFERENCE, sizeof(REFERENCE) - 1 },
};

void vault_rig_put_sign(struct buffer *out, uint64_t tag, uint16_t cache)
{
	const struct vault_sign sign = {
		.cache = cache,
		.base = bytes_of_text(BASE),
		.nar_hash = { { 7 } },
		.nar_size = NAR_SIZE,
		.references = references,
		.reference_count = 2,
	};

	wire_put_sign(out, tag, &sign);
}

void vault_rig_put_fingerprint(struct buffer *out)
{
	const struct nix_hash hash = { { 7 } };
	const struct fingerprint fingerprint = {
		.store_dir = STORE_DIR_DEFAULT,
		.base = bytes_of_text(BASE),
		.nar_hash = &hash,
		.nar_size = NAR_SIZE,
		.references = references,
		.reference_count = 2,
	};
	int rc = fingerprint_write(&fingerprint, out);

	assert(rc == 0);
}

void vault_rig_put_presign(struct buffer *out, uint64_t tag, uint16_t cache)
{
	const struct s3_object_request request = {
		.operation = S3_GET_OBJECT,
		.key = bytes_of_text(KEY),
		.expires = 60,
	};

	wire_put_presign(out, tag, cache, &request);
}
