#include "agent/vault/commit.h"

#include "protocol/base/cursor.h"

#include <sodium.h>

#include <string.h>

static enum vault_outcome take_all(struct desk *desk, struct intake *intake,
                                   struct vault_fault *ret_fault)
{
	struct bytes sections[WIRE_SLOTS_MAX];
	const struct config *config = desk->config;
	enum vault_outcome outcome;

	outcome = intake_parse(intake, sections, config->slot_count, ret_fault);
	for (size_t i = 0; i < config->slot_count && outcome == OUTCOME_DONE;
	     i++) {
		outcome = keyring_take(desk->keyring, config, (uint16_t)i,
		                       sections[i], ret_fault);
	}
	return outcome;
}

static void append_public_key(const struct signing_key *key, struct buffer *out)
{
	char text[KEY_PUBLIC_TEXT_SIZE];
	struct public_key public;

	memcpy(public.name, key->name, sizeof(public.name));
	memcpy(public.key, key->pair + crypto_sign_SEEDBYTES,
	       sizeof(public.key));
	public_key_format(&public, text);
	buffer_put_u16(out, key->slot);
	buffer_put_bytes(out, bytes_of_text(text));
}

static void append_certificate(const struct audit_key *seal_key,
                               const struct signing_key *key,
                               struct buffer *out)
{
	char text[KEY_SIGNATURE_TEXT_SIZE];
	struct signature signature;

	memcpy(signature.name, key->name, sizeof(signature.name));
	audit_key_certify(seal_key, key->pair, signature.bytes);
	signature_format(&signature, text);
	buffer_put_bytes(out, bytes_of_text(text));
}

static void append_loaded(const struct desk *desk, uint64_t tag,
                          struct buffer *out)
{
	const struct keyring *keyring = desk->keyring;
	const size_t mark = wire_begin(out, VAULT_LOADED, tag);

	buffer_put_u16(out, (uint16_t)keyring->key_count);
	for (size_t i = 0; i < keyring->key_count; i++)
		append_public_key(&keyring->keys[i], out);
	buffer_put_u16(out, (uint16_t)keyring->key_count);
	for (size_t i = 0; i < keyring->key_count; i++)
		append_certificate(desk->audit_key, &keyring->keys[i], out);
	wire_finish(out, mark);
}

enum vault_outcome commit_answer(struct desk *desk, struct intake *intake,
                                 const struct wire_frame *frame,
                                 struct buffer *out,
                                 struct vault_fault *ret_fault)
{
	enum vault_outcome outcome;

	if (frame->body.len > 0 || desk->keyring->is_loaded) {
		ret_fault->detail = "not a commit, or not the first";
		return OUTCOME_BAD_REQUEST;
	}

	outcome = take_all(desk, intake, ret_fault);
	intake_wipe(intake);
	if (outcome != OUTCOME_DONE) {
		keyring_clear(desk->keyring);
		return outcome;
	}

	desk->keyring->is_loaded = true;
	append_loaded(desk, frame->tag, out);
	return OUTCOME_DONE;
}
