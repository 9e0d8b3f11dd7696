/* json_read.h - strict JSON from outside, as a row of values
 *
 * The values stand in the order of the text: those inside an object or a list
 * follow it, and its size says where they end.  A tree is two pieces of memory,
 * whatever is in it: a copy of the text, in which every string has got its
 * closing NUL, and the row.
 */
#pragma once

#include "protocol/base/bytes.h"

enum json_kind {
	JSON_NULL,
	JSON_BOOL,
	JSON_INT,
	JSON_TEXT,
	JSON_OBJECT,
	JSON_LIST,
};

struct json_value {
	enum json_kind kind;
	uint32_t size;  /* of itself and all that is inside, in values */
	uint32_t count; /* of members or items; of a text, bytes */
	uint32_t name_len;
	const char *name; /* of a member, with its NUL; NULL: it is none */
	char *text;       /* JSON_TEXT: UTF-8, a NUL behind it and none in it */
	int64_t number;   /* JSON_INT; JSON_BOOL: 0 or 1 */
};

struct json_tree;

/* 0; -EBADMSG if text is not exactly one JSON object within the limits of
 * scan.h; -ENOMEM.  The caller does json_tree_put(). */
must_check int json_read(struct bytes text, struct json_tree **ret_tree);

/* The object that the text is; borrowed, as all that is reached from it. */
const struct json_value *json_tree_root(const struct json_tree *tree);

/* Another owner, who does json_tree_put() too.  NULL stays NULL. */
struct json_tree *json_tree_get(struct json_tree *tree);

/* Wipes and frees, if nobody else owns it: it may have held bearer tokens. */
void json_tree_put(struct json_tree *tree);

/* The first value inside an object or a list, and the one after a value.  The
 * caller counts. */
static inline const struct json_value *
json_first(const struct json_value *value)
{
	return value + 1;
}

static inline const struct json_value *
json_after(const struct json_value *value)
{
	return value + value->size;
}

/* For cleanup on a local struct json_tree *. */
#define cleanup_json __attribute__((__cleanup__(json_tree_put_at)))
static inline void json_tree_put_at(struct json_tree **slot)
{
	json_tree_put(*slot);
}
