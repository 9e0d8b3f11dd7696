#include "client/survey/filter.h"

#include "protocol/base/text.h"
#include "protocol/nix/nix32.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static int refuse(const char *word, const char *what, char why[FILTER_WHY_MAX])
{
	char shown[200];

	text_printable(word, strlen(word), shown, sizeof(shown));
	(void)snprintf(why, FILTER_WHY_MAX, "%s: %s", shown, what);
	return -EINVAL;
}

/* Any base name begins like that. */
static bool may_begin(const char *text, size_t len)
{
	/* One digit more than there is makes a whole one of a beginning. */
	char whole[STORE_PATH_BASE_SIZE];
	size_t at;

	if (len > STORE_PATH_BASE_MAX)
		return false;
	for (at = 0; at < len && at < STORE_PATH_HASH_LEN; at++) {
		if (!nix32_is_digit(text[at]))
			return false;
	}
	if (len <= STORE_PATH_HASH_LEN)
		return true;
	if (text[STORE_PATH_HASH_LEN] != '-')
		return false;
	memcpy(whole, text, len);
	if (len == STORE_PATH_HASH_LEN + 1)
		whole[len++] = 'x';
	return store_path_base_is_valid(whole, len);
}

static int set_base(const char *word, const char *text, size_t len,
                    struct filter *filter, char why[FILTER_WHY_MAX])
{
	size_t key_len = len < STORE_PATH_HASH_LEN ? len : STORE_PATH_HASH_LEN;

	if (!may_begin(text, len)) {
		return refuse(word,
		              "no store path begins like that; for names give "
		              "a pattern, such as '*hello*'",
		              why);
	}
	memcpy(filter->key_prefix, text, key_len);
	filter->key_prefix[key_len] = '\0';
	memcpy(filter->base, text, len);
	filter->base[len] = '\0';
	return 0;
}

static int set_path(const char *word, const char *store_dir,
                    struct filter *filter, char why[FILTER_WHY_MAX])
{
	size_t dir_len = strlen(store_dir);
	const char *base = word + dir_len + 1;
	size_t len;

	if (strcmp(word, store_dir) == 0)
		return 0;
	if (!text_has_prefix(word, store_dir) || word[dir_len] != '/') {
		char what[STORE_DIR_MAX + 64];

		(void)snprintf(what, sizeof(what),
		               "the paths of this cache are below %s",
		               store_dir);
		return refuse(word, what, why);
	}
	len = strcspn(base, "/");
	filter->is_whole = base[len] == '/';
	if (filter->is_whole && !store_path_base_is_valid(base, len))
		return refuse(word, "it lies in no store path", why);
	return set_base(word, base, len, filter, why);
}

int filter_parse(const char *word, const char *store_dir,
                 struct filter *ret_filter, char why[FILTER_WHY_MAX])
{
	struct filter filter = { .pattern = NULL };
	int rc = 0;

	if (!word || !word[0]) {
		rc = 0;
	} else if (word[0] == '/') {
		rc = set_path(word, store_dir, &filter, why);
	} else if (strpbrk(word, "*?[")) {
		filter.pattern = word;
	} else {
		rc = set_base(word, word, strlen(word), &filter, why);
	}
	if (rc == 0)
		*ret_filter = filter;
	return rc;
}

bool filter_takes(const struct filter *filter, const char *base)
{
	if (!text_has_prefix(base, filter->base))
		return false;
	if (filter->is_whole && strcmp(base, filter->base) != 0)
		return false;
	return !filter->pattern ||
	       fnmatch(filter->pattern, base + STORE_PATH_HASH_LEN + 1, 0) == 0;
}
