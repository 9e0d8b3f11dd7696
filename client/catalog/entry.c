#include "client/catalog/entry.h"

#include "client/pack/decompress.h"
#include "protocol/base/text.h"
#include "protocol/nix/content_address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int fail(const struct entry_question *question, const char *what,
                char why[ENTRY_WHY_MAX])
{
	(void)snprintf(why, ENTRY_WHY_MAX, "%.*s.narinfo: %s",
	               STORE_PATH_HASH_LEN, question->hash_part, what);
	return -EBADMSG;
}

static int decode(const struct cache_result *answer,
                  const struct entry_question *question, struct buffer *out,
                  char why[ENTRY_WHY_MAX])
{
	char what[128], encoding[sizeof(answer->encoding)];
	int rc = decompress_whole(answer->encoding,
	                          buffer_bytes(&answer->response), out);

	switch (rc) {
	case 0:
		return 0;
	case -ENOMEM:
		(void)snprintf(why, ENTRY_WHY_MAX, "%s", strerror(ENOMEM));
		return rc;
	case -EMSGSIZE:
		return fail(question, "larger than any narinfo may be", why);
	default:
		text_printable(answer->encoding,
		               strnlen(answer->encoding, sizeof(encoding)),
		               encoding, sizeof(encoding));
		(void)snprintf(what, sizeof(what),
		               rc == -ENOTSUP
		                       ? "the Content-Encoding \"%s\" is not "
		                         "one that is known"
		                       : "not what its Content-Encoding "
		                         "\"%s\" says",
		               encoding);
		return fail(question, what, why);
	}
}

/* Whoever answers may have put another path's narinfo there, with a good
 * signature of its own. */
static int check_path(const struct narinfo *info,
                      const struct entry_question *question,
                      char why[ENTRY_WHY_MAX])
{
	char what[STORE_PATH_BASE_SIZE + 64];

	if (memcmp(info->path.base, question->hash_part, STORE_PATH_HASH_LEN) ==
	            0 &&
	    (!question->base || strcmp(info->path.base, question->base) == 0))
		return 0;
	(void)snprintf(what, sizeof(what), "it is of another path, %s",
	               info->path.base);
	return fail(question, what, why);
}

int entry_read(const struct cache_result *answer,
               const struct entry_question *question, struct narinfo *ret_info,
               char why[ENTRY_WHY_MAX])
{
	cleanup_buffer struct buffer text = { .data = NULL };
	struct narinfo info;
	size_t line = 0;
	int rc;

	buffer_init(&text, NARINFO_SIZE_MAX);
	rc = decode(answer, question, &text, why);
	if (rc < 0)
		return rc;
	rc = narinfo_parse(buffer_bytes(&text), question->store_dir, &info,
	                   &line);
	if (rc == -ENOMEM) {
		(void)snprintf(why, ENTRY_WHY_MAX, "%s", strerror(ENOMEM));
		return rc;
	}
	if (rc < 0) {
		char what[64];

		(void)snprintf(what, sizeof(what), "malformed at line %zu",
		               line);
		return fail(question, what, why);
	}
	rc = check_path(&info, question, why);
	if (rc == 0 &&
	    content_address_is_false(&info.path, question->store_dir)) {
		rc = fail(question, "its content address is not of its name",
		          why);
	}
	if (rc < 0) {
		narinfo_clear(&info);
		return rc;
	}
	*ret_info = info;
	return 0;
}

int entry_nar_key(const struct narinfo *info, char ret_key[OBJECT_KEY_MAX + 1])
{
	size_t len = strlen(info->url);

	/* The grammar has no scheme, no '?', '%' and "..", no other folder. */
	if (object_key_kind(info->url, len) != OBJECT_KEY_NAR)
		return -EINVAL;
	memcpy(ret_key, info->url, len + 1);
	return 0;
}
