/* The bytes of the secrets pipe, and each secret that is cut out of them: a key
 * that is taken is the one that the text says and can sign; nothing is left of
 * any, whether it was taken or refused. */
#include "tests/fuzz/fuzz_secret.h"

#include "agent/vault/intake.h"
#include "protocol/base/cleanup.h"

enum {
	SLOT_COUNT = 4,
	KEYRING_MAX = 8192,
};

static void check_sections(const struct intake *intake,
                           const struct bytes *sections)
{
	for (size_t i = 0; i < SLOT_COUNT; i++) {
		MUST(sections[i].data >= intake->data);
		MUST(sections[i].data + sections[i].len <=
		     intake->data + intake->len);
	}
}

/* The text that was taken: white space at its end and folded lines do not
 * count. */
static void check_key_text(const struct signing_key *key, struct bytes text)
{
	char said[KEY_NAME_MAX + 1 + 89], digits[89];
	cleanup_buffer struct buffer plain;

	buffer_init(&plain, text.len + 1);
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] != '\r' && text.data[i] != '\n')
			buffer_append_char(&plain, (char)text.data[i]);
	}
	while (plain.len > 0 && strchr(" \t", plain.data[plain.len - 1]))
		plain.len--;
	(void)sodium_bin2base64(digits, sizeof(digits), key->pair,
	                        sizeof(key->pair),
	                        sodium_base64_VARIANT_ORIGINAL);
	(void)snprintf(said, sizeof(said), "%s:%s", key->name, digits);
	MUST(bytes_equal(buffer_bytes(&plain), bytes_of_text(said)));
}

static void check_key(const struct signing_key *key, struct bytes text)
{
	static const char message[] = "1;/nix/store/x;sha256:y;1;";
	const struct bytes covered = { (const uint8_t *)message,
		                       sizeof(message) - 1 };
	uint8_t signature[crypto_sign_BYTES];

	check_key_text(key, text);
	MUST(crypto_sign_detached(signature, NULL, covered.data, covered.len,
	                          key->pair) == 0);
	MUST(fuzz_verify(key->pair + crypto_sign_SEEDBYTES, covered,
	                 signature));
}

/* Every text as every kind of secret. */
static void take(struct bytes text)
{
	static _Alignas(64) uint8_t memory[KEYRING_MAX];
	static struct config_cache cache;
	static struct secret_slot slots[SLOT_COUNT] = {
		{ .kind = SECRET_SIGNING_KEY },
		{ .kind = SECRET_ACCESS_KEY_ID },
		{ .kind = SECRET_SECRET_ACCESS_KEY },
		{ .kind = SECRET_SESSION_TOKEN },
	};
	const struct config config = { .caches = &cache,
		                       .cache_count = 1,
		                       .slots = slots,
		                       .slot_count = SLOT_COUNT };
	struct vault_fault fault;
	struct keyring *keyring;

	MUST(keyring_size(&config) <= sizeof(memory));
	keyring = keyring_init(memory, &config);
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
		fault = (struct vault_fault){ 99, NULL };
		if (keyring_take(keyring, &config, (uint16_t)slot, text,
		                 &fault) != OUTCOME_DONE) {
			MUST(fault.detail && fault.slot == slot);
		} else if (slot == 0) {
			check_key(&keyring->keys[0], text);
		}
	}
	MUST(memchr(keyring->keys[0].name, '\0',
	            sizeof(keyring->keys[0].name)));
	keyring_clear(keyring);
	fuzz_check_cleared(keyring);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	cleanup_free char *copy = fuzz_text(bytes, len);
	struct bytes sections[SLOT_COUNT];
	struct vault_fault fault = { 99, NULL };
	struct intake intake;

	take((struct bytes){ bytes, len });
	intake_init(&intake, copy, len);
	intake.len = len;
	if (intake_parse(&intake, sections, SLOT_COUNT, &fault) !=
	    OUTCOME_DONE) {
		MUST(fault.detail && fault.slot < SLOT_COUNT);
		return 0;
	}
	check_sections(&intake, sections);
	for (size_t i = 0; i < SLOT_COUNT; i++)
		take(sections[i]);
	intake_wipe(&intake);
	MUST(fuzz_is_zero(copy, len));
	return 0;
}
