#include "client/catalog/trust.h"

#include "protocol/base/cleanup.h"
#include "protocol/nix/content_address.h"
#include "protocol/nix/fingerprint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FINGERPRINT_MAX ((size_t)8 * 1024 * 1024)

void trust_clear(struct trust *trust)
{
	free(trust->keys);
	*trust = (struct trust){ .keys = NULL };
}

int trust_add(struct trust *trust, const struct strings *keys,
              size_t *ret_skipped)
{
	struct public_key *grown;
	size_t skipped = 0;

	if (keys->count > TRUST_KEYS_MAX ||
	    trust->count > TRUST_KEYS_MAX - keys->count)
		return -E2BIG;
	grown = reallocarray(trust->keys, trust->count + keys->count + 1,
	                     sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	trust->keys = grown;

	for (size_t i = 0; i < keys->count; i++) {
		const char *text = keys->items[i];

		if (public_key_parse(text, strlen(text),
		                     &grown[trust->count]) == 0) {
			trust->count++;
		} else {
			skipped++;
		}
	}
	*ret_skipped = skipped;
	return 0;
}

/* What the signatures of a path are made over. */
static int write_message(const char *store_dir, const struct path_info *info,
                         struct buffer *out)
{
	cleanup_free struct bytes *references =
		calloc(info->references.count + 1, sizeof(*references));
	const struct fingerprint f = {
		.store_dir = store_dir,
		.base = bytes_of_text(info->base),
		.nar_hash = &info->nar_hash,
		.nar_size = info->nar_size,
		.references = references,
		.reference_count = info->references.count,
	};

	if (!references)
		return -ENOMEM;
	for (size_t i = 0; i < info->references.count; i++)
		references[i] = bytes_of_text(info->references.items[i]);
	return fingerprint_write(&f, out);
}

/* One signature, against all keys that bear its name. */
static enum trust_verdict judge_one(const struct trust *trust, const char *text,
                                    struct bytes message)
{
	enum trust_verdict verdict = TRUST_UNSIGNED;
	struct signature signature;

	if (signature_parse(text, strlen(text), &signature) < 0)
		return TRUST_UNSIGNED;
	for (size_t i = 0; i < trust->count; i++) {
		if (strcmp(trust->keys[i].name, signature.name) != 0)
			continue;
		if (signature_verify(&signature, &trust->keys[i], message))
			return TRUST_SIGNED;
		verdict = TRUST_FORGED;
	}
	return verdict;
}

static enum trust_verdict judge_signatures(const struct trust *trust,
                                           const char *store_dir,
                                           const struct path_info *info)
{
	cleanup_buffer struct buffer message = { .data = NULL };
	enum trust_verdict verdict = TRUST_UNSIGNED;

	buffer_init(&message, FINGERPRINT_MAX);
	if (info->signatures.count == 0 ||
	    write_message(store_dir, info, &message) < 0)
		return TRUST_UNSIGNED;
	for (size_t i = 0; i < info->signatures.count; i++) {
		enum trust_verdict one = judge_one(trust,
		                                   info->signatures.items[i],
		                                   buffer_bytes(&message));

		if (one == TRUST_SIGNED)
			return TRUST_SIGNED;
		if (one == TRUST_FORGED)
			verdict = TRUST_FORGED;
	}
	return verdict;
}

enum trust_verdict trust_judge(const struct trust *trust, const char *store_dir,
                               const struct path_info *info)
{
	enum trust_verdict verdict = judge_signatures(trust, store_dir, info);

	if (verdict != TRUST_SIGNED && content_address_holds(info, store_dir))
		return TRUST_CONTENT;
	return verdict;
}
