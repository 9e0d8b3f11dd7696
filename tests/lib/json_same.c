#include "tests/lib/json_same.h"

#include "protocol/varlink/scan.h"

#include <json-c/json.h>

static bool is_same(const struct json_value *ours, struct json_object *theirs);

static bool is_same_object(const struct json_value *ours,
                           struct json_object *theirs)
{
	struct json_object_iterator at = json_object_iter_begin(theirs);
	const struct json_value *member = json_first(ours);

	if ((int)ours->count != json_object_object_length(theirs))
		return false;
	for (uint32_t i = 0; i < ours->count; i++) {
		const char *name = json_object_iter_peek_name(&at);

		if (strlen(name) != member->name_len ||
		    strcmp(name, member->name) != 0 ||
		    !is_same(member, json_object_iter_peek_value(&at)))
			return false;
		json_object_iter_next(&at);
		member = json_after(member);
	}
	return member == json_after(ours);
}

static bool is_same_list(const struct json_value *ours,
                         struct json_object *theirs)
{
	const struct json_value *item = json_first(ours);

	if (ours->count != json_object_array_length(theirs))
		return false;
	for (uint32_t i = 0; i < ours->count; i++) {
		if (item->name ||
		    !is_same(item, json_object_array_get_idx(theirs, i)))
			return false;
		item = json_after(item);
	}
	return item == json_after(ours);
}

static bool is_same(const struct json_value *ours, struct json_object *theirs)
{
	switch (ours->kind) {
	case JSON_NULL:
		return !theirs;
	case JSON_BOOL:
		return json_object_is_type(theirs, json_type_boolean) &&
		       json_object_get_boolean(theirs) == (ours->number == 1);
	case JSON_INT:
		return json_object_is_type(theirs, json_type_int) &&
		       json_object_get_int64(theirs) == ours->number;
	case JSON_TEXT:
		return json_object_is_type(theirs, json_type_string) &&
		       (size_t)json_object_get_string_len(theirs) ==
		               ours->count &&
		       memcmp(json_object_get_string(theirs), ours->text,
		              ours->count + 1) == 0;
	case JSON_OBJECT:
		return json_object_is_type(theirs, json_type_object) &&
		       is_same_object(ours, theirs);
	case JSON_LIST:
		return json_object_is_type(theirs, json_type_array) &&
		       is_same_list(ours, theirs);
	}
	return false;
}

bool json_same(struct bytes text)
{
	cleanup_json struct json_tree *tree = NULL;
	struct json_tokener *tokener = json_tokener_new_ex(SCAN_DEPTH_MAX + 1);
	struct json_object *object;
	bool same;

	object = json_tokener_parse_ex(tokener, (const char *)text.data,
	                               (int)text.len);
	same = json_read(text, &tree) == 0 &&
	       is_same(json_tree_root(tree), object);
	(void)json_object_put(object);
	json_tokener_free(tokener);
	return same;
}

int json_check(struct bytes text)
{
	cleanup_json struct json_tree *tree = NULL;

	return json_read(text, &tree);
}
