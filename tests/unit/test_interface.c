/* Holds the tables of the code against the .varlink files, both ways: every
 * method, field, enum value and error in a file is in the code, with the same
 * type, and the reverse. */
#include "tests/lib/test.h"

#include "protocol/varlink/interface.h"
#include "protocol/varlink/service.h"

#include <ctype.h>
#include <string.h>

#define NAME_MAX_LEN 63
#define FIELDS_MAX   32
#define ITEMS_MAX    40

struct idl_field {
	char name[NAME_MAX_LEN + 1]; /* or a word of an enum */
	char type[NAME_MAX_LEN + 1]; /* without white space; empty in an enum */
};

struct idl_fields {
	struct idl_field list[FIELDS_MAX];
	size_t count;
};

enum idl_kind {
	IDL_TYPE,
	IDL_METHOD,
	IDL_ERROR,
};

struct idl_item {
	enum idl_kind kind;
	char name[NAME_MAX_LEN + 1];
	struct idl_fields in;  /* of a type or error: its fields */
	struct idl_fields out; /* of a method: its reply */
	bool was_seen;
};

struct idl {
	char interface[NAME_MAX_LEN + 1];
	struct idl_item items[ITEMS_MAX];
	size_t count;
};

static void skip(const char **at)
{
	while (isspace((unsigned char)**at) || **at == '#') {
		if (**at == '#') {
			*at += strcspn(*at, "\n");
		} else {
			(*at)++;
		}
	}
}

/* Letters, digits and dots. */
static void read_name(const char **at, char out[NAME_MAX_LEN + 1])
{
	size_t len = 0;

	skip(at);
	while (isalnum((unsigned char)**at) || **at == '.') {
		CHECK(len < NAME_MAX_LEN);
		out[len++] = *(*at)++;
	}
	out[len] = '\0';
	CHECK(len > 0);
}

static bool take(const char **at, const char *text)
{
	skip(at);
	if (strncmp(*at, text, strlen(text)) != 0)
		return false;
	*at += strlen(text);
	return true;
}

/* Up to a comma or bracket of the level it begins at; an enum in place is
 * copied with one space after each comma. */
static void read_type(const char **at, char out[NAME_MAX_LEN + 1])
{
	size_t len = 0;
	int depth = 0;

	for (skip(at); depth > 0 || (**at != ',' && **at != ')'); skip(at)) {
		char c = *(*at)++;

		CHECK(c != '\0' && len + 2 < NAME_MAX_LEN);
		depth += c == '(' ? 1 : 0;
		depth -= c == ')' ? 1 : 0;
		out[len++] = c;
		if (c == ',')
			out[len++] = ' ';
	}
	out[len] = '\0';
}

static void read_fields(const char **at, struct idl_fields *fields)
{
	CHECK(take(at, "("));
	fields->count = 0;
	while (!take(at, ")")) {
		struct idl_field *field = &fields->list[fields->count++];

		CHECK(fields->count < FIELDS_MAX);
		read_name(at, field->name);
		field->type[0] = '\0';
		if (take(at, ":"))
			read_type(at, field->type);
		(void)take(at, ",");
	}
}

static void read_item(const char **at, struct idl_item *item)
{
	if (take(at, "type ")) {
		item->kind = IDL_TYPE;
	} else if (take(at, "error ")) {
		item->kind = IDL_ERROR;
	} else if (take(at, "method ")) {
		item->kind = IDL_METHOD;
	} else {
		FAIL("a known keyword");
	}
	read_name(at, item->name);
	read_fields(at, &item->in);
	item->out.count = 0;
	if (item->kind == IDL_METHOD) {
		CHECK(take(at, "->"));
		read_fields(at, &item->out);
	}
	item->was_seen = false;
}

static void read_idl(const char *text, struct idl *idl)
{
	idl->count = 0;
	CHECK(take(&text, "interface "));
	read_name(&text, idl->interface);
	for (skip(&text); *text != '\0'; skip(&text)) {
		CHECK(idl->count < ITEMS_MAX);
		read_item(&text, &idl->items[idl->count++]);
	}
}

