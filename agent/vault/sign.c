#include "agent/vault/sign.h"

#include "protocol/base/cursor.h"
#include "protocol/nix/fingerprint.h"

#include <sodium.h>

#include <string.h>

static size_t count_keys(const struct keyring *keyring, uint16_t cache)
{
	size_t count = 0;

	for (size_t i = 0; i < keyring->key_count; i++)
		count += keyring->keys[i].cache == cache ? 1 : 0;
	return count;
}

static void append_signature(const struct signing_key *key,
                             struct bytes fingerprint, struct buffer *out)
{
	char text[KEY_SIGNATURE_TEXT_SIZE];
	struct signature signature;

	memcpy(signature.name, key->name, sizeof(signature.name));
	(void)crypto_sign_detached(signature.bytes, NULL, fingerprint.data,
	                           fingerprint.len, key->pair);
	signature_format(&signature, text);
	buffer_put_bytes(out, bytes_of_text(text));
}

/* 0, or -errno when a field breaks its grammar. */
static int build_fingerprint(const struct desk *desk,
                             const struct vault_sign *sign,
                             struct bytes *ret_fingerprint)
{
	const struct fingerprint fingerprint = {
		.store_dir = desk->config->caches[sign->cache].store_dir,
		.base = sign->base,
		.nar_hash = &sign->nar_hash,
		.nar_size = sign->nar_size,
		.references = sign->references,
		.reference_count = sign->reference_count,
	};
	struct buffer text;
	int rc;

	buffer_wrap(&text, desk->fingerprint, desk->fingerprint_size);
	rc = fingerprint_write(&fingerprint, &text);
	if (rc < 0)
		return rc;

	*ret_fingerprint = buffer_bytes(&text);
	return 0;
}

enum vault_outcome sign_answer(struct desk *desk,
                               const struct wire_frame *frame,
                               struct buffer *out,
                               struct vault_fault *ret_fault)
{
	const struct keyring *keyring = desk->keyring;
	struct vault_sign sign;
	struct bytes fingerprint;
	size_t count, mark;

	if (!keyring->is_loaded) {
		ret_fault->detail = "no secrets are loaded";
		return OUTCOME_NOT_LOADED;
	}
	if (wire_get_sign(frame->body, desk->references, &sign) < 0 ||
	    sign.cache >= desk->config->cache_count) {
		ret_fault->detail = "not a sign request";
		return OUTCOME_BAD_REQUEST;
	}
	count = count_keys(keyring, sign.cache);
	if (count == 0) {
		ret_fault->detail = "the cache has no signing key";
		return OUTCOME_NO_SUCH_SECRET;
	}
	if (build_fingerprint(desk, &sign, &fingerprint) < 0) {
		ret_fault->detail = "not the fields of a store path";
		return OUTCOME_BAD_REQUEST;
	}

	mark = wire_begin(out, VAULT_SIGNED, frame->tag);
	buffer_put_u8(out, (uint8_t)count);
	for (size_t i = 0; i < keyring->key_count; i++) {
		if (keyring->keys[i].cache == sign.cache)
			append_signature(&keyring->keys[i], fingerprint, out);
	}
	wire_finish(out, mark);
	return OUTCOME_DONE;
}
