/* The vault without its process: a run of secrets up to the first " end", then
 * requests.  What it refuses leaves nothing behind; what it signs is the
 * fingerprint that is built here a second time, by the key that it named. */
#include "tests/fuzz/fuzz_secret.h"

#include "agent/vault/commit.h"
#include "agent/vault/memory.h"
#include "agent/vault/presign.h"
#include "agent/vault/sign.h"
#include "agent/vault/vault.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/cursor.h"
#include "protocol/nix/key.h"

#define SLOTS    5
#define TEXT_MAX (8UL * 1024 * 1024)

/* Two caches, one of them a folder with a key of its own. */
struct fixture {
	struct config config;
	struct config_cache caches[2];
	struct secret_slot slots[SLOTS];
	struct desk desk;
	struct audit_key audit_key;
	uint8_t *keyring;
	struct public_key keys[SLOTS]; /* what the vault said it has loaded */
	bool has_key[SLOTS];
};

static void fixture_init(struct fixture *f)
{
	static char dir[] = "/nix/store";
	static const enum secret_kind kinds[SLOTS] = {
		SECRET_SIGNING_KEY,       SECRET_ACCESS_KEY_ID,
		SECRET_SECRET_ACCESS_KEY, SECRET_SESSION_TOKEN,
		SECRET_SIGNING_KEY,
	};
	char why[200];

	*f = (struct fixture){ .config = { .cache_count = 2,
		                           .slot_count = SLOTS } };
	f->config.caches = f->caches;
	f->config.slots = f->slots;
	f->caches[0].store_dir = dir;
	f->caches[1].store_dir = dir;
	MUST(store_uri_parse("s3://bucket/nix?endpoint=s3.example.org",
	                     &f->caches[0].store, why, sizeof(why)) == 0);
	MUST(store_uri_parse("file:///srv/cache", &f->caches[1].store, why,
	                     sizeof(why)) == 0);
	for (size_t i = 0; i < SLOTS; i++)
		f->slots[i].kind = kinds[i];
	f->slots[SLOTS - 1].cache = 1;

	f->keyring =
		aligned_alloc(64, (keyring_size(&f->config) + 63) / 64 * 64);
	f->desk = (struct desk){
		.audit_key = &f->audit_key,
		.config = &f->config,
		.references = calloc(WIRE_REFERENCES_MAX, sizeof(struct bytes)),
		.fingerprint_size = 65536,
		.fingerprint = malloc(65536),
	};
	MUST(f->keyring && f->desk.references && f->desk.fingerprint);
	f->desk.keyring = keyring_init(f->keyring, &f->config);
}

static void fixture_clear(struct fixture *f)
{
	free(f->keyring);
	free(f->desk.references);
	free(f->desk.fingerprint);
}

/* Whatever is answered is one whole frame with the tag that was asked. */
static void check_answer(struct bytes out, const struct wire_frame *asked)
{
	struct wire_frame answer;

	MUST(wire_next(out, &answer) == 1);
	MUST(answer.size == out.len && answer.tag == asked->tag);
}

static void check_url(struct bytes out, const struct wire_frame *asked)
{
	struct wire_frame answer;
	struct bytes url;
	struct cursor c;

	check_answer(out, asked);
	MUST(wire_next(out, &answer) == 1 && answer.type == VAULT_URL);
	cursor_init(&c, answer.body);
	(void)cursor_get_u64(&c);
	url = cursor_get_bytes(&c, AGENT_URL_MAX);
	MUST(cursor_end(&c) == 0 && url.data && url.len > 0);
	for (size_t i = 0; i < url.len; i++)
		MUST(url.data[i] > ' ' && url.data[i] < 0x7f);
	MUST(memmem(url.data, url.len, "/bucket/nix", 11) ||
	     memmem(url.data, url.len, "/bucket?", 8));
}

/* Nix's base 32, most significant digit first. */
static void put_nix32(struct buffer *out, const uint8_t hash[32])
{
	static const char digits[] = "0123456789abcdfghijklmnpqrsvwxyz";

	for (unsigned at = 52; at-- > 0;) {
		unsigned bit = at * 5, byte = bit / 8, value = 0;

		value = hash[byte] >> (bit % 8);
		if (byte + 1 < 32)
			value |= (unsigned)hash[byte + 1] << (8 - bit % 8);
		buffer_append_char(out, digits[value & 31]);
	}
}

/* As the frame's body has it: cache, base name, hash, size, references. */
static uint16_t put_fingerprint(struct bytes body, struct buffer *out)
{
	static const char dir[] = "/nix/store/";
	struct bytes hash;
	struct cursor c;
	uint16_t cache;
	unsigned count;

	cursor_init(&c, body);
	cache = cursor_get_u16(&c);
	buffer_append_text(out, "1;");
	buffer_append_text(out, dir);
	buffer_append_bytes(out, cursor_get_bytes(&c, 65535));
	buffer_append_text(out, ";sha256:");
	hash = cursor_get_raw(&c, 32);
	MUST(hash.len == 32);
	put_nix32(out, hash.data);
	buffer_append_char(out, ';');
	buffer_append_u64(out, cursor_get_u64(&c));
	buffer_append_char(out, ';');
	count = cursor_get_u16(&c);
	for (unsigned i = 0; i < count; i++) {
		buffer_append_text(out, i > 0 ? "," : "");
		buffer_append_text(out, dir);
		buffer_append_bytes(out, cursor_get_bytes(&c, 65535));
	}
	MUST(cursor_end(&c) == 0 && buffer_end(out) == 0);
	return cache;
}

