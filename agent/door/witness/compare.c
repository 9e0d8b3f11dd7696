#include "agent/door/witness/compare.h"

#include <string.h>

/* Names and paths have no NUL, so that none can be taken for another. */
static int add_text(struct digest *digest, const char *text)
{
	return digest_update(digest, text, strlen(text) + 1);
}

/* skip: bytes of each that are left out, the store's folder. */
static int add_references(struct digest *digest,
                          const struct strings *references, size_t skip)
{
	int rc = 0;

	for (size_t i = 0; i < references->count && rc == 0; i++)
		rc = add_text(digest, references->items[i] + skip);
	return rc;
}

int compare_digest(struct digest *digest, const char *store_dir,
                   enum sign_policy policy, const struct sign_path *path,
                   struct digest_sha256 *ret_digest)
{
	const uint8_t policy_byte = (uint8_t)policy;
	int rc = digest_update(digest, &policy_byte, sizeof(policy_byte));

	if (rc == 0)
		rc = add_text(digest, store_dir);
	if (rc == 0)
		rc = add_text(digest, path->store_path);
	if (rc == 0) {
		rc = digest_update(digest, path->nar_hash.sha256,
		                   sizeof(path->nar_hash.sha256));
	}
	if (rc == 0) {
		rc = digest_update(digest, &path->nar_size,
		                   sizeof(path->nar_size));
	}
	if (rc == 0)
		rc = add_references(digest, &path->references, 0);
	return rc < 0 ? rc : digest_final(digest, ret_digest->bytes);
}

static int digest_references(struct digest *digest,
                             const struct strings *references, size_t skip,
                             struct digest_sha256 *ret_digest)
{
	int rc = add_references(digest, references, skip);

	return rc < 0 ? rc : digest_final(digest, ret_digest->bytes);
}

int compare_take_answer(struct digest *digest, const struct path_info *info,
                        struct answer *ret_answer)
{
	if (!info) {
		*ret_answer = (struct answer){ .is_valid = false };
		return 0;
	}
	ret_answer->is_valid = true;
	ret_answer->is_ultimate = info->is_ultimate;
	ret_answer->nar_size = info->nar_size;
	ret_answer->nar_hash = info->nar_hash;
	return digest_references(digest, &info->references, 0,
	                         &ret_answer->references);
}

/* Both lists are sorted and without repeats, and a folder before each name of
 * one of them changes nothing about the order. */
int compare_path(struct digest *digest, const char *store_dir,
                 enum sign_policy policy, const struct sign_path *path,
                 const struct answer *answer)
{
	struct digest_sha256 references;
	int rc;

	if (!answer->is_valid)
		return COMPARE_NOT_HELD;
	if (!nix_hash_equal(&path->nar_hash, &answer->nar_hash))
		return COMPARE_HASH;
	if (path->nar_size != answer->nar_size)
		return COMPARE_SIZE;
	rc = digest_references(digest, &path->references, strlen(store_dir) + 1,
	                       &references);
	if (rc < 0)
		return rc;
	if (memcmp(&references, &answer->references, sizeof(references)) != 0)
		return COMPARE_REFERENCES;
	if (policy == SIGN_BUILT_HERE && !answer->is_ultimate)
		return COMPARE_NOT_BUILT_HERE;
	return COMPARE_AGREES;
}

const char *compare_reason(enum comparison comparison)
{
	static const char *const reasons[] = {
		[COMPARE_AGREES] = "",
		[COMPARE_NOT_HELD] = "the store does not hold it",
		[COMPARE_HASH] = "its NAR hash is another in the store",
		[COMPARE_SIZE] = "its NAR size is another in the store",
		[COMPARE_REFERENCES] = "its references are others in the store",
		[COMPARE_NOT_BUILT_HERE] = "it was not built here",
	};

	return reasons[comparison];
}
