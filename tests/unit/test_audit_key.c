#include "agent/seal/secret_memory.h"
#include "agent/vault/audit_key.h"
#include "protocol/audit/audit_text.h"
#include "tests/lib/test.h"
#include "tests/lib/vault_rig.h"

#include <errno.h>
#include <string.h>

static const struct vault_seal a_line = { .sequence = 5, .head = { 1, 2 } };

static void key_of(uint8_t seed_byte, struct audit_key *key)
{
	memset(key, 0, sizeof(*key));
	memset(key->seed, seed_byte, sizeof(key->seed));
	audit_key_init(key);
}

static bool verifies(const struct vault_seal *seal,
                     const struct vault_sealed *sealed)
{
	char text[AUDIT_TEXT_MAX];
	size_t len =
		audit_seal_text(seal->sequence, seal->head, sealed->next, text);

	return crypto_sign_verify_detached(sealed->signature,
	                                   (const uint8_t *)text, len,
	                                   sealed->key) == 0;
}

static void seals_verify_and_each_names_the_next_key(void)
{
	struct vault_sealed sealed, former;
	struct audit_key key;

	key_of(1, &key);
	memcpy(former.next, key.first, sizeof(former.next));
	for (int i = 0; i < 5; i++) {
		audit_key_seal(&key, &a_line, &sealed);
		CHECK(verifies(&a_line, &sealed));
		CHECK(memcmp(sealed.key, former.next, sizeof(sealed.key)) == 0);
		CHECK(memcmp(sealed.key, sealed.next, sizeof(sealed.key)) != 0);
		former = sealed;
	}
}

static void a_seal_is_of_its_line_and_its_next_key_alone(void)
{
	struct vault_seal other = a_line;
	struct vault_sealed sealed;
	struct audit_key key;

	key_of(1, &key);
	audit_key_seal(&key, &a_line, &sealed);
	other.sequence++;
	CHECK(!verifies(&other, &sealed));
	other = a_line;
	other.head[31] ^= 1;
	CHECK(!verifies(&other, &sealed));
	sealed.next[0] ^= 1;
	CHECK(!verifies(&a_line, &sealed));
}

/* The documented step, so that somebody else can check it. */
static void the_next_seed_is_an_hmac_of_the_one_before(void)
{
	static const char text[] = "nixcache audit next";
	uint8_t seed[crypto_sign_SEEDBYTES], next[crypto_sign_SEEDBYTES];
	struct vault_sealed sealed;
	struct audit_key key;

	key_of(3, &key);
	memcpy(seed, key.seed, sizeof(seed));
	(void)crypto_auth_hmacsha256(next, (const uint8_t *)text,
	                             sizeof(text) - 1, seed);
	audit_key_seal(&key, &a_line, &sealed);
	CHECK(memcmp(key.seed, next, sizeof(next)) == 0);
}

static bool contains(const uint8_t *memory, size_t size, const uint8_t *bytes,
                     size_t len)
{
	return memmem(memory, size, bytes, len) != NULL;
}

struct work {
	struct audit_key key;
	struct vault_sealed sealed;
};

static void seal_once(void *argument)
{
	struct work *work = argument;

	audit_key_seal(&work->key, &a_line, &work->sealed);
}

/* Where the seal was made, on a stack of its own as in the vault: nothing of
 * an old seed is left, not a half of it either. */
static void of_an_old_key_nothing_is_left(void)
{
	uint8_t seed[crypto_sign_SEEDBYTES], pair[crypto_sign_SECRETKEYBYTES],
		expanded[crypto_hash_sha512_BYTES], public[KEY_PUBLIC_LEN];
	struct report report = { .process = "test" };
	struct secret_memory stack;
	struct work work;

	if (secret_memory_map(64UL * 1024, SECRET_MEMORY_ANY, &report, &stack) <
	    0) {
		FAIL("no memory");
		return;
	}
	key_of(4, &work.key);
	randombytes_buf(work.key.seed, sizeof(work.key.seed));
	memcpy(seed, work.key.seed, sizeof(seed));
	(void)crypto_sign_seed_keypair(public, pair, seed);
	(void)crypto_hash_sha512(expanded, seed, sizeof(seed));

	/* The look can see: a copy on that stack would be found. */
	memcpy(stack.at + 100, seed, 16);
	CHECK(contains(stack.at, stack.size, seed, 16));
	memset(stack.at + 100, 0, 16);

	secret_memory_call(&stack, seal_once, &work);
	CHECK(memcmp(work.sealed.key, public, sizeof(public)) == 0);
	for (size_t i = 0; i < sizeof(seed); i += 8) {
		CHECK(!contains(stack.at, stack.size, seed + i, 8));
		CHECK(!contains((const uint8_t *)&work, sizeof(work), seed + i,
		                8));
		CHECK(!contains(stack.at, stack.size, expanded + i, 8));
	}
	secret_memory_unmap(&stack);
}