static void check_signature(const struct fixture *f, uint16_t cache,
                            struct bytes text, struct bytes fingerprint)
{
	struct signature signature;

	MUST(signature_parse((const char *)text.data, text.len, &signature) ==
	     0);
	for (size_t i = 0; i < SLOTS; i++) {
		if (f->has_key[i] && f->slots[i].cache == cache &&
		    strcmp(f->keys[i].name, signature.name) == 0 &&
		    fuzz_verify(f->keys[i].key, fingerprint, signature.bytes))
			return;
	}
	fuzz_failed(__FILE__, __LINE__, "a key of the cache has signed it");
}

static void check_signed(const struct fixture *f, struct bytes out,
                         const struct wire_frame *asked)
{
	cleanup_buffer struct buffer fingerprint;
	struct wire_frame answer;
	struct cursor c;
	uint16_t cache;
	unsigned count;

	check_answer(out, asked);
	MUST(wire_next(out, &answer) == 1 && answer.type == VAULT_SIGNED);
	buffer_init(&fingerprint, TEXT_MAX);
	cache = put_fingerprint(asked->body, &fingerprint);
	cursor_init(&c, answer.body);
	count = cursor_get_u8(&c);
	MUST(count > 0);
	for (unsigned i = 0; i < count; i++) {
		check_signature(f, cache,
		                cursor_get_bytes(&c, KEY_SIGNATURE_TEXT_SIZE),
		                buffer_bytes(&fingerprint));
	}
	MUST(cursor_end(&c) == 0);
}

static void take_loaded(struct fixture *f, struct bytes out,
                        const struct wire_frame *asked)
{
	struct wire_frame answer;
	struct cursor c;
	unsigned count;

	check_answer(out, asked);
	MUST(wire_next(out, &answer) == 1 && answer.type == VAULT_LOADED);
	cursor_init(&c, answer.body);
	count = cursor_get_u16(&c);
	for (unsigned i = 0; i < count; i++) {
		unsigned slot = cursor_get_u16(&c);
		struct bytes text = cursor_get_bytes(&c, KEY_PUBLIC_TEXT_SIZE);

		MUST(slot < SLOTS && !f->has_key[slot]);
		MUST(f->slots[slot].kind == SECRET_SIGNING_KEY);
		MUST(public_key_parse((const char *)text.data, text.len,
		                      &f->keys[slot]) == 0);
		f->has_key[slot] = true;
	}
}

static void check_done(struct fixture *f, struct bytes out,
                       const struct wire_frame *asked)
{
	if (asked->type == VAULT_PRESIGN) {
		check_url(out, asked);
	} else if (asked->type == VAULT_SIGN) {
		check_signed(f, out, asked);
	} else {
		take_loaded(f, out, asked);
	}
}

static void ask(struct fixture *f, struct intake *intake,
                const struct wire_frame *frame)
{
	static uint8_t memory[VAULT_REPLY_MAX];
	struct vault_fault fault = { 0, NULL };
	enum vault_outcome outcome;
	struct buffer out;

	buffer_wrap(&out, memory, sizeof(memory));
	buffer_append_text(&out, "before");
	if (frame->type == VAULT_SIGN) {
		outcome = sign_answer(&f->desk, frame, &out, &fault);
	} else if (frame->type == VAULT_PRESIGN) {
		outcome = presign_answer(&f->desk, frame, &out, &fault);
	} else {
		outcome = commit_answer(&f->desk, intake, frame, &out, &fault);
	}
	MUST(buffer_end(&out) == 0 && memcmp(out.data, "before", 6) == 0);
	if (outcome == OUTCOME_DONE) {
		check_done(f, (struct bytes){ out.data + 6, out.len - 6 },
		           frame);
	} else {
		MUST(out.len == 6 && fault.detail && fault.slot < SLOTS);
	}
	if (!f->desk.keyring->is_loaded)
		fuzz_check_cleared(f->desk.keyring);
}

static void ask_all(struct fixture *f, struct intake *intake, struct bytes left)
{
	const struct wire_frame commit = { .type = VAULT_COMMIT };
	struct wire_frame frame;

	ask(f, intake, &commit);
	MUST(fuzz_is_zero(intake->data, intake->size));
	while (wire_next(left, &frame) > 0) {
		ask(f, intake, &frame);
		left.data += frame.size;
		left.len -= frame.size;
	}
}

/* The input before its last line of secrets; all of it if there is none. */
static size_t secrets_len(const uint8_t *bytes, size_t len)
{
	const uint8_t *end = memmem(bytes, len, " end\n", 5);

	return end ? (size_t)(end - bytes) + 5 : len;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	size_t cut = len > 0 ? secrets_len(bytes, len) : 0;
	cleanup_free void *memory = calloc(1, cut + 1);
	struct intake intake;
	struct fixture f;

	MUST(memory);
	if (cut > VAULT_INTAKE_MAX)
		return 0;
	fixture_init(&f);
	intake_init(&intake, memory, cut);
	if (cut > 0)
		memcpy(memory, bytes, cut);
	intake.len = cut;
	ask_all(&f, &intake, (struct bytes){ bytes + cut, len - cut });
	fixture_clear(&f);
	return 0;
}
