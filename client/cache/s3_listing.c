#include "client/cache/s3_listing.h"

#include "client/cache/names.h"
#include "client/cache/s3_xml.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/number.h"
#include "protocol/base/text.h"
#include "protocol/s3/uri_encode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 1024 /* bytes, with the cache's prefix (S3's own limit) */

DEFINE_CLEANUP(struct cache_listing *, cache_listing_free)
#define cleanup_listing cleanup(cache_listing_free_at)

/* What an element says; encoded only if the server says so, which is not asked
 * of it.  -EBADMSG, -ENOMEM. */
static int decode_key(const char *text, bool is_encoded, struct buffer *out)
{
	int rc;

	buffer_rewind(out);
	if (!is_encoded) {
		buffer_append_text(out, text);
		rc = buffer_end(out);
	} else {
		rc = uri_decode(out, bytes_of_text(text));
	}
	if (rc == 0 && !buffer_text(out))
		rc = buffer_end(out);
	return rc == 0 || rc == -ENOMEM ? rc : -EBADMSG;
}

/* Ceph's dbstore does not know start-after, directory buckets of AWS know no
 * order. */
static bool comes_next(const struct s3_listing_request *request,
                       const struct cache_listing *listing, const char *name)
{
	if (request->after && strcmp(name, request->after) <= 0)
		return false;
	return listing->count == 0 ||
	       strcmp(name, listing->objects[listing->count - 1].key) > 0;
}

/* 0 also if the object is none of those asked for. */
static int add_object(const struct s3_listing_request *request,
                      const struct s3_xml *xml, size_t index, const char *key,
                      struct cache_listing *listing)
{
	const char *name = names_without_prefix(request->prefix, key);
	const char *size = s3_xml_find(xml, index, "Size");
	int64_t modified = s3_xml_time(s3_xml_find(xml, index, "LastModified"));
	struct cache_object *object = &listing->objects[listing->count];

	/* A folder's own object has no name in it. */
	if (name && !name[0])
		return 0;
	if (!name || !text_has_prefix(name, request->key)) {
		listing->is_gapless = false;
		return 0;
	}
	if (!comes_next(request, listing, name))
		listing->is_gapless = false;
	if (!size || number_parse(size, INT64_MAX, &object->size) < 0)
		return -EBADMSG;
	object->modified = modified > 0 ? modified : 0;
	object->key = strdup(name);
	if (!object->key)
		return -ENOMEM;
	listing->count++;
	return 0;
}

static bool is_object(const struct s3_xml *xml, size_t index)
{
	return s3_xml_depth(xml, index) == 1 &&
	       strcmp(s3_xml_name(xml, index), "Contents") == 0;
}

static int add_objects(const struct s3_listing_request *request,
                       const struct s3_xml *xml, struct cache_listing *listing)
{
	const char *encoding = s3_xml_find(xml, 0, "EncodingType");
	bool is_encoded = encoding && strcasecmp(encoding, "url") == 0;
	cleanup_buffer struct buffer text;
	size_t count = 0;
	int rc = 0;

	buffer_init(&text, KEY_MAX + 1);
	for (size_t i = 1; rc == 0 && i < xml->count; i++) {
		const char *key;

		if (!is_object(xml, i))
			continue;
		key = s3_xml_find(xml, i, "Key");
		if (!key || ++count > S3_MAX_KEYS_MAX)
			return -EBADMSG;
		rc = decode_key(key, is_encoded, &text);
		if (rc == 0) {
			rc = add_object(request, xml, i,
			                (const char *)text.data, listing);
		}
	}
	return rc;
}

/* A page that is followed by itself would be read for ever. */
static int take_token(const struct s3_listing_request *request,
                      const struct s3_xml *xml, struct cache_listing *listing)
{
	const char *is_truncated = s3_xml_find(xml, 0, "IsTruncated");
	const char *token = s3_xml_find(xml, 0, "NextContinuationToken");

	if (!is_truncated || strcmp(is_truncated, "true") != 0)
		return 0;
	if (!token || !token[0] || strlen(token) > S3_TOKEN_MAX ||
	    (request->token && strcmp(request->token, token) == 0))
		return -EBADMSG;
	listing->token = strdup(token);
	return listing->token ? 0 : -ENOMEM;
}

static int compare_keys(const void *a, const void *b)
{
	const struct cache_object *left = a, *right = b;

	return strcmp(left->key, right->key);
}

static int read_page(const struct s3_listing_request *request,
                     const struct s3_xml *xml, struct cache_listing *listing)
{
	int rc;

	if (strcmp(s3_xml_name(xml, 0), "ListBucketResult") != 0)
		return -EBADMSG;
	listing->objects = calloc(S3_MAX_KEYS_MAX, sizeof(*listing->objects));
	if (!listing->objects)
		return -ENOMEM;
	listing->is_gapless = true;
	rc = add_objects(request, xml, listing);
	if (rc < 0)
		return rc;
	qsort(listing->objects, listing->count, sizeof(*listing->objects),
	      compare_keys);
	return take_token(request, xml, listing);
}

int s3_listing_parse(struct bytes body,
                     const struct s3_listing_request *request,
                     struct cache_listing **ret_listing)
{
	cleanup_listing struct cache_listing *listing = NULL;
	cleanup_xml struct s3_xml xml = { .count = 0 };
	int rc;

	listing = calloc(1, sizeof(*listing));
	if (!listing)
		return -ENOMEM;
	rc = s3_xml_parse(body, &xml);
	if (rc < 0)
		return rc;
	rc = read_page(request, &xml, listing);
	if (rc < 0)
		return rc;
	*ret_listing = take_ptr(listing);
	return 0;
}
