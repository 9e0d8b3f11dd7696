#include "protocol/nix/store_uri.h"

#include "protocol/base/number.h"
#include "protocol/base/text.h"
#include "protocol/nix/store_query.h"
#include "protocol/nix/store_uri_s3.h"

#include <string.h>

#define PRIORITY_MAX 100000

static const char *const compressions[] = { "none", "xz", "zstd" };

static int read_compression(const struct store_query *query,
                            struct store_uri *uri, struct store_complaint *to)
{
	char value[STORE_QUERY_VALUE_SIZE];
	int rc;

	rc = store_query_get(query, STORE_COMPRESSION, value, to);
	if (rc < 0 || value[0] == '\0')
		return rc;

	for (size_t i = 0; i < sizeof(compressions) / sizeof(*compressions);
	     i++) {
		if (strcmp(value, compressions[i]) == 0) {
			memcpy(uri->compression, value, strlen(value) + 1);
			return 0;
		}
	}
	return store_complain(to, "compression: must be zstd, xz or none");
}

static int read_priority(const struct store_query *query, struct store_uri *uri,
                         struct store_complaint *to)
{
	char value[STORE_QUERY_VALUE_SIZE];
	uint64_t priority;
	int rc;

	uri->priority = -1;
	rc = store_query_get(query, STORE_PRIORITY, value, to);
	if (rc < 0 || value[0] == '\0')
		return rc;
	if (number_parse(value, PRIORITY_MAX, &priority) < 0) {
		return store_complain(to,
		                      "priority: must be a number from 0 to %d",
		                      PRIORITY_MAX);
	}

	uri->priority = (int)priority;
	return 0;
}

/* Copies the parts of a decoded absolute path, without empty ones. */
static int normalise(const char *path, char *out, struct store_complaint *to)
{
	size_t at = 0;

	while (*path != '\0') {
		size_t len = strcspn(++path, "/");

		if ((len == 1 && path[0] == '.') ||
		    (len == 2 && path[0] == '.' && path[1] == '.')) {
			return store_complain(to, "file: the path must not "
			                          "have '.' or '..' in it");
		}
		if (len > 0) {
			out[at++] = '/';
			memcpy(out + at, path, len);
			at += len;
		}
		path += len;
	}
	out[at] = '\0';
	return at > 0 ? 0 : store_complain(to, "file: the path is empty");
}

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == '\x7f')
			return true;
	}
	return false;
}

static int read_file(struct bytes place, struct store_uri *uri,
                     struct store_complaint *to)
{
	char path[STORE_URI_MAX + 1];

	if (store_percent_decode(place, path, sizeof(path)) < 0) {
		return store_complain(
			to, "file: the path has a wrong percent escape");
	}
	if (path[0] != '/') {
		return store_complain(to, "file: the path must be absolute, "
		                          "as in file:///srv/cache");
	}
	if (has_control(path)) {
		return store_complain(to,
		                      "file: the path has a control character");
	}
	return normalise(path, uri->path, to);
}

/* What follows the scheme's "//", or NULL. */
static const char *after_scheme(const char *text, enum store_uri_kind *ret_kind)
{
	static const struct {
		const char *prefix;
		enum store_uri_kind kind;
	} schemes[] = {
		{ "s3://", STORE_URI_S3 },
		{ "file://", STORE_URI_FILE },
	};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (text_has_prefix(text, schemes[i].prefix)) {
			*ret_kind = schemes[i].kind;
			return text + strlen(schemes[i].prefix);
		}
	}
	return NULL;
}

static int read_uri(const char *text, struct store_uri *uri,
                    struct store_complaint *to)
{
	struct store_query query;
	struct bytes place;
	int rc;

	text = after_scheme(text, &uri->kind);
	if (!text) {
		return store_complain(to,
		                      "only s3:// and file:// can be caches");
	}
	if (strchr(text, '#'))
		return store_complain(to, "a '#' must be written as %%23");

	place = (struct bytes){ (const uint8_t *)text, strcspn(text, "?") };
	text += place.len;
	rc = store_query_parse(*text == '?' ? text + 1 : text, uri->kind,
	                       &query, to);
	if (rc < 0)
		return rc;

	rc = uri->kind == STORE_URI_S3
	             ? store_uri_s3_read(place, &query, uri, to)
	             : read_file(place, uri, to);
	if (rc < 0)
		return rc;
	rc = read_compression(&query, uri, to);
	if (rc < 0)
		return rc;
	return read_priority(&query, uri, to);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): store_complain writes why */
int store_uri_parse(const char *text, struct store_uri *ret_uri, char *why,
                    size_t why_size)
{
	struct store_complaint to = { why, why_size };
	struct store_uri uri = { .priority = -1 };
	int rc;

	if (strnlen(text, STORE_URI_MAX + 1) > STORE_URI_MAX) {
		return store_complain(&to, "longer than %d characters",
		                      STORE_URI_MAX);
	}

	rc = read_uri(text, &uri, &to);
	if (rc < 0)
		return rc;

	*ret_uri = uri;
	return 0;
}

bool store_uri_same_place(const struct store_uri *a, const struct store_uri *b)
{
	return a->kind == b->kind && strcmp(a->bucket, b->bucket) == 0 &&
	       strcmp(a->prefix, b->prefix) == 0 &&
	       strcmp(a->endpoint, b->endpoint) == 0 &&
	       strcmp(a->path, b->path) == 0;
}