/* The real vault, sealed: its first key is its own, and changes. */
static void a_vault_seals_loaded_or_not(void)
{
	static struct vault_rig rig;
	struct vault_sealed sealed;
	struct wire_frame frame;
	struct buffer request;
	uint8_t next[KEY_PUBLIC_LEN];

	buffer_init(&request, WIRE_FRAME_MAX);
	vault_rig_init(&rig);
	CHECK(vault_rig_start(&rig) == 0);
	memcpy(next, rig.seal_key, sizeof(next));
	for (uint64_t tag = 1; tag < 20; tag++) {
		wire_put_seal(&request, tag, &a_line);
		CHECK(vault_rig_ask(&rig, &request, &frame));
		CHECK(frame.type == VAULT_SEALED && frame.tag == tag);
		CHECK(wire_get_sealed(frame.body, &sealed) == 0);
		CHECK(verifies(&a_line, &sealed));
		CHECK(memcmp(next, sealed.key, sizeof(next)) == 0);
		memcpy(next, sealed.next, sizeof(next));
		if (tag == 10) {
			vault_rig_make_secrets(&rig);
			CHECK(vault_rig_commit(&rig, &frame) == 0);
			CHECK(frame.type == VAULT_LOADED);
		}
	}
	wire_finish(&request, wire_begin(&request, VAULT_SEAL, 30));
	CHECK(vault_rig_ask(&rig, &request, &frame));
	CHECK(vault_rig_is_refused(&frame, 30, VAULT_BAD_REQUEST, 0));
	CHECK(vault_rig_stop(&rig) == 0);
	buffer_clear(&request);
}

static void no_two_vaults_have_the_same_key(void)
{
	static struct vault_rig one, other;

	vault_rig_init(&one);
	vault_rig_init(&other);
	CHECK(vault_rig_start(&one) == 0 && vault_rig_start(&other) == 0);
	CHECK(memcmp(one.seal_key, other.seal_key, KEY_PUBLIC_LEN) != 0);
	CHECK(vault_rig_stop(&one) == 0);
	CHECK(vault_rig_stop(&other) == 0);
}

static void cut_frames_are_refused(void)
{
	struct vault_sealed sealed = { .key = { 1 },
		                       .next = { 2 },
		                       .signature = { 3 } };
	struct vault_sealed got_sealed;
	struct vault_seal got;
	struct wire_frame frame;
	struct buffer out;

	buffer_init(&out, WIRE_FRAME_MAX);
	wire_put_seal(&out, 1, &a_line);
	CHECK(wire_next(buffer_bytes(&out), &frame) == 1);
	CHECK(wire_get_seal(frame.body, &got) == 0 && got.sequence == 5 &&
	      memcmp(got.head, a_line.head, sizeof(got.head)) == 0);
	while (frame.body.len-- > 0)
		CHECK(wire_get_seal(frame.body, &got) == -EBADMSG);

	buffer_rewind(&out);
	wire_put_sealed(&out, 1, &sealed);
	buffer_append_char(&out, 'x');
	CHECK(wire_next(buffer_bytes(&out), &frame) == 1);
	CHECK(wire_get_sealed(frame.body, &got_sealed) == 0 &&
	      memcmp(&got_sealed, &sealed, sizeof(sealed)) == 0);
	frame.body.len++;
	CHECK(wire_get_sealed(frame.body, &got_sealed) == -EBADMSG);
	for (frame.body.len--; frame.body.len-- > 0;)
		CHECK(wire_get_sealed(frame.body, &got_sealed) == -EBADMSG);
	buffer_clear(&out);
}

int main(void)
{
	static const struct test tests[] = {
		{ "seals verify, and each names the next key",
		  seals_verify_and_each_names_the_next_key },
		{ "a seal is of its line and its next key alone",
		  a_seal_is_of_its_line_and_its_next_key_alone },
		{ "the next seed is an HMAC of the one before",
		  the_next_seed_is_an_hmac_of_the_one_before },
		{ "of an old key nothing is left",
		  of_an_old_key_nothing_is_left },
		{ "a vault seals, loaded or not", a_vault_seals_loaded_or_not },
		{ "cut frames are refused", cut_frames_are_refused },
		{ "no two vaults have the same key",
		  no_two_vaults_have_the_same_key },
	};

	if (sodium_init() < 0)
		return 1;
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