static struct idl *agent_idl(void)
{
	static struct idl idl;

	if (idl.count == 0)
		read_idl(service_find_description(AGENT_INTERFACE), &idl);
	return &idl;
}

static struct idl *service_idl(void)
{
	static struct idl idl;

	if (idl.count == 0)
		read_idl(service_find_description(SERVICE_INTERFACE), &idl);
	return &idl;
}

/* full_name is "<interface>.<name>"; NULL if the file has none. */
static struct idl_item *find_item(struct idl *idl, enum idl_kind kind,
                                  const char *full_name)
{
	size_t len = strlen(idl->interface);

	if (strncmp(full_name, idl->interface, len) != 0 ||
	    full_name[len] != '.')
		return NULL;
	for (size_t i = 0; i < idl->count; i++) {
		struct idl_item *item = &idl->items[i];

		if (item->kind == kind &&
		    strcmp(item->name, full_name + len + 1) == 0) {
			item->was_seen = true;
			return item;
		}
	}
	return NULL;
}

static struct idl_item *find_type(const char *name)
{
	char full_name[2 * NAME_MAX_LEN];

	(void)snprintf(full_name, sizeof(full_name), AGENT_INTERFACE ".%s",
	               name);
	return find_item(agent_idl(), IDL_TYPE, full_name);
}

/* What the code must take a type of the file for. */
static enum field_type type_of(const char *idl)
{
	const struct idl_item *named;

	idl += idl[0] == '?' ? 1 : 0;
	if (strncmp(idl, "[]", 2) == 0)
		return FIELD_LIST;
	if (idl[0] == '[')
		return FIELD_OBJECT;
	if (strcmp(idl, "int") == 0)
		return FIELD_INT;
	if (strcmp(idl, "bool") == 0)
		return FIELD_BOOL;
	if (strcmp(idl, "string") == 0 || idl[0] == '(')
		return FIELD_TEXT;

