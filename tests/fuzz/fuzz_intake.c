/* The bytes of the secrets pipe, and each secret that is cut out of them. */
#include "tests/fuzz/fuzz.h"

#include "agent/vault/intake.h"
#include "agent/vault/keyring.h"
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
		                 &fault) != OUTCOME_DONE)
			MUST(fault.detail && fault.slot == slot);
	}
	MUST(memchr(keyring->keys[0].name, '\0',
	            sizeof(keyring->keys[0].name)));
	keyring_clear(keyring);
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
	return 0;
}
