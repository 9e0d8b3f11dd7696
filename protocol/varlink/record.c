#include "protocol/varlink/record.h"

#include <json-c/json.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

static void refuse(struct record *record, const char *name)
{
	if (record->error)
		return;
	record->error = -EINVAL;
	record->bad = name;
}

void record_refuse(struct record *record, size_t field)
{
	refuse(record, record->shape->fields[field].name);
}

static enum json_type json_type_of(enum field_type type)
{
	switch (type) {
	case FIELD_TEXT:
		return json_type_string;
	case FIELD_INT:
		return json_type_int;
	case FIELD_BOOL:
		return json_type_boolean;
	case FIELD_OBJECT:
		return json_type_object;
	case FIELD_LIST:
		return json_type_array;
	}
	return json_type_null;
}

static const struct field *find_field(const struct shape *shape,
                                      const char *name)
{
	for (size_t i = 0; i < shape->count; i++) {
		if (strcmp(shape->fields[i].name, name) == 0)
			return &shape->fields[i];
	}
	return NULL;
}

/* null is the same as not given. */
static void read_member(struct record *record, const struct field *field,
                        struct json_object *value)
{
	if (!value)
		return;
	if (!json_object_is_type(value, json_type_of(field->type))) {
		refuse(record, field->name);
		return;
	}
	record->values[field - record->shape->fields] = value;
}

static void read_members(struct record *record, struct json_object *object,
                         enum record_strictness strictness)
{
	struct json_object_iterator at = json_object_iter_begin(object);
	struct json_object_iterator end = json_object_iter_end(object);

	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		const char *name = json_object_iter_peek_name(&at);
		const struct field *field = find_field(record->shape, name);

		if (field) {
			read_member(record, field,
			            json_object_iter_peek_value(&at));
		}
		if (!field && strictness == RECORD_STRICT)
			refuse(record, name);
	}
}

void record_read(struct record *record, const struct shape *shape,
                 struct json_object *object, enum record_strictness strictness)
{
	assert(shape->count <= RECORD_FIELDS_MAX);
	*record = (struct record){ .shape = shape };

	if (object)
		read_members(record, object, strictness);
	for (size_t i = 0; i < shape->count; i++) {
		if (!record->values[i] && shape->fields[i].idl[0] != '?')
			record_refuse(record, i);
	}
}

/* The value, or NULL if it was not given or the record has failed. */
static struct json_object *value_at(const struct record *record, size_t field,
                                    enum field_type type)
{
	assert(field < record->shape->count);
	assert(record->shape->fields[field].type == type);
	return record->error ? NULL : record->values[field];
}

bool record_has(const struct record *record, size_t field)
{
	return !record->error && record->values[field] != NULL;
}

static struct bytes text_of(struct json_object *value)
{
	return (struct bytes){
		(const uint8_t *)json_object_get_string(value),
		(size_t)json_object_get_string_len(value),
	};
}

struct bytes record_text(struct record *record, size_t field, size_t max)
{
	struct json_object *value = value_at(record, field, FIELD_TEXT);
	struct bytes text;

	if (!value)
		return (struct bytes){ NULL, 0 };

	text = text_of(value);
	if (text.len > max) {
		record_refuse(record, field);
		return (struct bytes){ NULL, 0 };
	}
	return text;
}

void record_copy_text(struct record *record, size_t field, char *out,
                      size_t size)
{
	struct bytes text = record_text(record, field, size - 1);

	if (text.len > 0)
		memcpy(out, text.data, text.len);
	out[text.len] = '\0';
}

char *record_dup_text(struct record *record, size_t field, size_t max)
{
	struct bytes text = record_text(record, field, max);
	char *copy;

	if (record->error)
		return NULL;

	copy = strndup(text.data ? (const char *)text.data : "", text.len);
	if (!copy)
		record->error = -ENOMEM;
	return copy;
}

int64_t record_int(struct record *record, size_t field, int64_t min,
                   int64_t max, int64_t absent)
{
	struct json_object *value = value_at(record, field, FIELD_INT);
	int64_t number;

	if (!value)
		return absent;

	number = json_object_get_int64(value);
	if (number < min || number > max) {
		record_refuse(record, field);
		return absent;
	}
	return number;
}

bool record_bool(struct record *record, size_t field)
{
	struct json_object *value = value_at(record, field, FIELD_BOOL);

	return value && json_object_get_boolean(value);
}

size_t record_list(struct record *record, size_t field, size_t max)
{
	struct json_object *value = value_at(record, field, FIELD_LIST);
	size_t count = value ? json_object_array_length(value) : 0;

	if (count > max) {
		record_refuse(record, field);
		return 0;
	}
	return count;
}

struct json_object *record_item(struct record *record, size_t field, size_t i)
{
	struct json_object *value = value_at(record, field, FIELD_LIST);
	struct json_object *item;

	if (!value)
		return NULL;

	item = json_object_array_get_idx(value, i);
	if (!json_object_is_type(item, json_type_object)) {
		record_refuse(record, field);
		return NULL;
	}
	return item;
}

struct json_object *record_object(struct record *record, size_t field)
{
	return value_at(record, field, FIELD_OBJECT);
}

struct bytes record_item_text(struct record *record, size_t field, size_t i,
                              size_t max)
{
	struct json_object *value = value_at(record, field, FIELD_LIST);
	struct json_object *item = value ? json_object_array_get_idx(value, i)
	                                 : NULL;
	struct bytes text = { NULL, 0 };

	if (json_object_is_type(item, json_type_string))
		text = text_of(item);
	if (value && (text.len == 0 || text.len > max)) {
		record_refuse(record, field);
		return (struct bytes){ NULL, 0 };
	}
	return text;
}

void record_add_texts(struct record *record, size_t field, size_t text_max,
                      struct strings *list)
{
	struct json_object *value = value_at(record, field, FIELD_LIST);
	size_t count = value ? json_object_array_length(value) : 0;

	for (size_t i = 0; i < count && !record->error; i++) {
		struct json_object *item = json_object_array_get_idx(value, i);
		struct bytes text = { NULL, 0 };

		if (json_object_is_type(item, json_type_string))
			text = text_of(item);
		if (text.len == 0 || text.len > text_max) {
			record_refuse(record, field);
		} else {
			record->error = strings_add(
				list, (const char *)text.data, text.len);
		}
	}
}

int record_end(const struct record *record)
{
	return record->error;
}
