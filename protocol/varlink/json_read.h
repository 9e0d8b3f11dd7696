/* json_read.h - strict JSON from outside as a tree
 *
 * What scan_check() lets pass, and nothing else, reaches json-c.
 */
#pragma once

#include "protocol/base/bytes.h"

struct json_object;

/* 0; -EBADMSG if text is not exactly one JSON object within the limits of
 * scan.h; -ENOMEM.  The caller does json_read_free(). */
must_check int json_read(struct bytes text, struct json_object **ret_object);
void json_read_free(struct json_object *object);

/* For cleanup on a local struct json_object *. */
#define cleanup_json __attribute__((__cleanup__(json_read_free_at)))
static inline void json_read_free_at(struct json_object **slot)
{
	json_read_free(*slot);
}
