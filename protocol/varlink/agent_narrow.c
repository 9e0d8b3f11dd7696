#include "protocol/varlink/agent_narrow.h"

#include "protocol/varlink/interface.h"
#include "protocol/varlink/json_write.h"
#include "protocol/varlink/words.h"

#include <errno.h>

#define NUMBER_MAX 999999999999999999 /* what SCAN_DIGITS_MAX can say */

void narrow_call_clear(struct narrow_call *narrow)
{
	strings_clear(&narrow->caches);
	strings_clear(&narrow->keys);
	strings_clear(&narrow->store_paths);
	*narrow = (struct narrow_call){ .max_count = -1 };
}

static void put_texts(struct buffer *out, const char *key,
                      const struct strings *texts)
{
	if (texts->count > 0)
		json_put_texts_member(out, key, texts);
}

static void put_allow(struct buffer *out, uint32_t allow)
{
	if (allow == 0)
		return;
	json_put_key(out, "allow");
	buffer_append_char(out, '[');
	for (int i = 0; i < PERMIT_COUNT; i++) {
		if (!(allow & (1U << i)))
			continue;
		json_put_next(out);
		json_put_text(out, bytes_of_text(permission_name(
					   (enum permission)i)));
	}
	buffer_append_char(out, ']');
}

static void put_int_if(struct buffer *out, const char *key, int64_t value)
{
	if (value >= 0)
		json_put_int_member(out, key, value);
}

int narrow_call_encode(const struct narrow_call *narrow, struct buffer *out)
{
	size_t mark =
		call_begin(out, agent_method_name(AGENT_METHOD_NARROW), false);

	if (narrow->scope[0] != '\0') {
		json_put_text_member(out, "scope",
		                     bytes_of_text(narrow->scope));
	}
	put_allow(out, narrow->allow);
	put_texts(out, "caches", &narrow->caches);
	put_texts(out, "keys", &narrow->keys);
	put_texts(out, "storePaths", &narrow->store_paths);
	put_int_if(out, "maxCount", narrow->max_count);
	put_int_if(out, "maxBytes", narrow->max_bytes);
	put_int_if(out, "maxExpires", narrow->max_expires);
	put_int_if(out, "until", narrow->until);
	return call_end(out, mark);
}

/* Given and empty is refused. */
static size_t count_of(struct record *r, size_t field, size_t max)
{
	size_t count = record_list(r, field, max);

	if (record_has(r, field) && count == 0)
		record_refuse(r, field);
	return count;
}

static void read_allow(struct record *r, struct narrow_call *narrow)
{
	size_t count = count_of(r, NARROW_FIELD_ALLOW, PERMIT_COUNT);

	for (size_t i = 0; i < count; i++) {
		struct bytes word = record_item_text(r, NARROW_FIELD_ALLOW, i,
		                                     VARLINK_NAME_MAX);
		enum permission permission;

		if (words_find_permission(word, &permission) < 0) {
			record_refuse(r, NARROW_FIELD_ALLOW);
			return;
		}
		narrow->allow |= 1U << permission;
	}
}

static void read_texts(struct record *r, size_t field, size_t count_max,
                       size_t text_max, struct strings *list)
{
	if (count_of(r, field, count_max) > 0)
		record_add_texts(r, field, text_max, list);
}

int narrow_call_decode(const struct varlink_call *call,
                       struct narrow_call *ret_narrow,
                       struct error_reply *ret_error)
{
	struct narrow_call narrow = { .max_count = -1 };
	struct record r;
	int rc;

	record_read(&r, &interface_method(AGENT_METHOD_NARROW)->call,
	            call->parameters, RECORD_STRICT);
	record_copy_text(&r, NARROW_FIELD_SCOPE, narrow.scope,
	                 sizeof(narrow.scope));
	if (record_has(&r, NARROW_FIELD_SCOPE) && narrow.scope[0] == '\0')
		record_refuse(&r, NARROW_FIELD_SCOPE);
	read_allow(&r, &narrow);
	read_texts(&r, NARROW_FIELD_CACHES, AGENT_CACHES_MAX,
	           AGENT_CACHE_NAME_MAX, &narrow.caches);
	read_texts(&r, NARROW_FIELD_KEYS, NARROW_PATTERNS_MAX,
	           NARROW_PATTERN_LEN_MAX, &narrow.keys);
	read_texts(&r, NARROW_FIELD_STORE_PATHS, NARROW_PATTERNS_MAX,
	           NARROW_PATTERN_LEN_MAX, &narrow.store_paths);
	narrow.max_count =
		record_int(&r, NARROW_FIELD_MAX_COUNT, 0, NUMBER_MAX, -1);
	narrow.max_bytes =
		record_int(&r, NARROW_FIELD_MAX_BYTES, 0, NUMBER_MAX, -1);
	narrow.max_expires =
		record_int(&r, NARROW_FIELD_MAX_EXPIRES, 1, S3_EXPIRES_MAX, -1);
	narrow.until = record_int(&r, NARROW_FIELD_UNTIL, 0, NUMBER_MAX, -1);
	rc = record_end(&r);
	if (rc == 0) {
		*ret_narrow = narrow;
		return CALL_OK;
	}

	narrow_call_clear(&narrow);
	if (rc != -EINVAL)
		return rc;
	*ret_error = error_reply_make(ERROR_INVALID_PARAMETER, r.bad);
	return CALL_E_REFUSED;
}
