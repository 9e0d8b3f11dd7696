#include "protocol/varlink/record.h"

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

static enum json_kind kind_of(enum field_type type)
{
	switch (type) {
	case FIELD_TEXT:
		return JSON_TEXT;
	case FIELD_INT:
		return JSON_INT;
	case FIELD_BOOL:
		return JSON_BOOL;
	case FIELD_OBJECT:
		return JSON_OBJECT;
	case FIELD_LIST:
		return JSON_LIST;
	}
	return JSON_NULL;
}

/* Most who say something say it in the order of the interface: the search
 * begins behind the field that was found last. */
static const struct field *find_field(const struct shape *shape,
                                      const struct json_value *member,
                                      size_t *at)
{
	for (size_t tried = 0; tried < shape->count; tried++) {
		const struct field *field = &shape->fields[*at];

		*at = *at + 1 < shape->count ? *at + 1 : 0;
		if (strcmp(field->name, member->name) == 0)
			return field;
	}
	return NULL;
}

/* null is the same as not given. */
static void read_member(struct record *record, const struct field *field,
                        const struct json_value *value)
{
	if (value->kind == JSON_NULL)
		return;
	if (value->kind != kind_of(field->type)) {
		refuse(record, field->name);
		return;
	}
	record->values[field - record->shape->fields] = value;
}

static void read_members(struct record *record, const struct json_value *object,
                         enum record_strictness strictness)
{
	const struct json_value *member = json_first(object);
	size_t at = 0;

	for (uint32_t i = 0; i < object->count; i++) {
		const struct field *field =
			find_field(record->shape, member, &at);

		if (field)
			read_member(record, field, member);
		if (!field && strictness == RECORD_STRICT)
			refuse(record, member->name);
		member = json_after(member);
	}
}

void record_read(struct record *record, const struct shape *shape,
                 const struct json_value *object,
                 enum record_strictness strictness)
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
static const struct json_value *value_at(const struct record *record,
                                         size_t field, enum field_type type)
{
	assert(field < record->shape->count);
	assert(record->shape->fields[field].type == type);
	return record->error ? NULL : record->values[field];
}

bool record_has(const struct record *record, size_t field)
{
	return !record->error && record->values[field] != NULL;
}

static struct bytes text_of(const struct json_value *value)
{
	return (struct bytes){ (const uint8_t *)value->text, value->count };
}

struct bytes record_text(struct record *record, size_t field, size_t max)
{
	const struct json_value *value = value_at(record, field, FIELD_TEXT);
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

char *record_chars(struct record *record, size_t field, size_t max)
{
	return record_text(record, field, max).data
	               ? record->values[field]->text
	               : NULL;
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
	const struct json_value *value = value_at(record, field, FIELD_INT);
	int64_t number;

	if (!value)
		return absent;

	number = value->number;
	if (number < min || number > max) {
		record_refuse(record, field);
		return absent;
	}
	return number;
}

bool record_bool(struct record *record, size_t field)
{
	const struct json_value *value = value_at(record, field, FIELD_BOOL);

	return value && value->number != 0;
}

size_t record_list(struct record *record, size_t field, size_t max)
{
	const struct json_value *value = value_at(record, field, FIELD_LIST);
	size_t count = value ? value->count : 0;

	if (count > max) {
		record_refuse(record, field);
		return 0;
	}
	return count;
}

/* Item i of the list; NULL if there are not so many. */
static const struct json_value *item_at(struct record *record,
                                        const struct json_value *list, size_t i)
{
	if (i >= list->count)
		return NULL;
	if (record->list != list || i < record->item_index) {
		record->list = list;
		record->item = json_first(list);
		record->item_index = 0;
	}
	for (; record->item_index < i; record->item_index++)
		record->item = json_after(record->item);
	return record->item;
}

const struct json_value *record_item(struct record *record, size_t field,
                                     size_t i)
{
	const struct json_value *value = value_at(record, field, FIELD_LIST);
	const struct json_value *item;

	if (!value)
		return NULL;

	item = item_at(record, value, i);
	if (!item || item->kind != JSON_OBJECT) {
		record_refuse(record, field);
		return NULL;
	}
	return item;
}

const struct json_value *record_object(struct record *record, size_t field)
{
	return value_at(record, field, FIELD_OBJECT);
}

struct bytes record_item_text(struct record *record, size_t field, size_t i,
                              size_t max)
{
	const struct json_value *value = value_at(record, field, FIELD_LIST);
	const struct json_value *item = value ? item_at(record, value, i)
	                                      : NULL;
	struct bytes text = { NULL, 0 };

	if (item && item->kind == JSON_TEXT)
		text = text_of(item);
	if (value && (text.len == 0 || text.len > max)) {
		record_refuse(record, field);
		return (struct bytes){ NULL, 0 };
	}
	return text;
}

size_t record_list_chars(struct record *record, size_t field, size_t text_max,
                         char **ret_items)
{
	size_t count = record_list(record, field, SIZE_MAX);

	for (size_t i = 0; i < count; i++) {
		if (record_item_text(record, field, i, text_max).len == 0)
			return 0;
		ret_items[i] = record->item->text;
	}
	return count;
}

void record_add_texts(struct record *record, size_t field, size_t text_max,
                      struct strings *list)
{
	size_t count = record_list(record, field, SIZE_MAX);

	for (size_t i = 0; i < count && !record->error; i++) {
		struct bytes text =
			record_item_text(record, field, i, text_max);

		if (!record->error) {
			record->error = strings_add(
				list, (const char *)text.data, text.len);
		}
	}
}

int record_end(const struct record *record)
{
	return record->error;
}
