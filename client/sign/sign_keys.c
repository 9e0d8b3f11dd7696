#include "client/sign/sign_keys.h"

#include "protocol/base/bytes.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What comes before the colon, printable. */
static void name_of(const char *key, char *out, size_t size)
{
	text_printable(key, strcspn(key, ":"), out, size);
}

static void list_names(const struct agent_cache *cache, const char *wanted,
                       char why[SIGN_KEYS_WHY_MAX])
{
	char name[KEY_NAME_MAX + 1];
	struct buffer out;

	buffer_wrap(&out, why, SIGN_KEYS_WHY_MAX - 1);
	text_printable(wanted, strlen(wanted), name, sizeof(name));
	buffer_append_format(&out, "cache %s has no key %s", cache->name, name);
	for (size_t i = 0; i < cache->public_keys.count; i++) {
		name_of(cache->public_keys.items[i], name, sizeof(name));
		buffer_append_text(&out, i == 0 ? "; it has " : ", ");
		buffer_append_text(&out, name);
	}
	why[out.len] = '\0';
}

int sign_keys_choose(const struct agent_cache *cache, const char *name,
                     struct trust *ret_keys, char why[SIGN_KEYS_WHY_MAX])
{
	cleanup_strings struct strings chosen = { .items = NULL };
	size_t skipped;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < cache->public_keys.count; i++) {
		const char *key = cache->public_keys.items[i];
		size_t len = strcspn(key, ":");

		if (name &&
		    (strlen(name) != len || strncmp(key, name, len) != 0))
			continue;
		rc = strings_add(&chosen, key, strlen(key));
	}
	if (rc == 0)
		rc = trust_add(ret_keys, &chosen, &skipped);
	if (rc < 0) {
		(void)snprintf(why, SIGN_KEYS_WHY_MAX, "%s",
		               strerrordesc_np(-rc));
		return rc;
	}
	if (ret_keys->count > 0)
		return 0;
	if (name) {
		list_names(cache, name, why);
	} else {
		(void)snprintf(why, SIGN_KEYS_WHY_MAX,
		               "cache %s has no signing key", cache->name);
	}
	return -ENOENT;
}

static bool is_signed_by(const struct public_key *key, const char *store_dir,
                         const struct path_info *info)
{
	struct public_key copy = *key;
	const struct trust one = { .keys = &copy, .count = 1 };

	return trust_judge(&one, store_dir, info) == TRUST_SIGNED;
}

const struct public_key *sign_keys_find_missing(const struct trust *keys,
                                                const char *store_dir,
                                                const struct path_info *info)
{
	for (size_t i = 0; i < keys->count; i++) {
		if (!is_signed_by(&keys->keys[i], store_dir, info))
			return &keys->keys[i];
	}
	return NULL;
}

static bool has_signature(const struct path_info *info, const char *text)
{
	for (size_t i = 0; i < info->signatures.count; i++) {
		if (strcmp(info->signatures.items[i], text) == 0)
			return true;
	}
	return false;
}

int sign_keys_pick(const struct trust *keys, const char *store_dir,
                   const struct path_info *info, const struct strings *offered,
                   struct strings *ret_signatures)
{
	for (size_t i = 0; i < offered->count; i++) {
		char *text = offered->items[i];
		struct path_info with_it = *info;
		int rc;

		with_it.signatures =
			(struct strings){ .items = &text, .count = 1 };
		if (has_signature(info, text) ||
		    trust_judge(keys, store_dir, &with_it) != TRUST_SIGNED)
			continue;
		rc = strings_add(ret_signatures, text, strlen(text));
		if (rc < 0)
			return rc;
	}
	return 0;
}