	named = find_type(idl);
	CHECK(named != NULL);
	return named && named->in.list[0].type[0] == '\0' ? FIELD_TEXT
	                                                  : FIELD_OBJECT;
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

static void check_shape(const struct shape *shape,
                        const struct idl_fields *fields)
{
	CHECK(shape->count == fields->count);
	CHECK(shape->count <= RECORD_FIELDS_MAX);
	for (size_t i = 0; i < fields->count; i++) {
		const struct idl_field *want = &fields->list[i];
		const struct field *field = find_field(shape, want->name);

		CHECK(field != NULL);
		if (!field)
			continue;
		CHECK(strcmp(field->idl, want->type) == 0);
		CHECK(field->type == type_of(want->type));
	}
}

static void the_reader_reads_the_files(void)
{
	CHECK(strcmp(agent_idl()->interface, AGENT_INTERFACE) == 0);
	CHECK(strcmp(service_idl()->interface, SERVICE_INTERFACE) == 0);
	CHECK(agent_idl()->count == 15 + 7 + 10);
	CHECK(service_idl()->count == 2 + 6);
	CHECK(service_find_description("io.nixcache") == NULL);
}

static void every_method_is_as_its_file_says(void)
{
	for (size_t i = 0; i < AGENT_METHOD_COUNT; i++) {
		const struct method *method =
			interface_method((enum agent_method)i);
		const struct idl_item *item =
			find_item(agent_idl(), IDL_METHOD, method->name);

		if (!item) {
			item = find_item(service_idl(), IDL_METHOD,
			                 method->name);
		}
		CHECK(item != NULL);
		if (!item)
			continue;
		check_shape(&method->call, &item->in);
		check_shape(&method->reply, &item->out);
	}
}

static void every_error_is_as_its_file_says(void)
{
	for (size_t i = 0; i < ERROR_COUNT; i++) {
		const struct shape *error =
			interface_error((enum varlink_error)i);
		const struct idl_item *item =
			find_item(agent_idl(), IDL_ERROR, error->name);

		if (!item)
			item = find_item(service_idl(), IDL_ERROR, error->name);
		CHECK(item != NULL);
		if (item)
			check_shape(error, &item->in);
	}
}

static void every_type_is_as_its_file_says(void)
{
	static const struct shape *const shapes[] = {
		&shape_cache,           &shape_measure,
		&shape_object_request,  &shape_path_info,
		&shape_path_signatures, &shape_signed_request,
		&shape_pressure,        &shape_pace,
		&shape_audit,
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		const struct idl_item *item = find_type(shapes[i]->name);

		CHECK(item != NULL);
		if (item)
			check_shape(shapes[i], &item->in);
	}
}

static void check_word(const struct idl_item *item, size_t i, const char *word)
{
	CHECK(item && i < item->in.count &&
	      strcmp(item->in.list[i].name, word) == 0);
}

static const char *policy_word(size_t i)
{
	return sign_policy_name((enum sign_policy)i);
}

static const char *confirmation_word(size_t i)
{
	return confirmation_name((enum confirmation)i);
}

static const char *permission_word(size_t i)
{
	return permission_name((enum permission)i);
}

static void check_words(const char *type, size_t count,
                        const char *(*word)(size_t))
{
	const struct idl_item *item = find_type(type);

	for (size_t i = 0; i < count; i++)
		check_word(item, i, word(i));
	CHECK(item && item->in.count == count);
}

static void every_enum_is_as_its_file_says(void)
{
	const struct idl_item *states = find_type("State");
	const struct idl_item *failures = find_type("SourceFailure");
	const struct idl_item *operations = find_type("Operation");
	char measures[NAME_MAX_LEN + 1];

	for (size_t i = AGENT_LOCKED; i <= AGENT_UNLOCKED; i++)
		check_word(states, i, agent_state_name((enum agent_state)i));
	CHECK(states && states->in.count == AGENT_UNLOCKED + 1);
	for (size_t i = SOURCE_NOT_SIGNED_IN; i <= SOURCE_FAILED; i++) {
		check_word(failures, i,
		           source_failure_name((enum source_failure)i));
	}
	CHECK(failures && failures->in.count == SOURCE_FAILED + 1);
	for (size_t i = 0; i < S3_OPERATION_COUNT; i++) {
		check_word(operations, i,
		           s3_operation_name((enum s3_operation)i));
	}
	CHECK(operations && operations->in.count == S3_OPERATION_COUNT);

	check_words("SignPolicy", SIGN_ANY + 1, policy_word);
	check_words("Confirmation", CONFIRM_COUNT, confirmation_word);
	check_words("Permission", PERMIT_COUNT, permission_word);

	(void)snprintf(measures, sizeof(measures), "(%s, %s, %s)",
	               measure_state_name(MEASURE_HELD),
	               measure_state_name(MEASURE_WEAKER),
	               measure_state_name(MEASURE_ABSENT));
	CHECK(strcmp(shape_measure.fields[MEASURE_FIELD_STATE].idl, measures) ==
	      0);
}

/* Comes last: the tests before have marked what they found in the code. */
static void nothing_is_only_in_a_file(void)
{
	struct idl *const files[] = { agent_idl(), service_idl() };

	for (size_t f = 0; f < 2; f++) {
		for (size_t i = 0; i < files[f]->count; i++) {
			if (files[f]->items[i].was_seen)
				continue;
			(void)printf("# only in the file: %s\n",
			             files[f]->items[i].name);
			FAIL("known to the code");
		}
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "the reader reads the files", the_reader_reads_the_files },
		{ "every method is as its file says",
		  every_method_is_as_its_file_says },
		{ "every error is as its file says",
		  every_error_is_as_its_file_says },
		{ "every type is as its file says",
		  every_type_is_as_its_file_says },
		{ "every enum is as its file says",
		  every_enum_is_as_its_file_says },
		{ "nothing is only in a file", nothing_is_only_in_a_file },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
