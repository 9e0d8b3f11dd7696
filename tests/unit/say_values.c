/* What tests/flow/differential.sh compares with other implementations: a
 * question a line on standard input, an answer a line ("-": refused).  The
 * first line is a signing key, which is not answered.
 *
 *	hash TEXT                          hex, nix32
 *	fingerprint BASE HASH SIZE REF...  the text
 *	sign BASE HASH SIZE REF...         name:base64, as the vault signs
 *	encode HEX, encode-path HEX        a URI's text
 *	decode TEXT                        hex */
#include "agent/vault/sign.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/cursor.h"
#include "protocol/base/text.h"
#include "protocol/nix/fingerprint.h"
#include "protocol/s3/uri_encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LEN    ((size_t)1024 * 1024)
#define REFERENCES_MAX  1024
#define KEYRING_MAX     65536
#define FINGERPRINT_MAX ((size_t)512 * 1024)

struct question {
	struct bytes base;
	struct nix_hash hash;
	uint64_t size;
	struct bytes references[REFERENCES_MAX];
	size_t reference_count;
};

/* One cache with one signing key, as the vault has it. */
struct vault_room {
	struct config config;
	struct config_cache cache;
	struct secret_slot slot;
	struct desk desk;
};

static char *next_word(char **rest)
{
	static char none[] = "";

	return *rest ? strsep(rest, " ") : none;
}

static bool read_question(char *rest, struct question *q)
{
	const char *hash;

	q->base = bytes_of_text(next_word(&rest));
	hash = next_word(&rest);
	if (nix_hash_parse(hash, strlen(hash), &q->hash) < 0)
		return false;
	q->size = strtoull(next_word(&rest), NULL, 10);
	q->reference_count = 0;
	while (rest && q->reference_count < REFERENCES_MAX) {
		q->references[q->reference_count++] =
			bytes_of_text(next_word(&rest));
	}
	return true;
}

static void say_hash(const char *text)
{
	char nix32[NIX_HASH_NIX32_LEN + 1], hex[2 * NIX_HASH_LEN + 1];
	struct nix_hash hash;

	if (nix_hash_parse(text, strlen(text), &hash) < 0) {
		(void)puts("-");
		return;
	}
	text_hex(hash.sha256, NIX_HASH_LEN, hex);
	nix_hash_format_nix32(&hash, nix32);
	(void)printf("%s %s\n", hex, nix32);
}

static void say_fingerprint(char *rest)
{
	static struct question q;
	cleanup_buffer struct buffer out;
	bool is_read = read_question(rest, &q);
	const struct fingerprint f = {
		.store_dir = STORE_DIR_DEFAULT,
		.base = q.base,
		.nar_hash = &q.hash,
		.nar_size = q.size,
		.references = q.references,
		.reference_count = q.reference_count,
	};

	buffer_init(&out, FINGERPRINT_MAX);
	(void)puts(is_read && fingerprint_write(&f, &out) == 0
	                   ? buffer_text(&out)
	                   : "-");
}

static void say_signature(struct vault_room *room, char *rest)
{
	static struct question q;
	cleanup_buffer struct buffer asked, out;
	struct wire_frame frame, reply;
	struct vault_fault fault;
	struct vault_sign sign = { .references = q.references };
	struct bytes text;
	struct cursor c;

	buffer_init(&asked, WIRE_FRAME_MAX);
	buffer_init(&out, WIRE_FRAME_MAX);
	if (!read_question(rest, &q)) {
		(void)puts("-");
		return;
	}
	sign.base = q.base;
	sign.nar_hash = q.hash;
	sign.nar_size = q.size;
	sign.reference_count = q.reference_count;
	wire_put_sign(&asked, 1, &sign);
	if (wire_next(buffer_bytes(&asked), &frame) != 1 ||
	    sign_answer(&room->desk, &frame, &out, &fault) != OUTCOME_DONE ||
	    wire_next(buffer_bytes(&out), &reply) != 1) {
		(void)puts("-");
		return;
	}
	cursor_init(&c, reply.body);
	(void)cursor_get_u8(&c);
	text = cursor_get_bytes(&c, KEY_SIGNATURE_TEXT_SIZE);
	(void)printf("%.*s\n", (int)text.len, (const char *)text.data);
}

static void say_uri(const char *how, const char *text)
{
	cleanup_buffer struct buffer raw, out;
	size_t len = strlen(text) / 2;
	uint8_t *room;

	buffer_init(&raw, LINE_MAX_LEN);
	buffer_init(&out, 3 * LINE_MAX_LEN);
	if (strcmp(how, "decode") == 0) {
		if (uri_decode(&raw, bytes_of_text(text)) < 0) {
			(void)puts("-");
			return;
		}
		for (size_t i = 0; i < raw.len; i++)
			(void)printf("%02x", raw.data[i]);
		(void)puts("");
		return;
	}
	room = buffer_reserve(&raw, len + 1);
	if (!room || (len > 0 && text_unhex(text, 2 * len, room, len) < 0)) {
		(void)puts("-");
		return;
	}
	raw.len = len;
	if (strcmp(how, "encode") == 0) {
		uri_encode(&out, buffer_bytes(&raw));
	} else {
		uri_encode_path(&out, buffer_bytes(&raw));
	}
	(void)puts(buffer_text(&out));
}

static void answer(struct vault_room *room, char *line)
{
	char *rest = line;
	const char *verb = strsep(&rest, " ");

	if (strcmp(verb, "hash") == 0) {
		say_hash(rest ? rest : "");
	} else if (strcmp(verb, "fingerprint") == 0) {
		say_fingerprint(rest);
	} else if (strcmp(verb, "sign") == 0) {
		say_signature(room, rest);
	} else {
		say_uri(verb, rest ? rest : "");
	}
}

static bool load(struct vault_room *room, const char *key)
{
	static _Alignas(64) uint8_t memory[KEYRING_MAX];
	static uint8_t fingerprint[FINGERPRINT_MAX];
	static struct bytes references[WIRE_REFERENCES_MAX];
	static char dir[] = STORE_DIR_DEFAULT;
	struct vault_fault fault;

	*room = (struct vault_room){ .config = { .cache_count = 1,
		                                 .slot_count = 1 } };
	room->cache.store_dir = dir;
	room->config.caches = &room->cache;
	room->config.slots = &room->slot;
	room->slot.kind = SECRET_SIGNING_KEY;
	room->desk = (struct desk){
		.config = &room->config,
		.keyring = keyring_init(memory, &room->config),
		.references = references,
		.fingerprint = fingerprint,
		.fingerprint_size = sizeof(fingerprint),
	};
	if (keyring_take(room->desk.keyring, &room->config, 0,
	                 bytes_of_text(key), &fault) != OUTCOME_DONE)
		return false;
	room->desk.keyring->is_loaded = true;
	return true;
}

int main(void)
{
	static struct vault_room room;
	cleanup_free char *line = NULL;
	size_t size = 0;
	ssize_t len;

	len = getline(&line, &size, stdin);
	if (len <= 0 || !load(&room, line))
		return 2;
	while ((len = getline(&line, &size, stdin)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		answer(&room, line);
	}
	return 0;
}
