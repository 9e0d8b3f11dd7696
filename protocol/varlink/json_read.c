#include "protocol/varlink/json_read.h"

#include "protocol/varlink/scan.h"

#include <json-c/json.h>

#include <errno.h>
#include <limits.h>

static void free_tokener(struct json_tokener **slot)
{
	if (*slot)
		json_tokener_free(*slot);
}

int json_read(struct bytes text, struct json_object **ret_object)
{
	__attribute__((
		__cleanup__(free_tokener))) struct json_tokener *tokener = NULL;
	struct json_object *object;
	int rc;

	if (text.len > INT_MAX)
		return -EBADMSG;
	rc = scan_check(text);
	if (rc < 0)
		return rc;

	/* json-c counts the scalars inside the innermost object as a level. */
	tokener = json_tokener_new_ex(SCAN_DEPTH_MAX + 1);
	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener,
	                       JSON_TOKENER_STRICT |
	                               JSON_TOKENER_ALLOW_TRAILING_CHARS);
	object = json_tokener_parse_ex(tokener, (const char *)text.data,
	                               (int)text.len);
	/* The text is well-formed, so what is left to fail is memory. */
	if (!object)
		return -ENOMEM;

	*ret_object = object;
	return 0;
}

void json_read_free(struct json_object *object)
{
	(void)json_object_put(object);
}
