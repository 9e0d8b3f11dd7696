/* record.h - reads a JSON object against the table of its fields
 *
 * The first failure sticks, as in cursor.h: later gets return zero or empty,
 * and record_end() reports it.  Everything read is borrowed from the object.
 */
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/strings.h"
#include "protocol/varlink/json_read.h"

#define RECORD_FIELDS_MAX 16

enum field_type {
	FIELD_TEXT, /* string, or an enum of the interface */
	FIELD_INT,
	FIELD_BOOL,
	FIELD_OBJECT, /* object, or a map */
	FIELD_LIST,
};

struct field {
	const char *name;
	const char *idl; /* its type as the interface says it; '?': may lack */
	enum field_type type;
};

struct shape {
	const char *name;
	const struct field *fields;
	size_t count; /* at most RECORD_FIELDS_MAX */
};

enum record_strictness {
	RECORD_STRICT,  /* a call: an unknown member is refused */
	RECORD_LENIENT, /* a reply: a later agent may say more */
};

struct record {
	const struct shape *shape;
	const struct json_value *values[RECORD_FIELDS_MAX]; /* NULL: not given */
	/* where record_item() and the like go on */
	const struct json_value *list; /* NULL: at no list yet */
	const struct json_value *item;
	size_t item_index;
	int error;       /* 0, -EINVAL, -ENOMEM; sticks */
	const char *bad; /* with -EINVAL: name of the field, borrowed */
};

/* Matches the members of object (NULL: the same as {}) with the fields. */
void record_read(struct record *record, const struct shape *shape,
                 const struct json_value *object,
                 enum record_strictness strictness);

/* Makes a field the bad one, unless there is one already. */
void record_refuse(struct record *record, size_t field);

bool record_has(const struct record *record, size_t field);

/* Longer than max is refused; not given is empty (data NULL).  The bytes are
 * followed by a NUL that is not counted, and have no other. */
struct bytes record_text(struct record *record, size_t field, size_t max);

/* The same as a string of the tree, which the caller may change; NULL if it was
 * not given. */
char *record_chars(struct record *record, size_t field, size_t max);

/* Copies a text of at most size-1 bytes. */
void record_copy_text(struct record *record, size_t field, char *out,
                      size_t size);

/* An owned copy; NULL on failure. */
char *record_dup_text(struct record *record, size_t field, size_t max);

/* Outside min..max is refused; not given is absent. */
int64_t record_int(struct record *record, size_t field, int64_t min,
                   int64_t max, int64_t absent);

bool record_bool(struct record *record, size_t field);

/* The number of items; more than max is refused. */
size_t record_list(struct record *record, size_t field, size_t max);

/* Items are found quickly in the order of the list.
 *
 * Item i as an object; NULL if it is none (and the field is refused). */
const struct json_value *record_item(struct record *record, size_t field,
                                     size_t i);

/* Item i as a text of 1 to max bytes; as record_text(). */
struct bytes record_item_text(struct record *record, size_t field, size_t i,
                              size_t max);

/* An object of its own; NULL if it was not given. */
const struct json_value *record_object(struct record *record, size_t field);

/* The items, all texts of 1 to text_max bytes, as record_chars(), into as many
 * places as the list has; returns their number, 0 if one is refused. */
size_t record_list_chars(struct record *record, size_t field, size_t text_max,
                         char **ret_items);

/* Appends the items, all texts of at most text_max bytes, to the list. */
void record_add_texts(struct record *record, size_t field, size_t text_max,
                      struct strings *list);

/* 0, -EINVAL, -ENOMEM. */
must_check int record_end(const struct record *record);
