/* Names for a new item of 1Password, three lines: what op is given is JSON that
 * says them as they were given, and the key. */
#include "tests/fuzz/fuzz.h"

#include "client/keygen/op_item.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <json-c/json.h>

#include <unistd.h>

static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *member = NULL;

	MUST(json_object_object_get_ex(object, name, &member));
	return json_object_get_string(member);
}

static void check_field(struct json_object *fields, size_t index,
                        const char *label, const char *value)
{
	struct json_object *field = json_object_array_get_idx(fields, index);

	MUST(field && strcmp(text_of(field, "label"), label) == 0);
	MUST(!value || strcmp(text_of(field, "value"), value) == 0);
}

static void check_template(int fd, const struct op_item *item,
                           const struct key_secret *secret)
{
	char text[OP_ITEM_TEMPLATE_MAX + 1];
	struct json_object *object, *fields = NULL;
	ssize_t len = fd_read_full(fd, text, OP_ITEM_TEMPLATE_MAX);

	MUST(len > 0);
	text[len] = '\0';
	object = json_tokener_parse(text);
	MUST(object && strcmp(text_of(object, "title"), item->title) == 0);
	MUST(json_object_object_get_ex(object, "fields", &fields));
	MUST(json_object_array_length(fields) == 2);
	check_field(fields, 0, item->field, secret->text);
	check_field(fields, 1, OP_FIELD_PUBLIC, NULL);
	(void)json_object_put(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	cleanup_free char *text = fuzz_text(bytes, len);
	struct key_secret secret = { .text = "k-1:c2VjcmV0" };
	struct public_key key = { .name = "k-1" };
	struct op_item item = { .program = "/usr/bin/op" };
	char memory[OP_ITEM_TEMPLATE_MAX];
	char *rest = text;
	cleanup_close int fd = -1;

	item.title = strsep(&rest, "\n");
	item.field = rest ? strsep(&rest, "\n") : OP_FIELD_USUAL;
	item.vault = rest;
	if (!op_word_is_valid(item.title) || !op_word_is_valid(item.field) ||
	    (item.vault && !op_word_is_valid(item.vault)))
		return 0;
	MUST(item.title[0] != '-' && item.field[0] != '-');
	MUST(!strpbrk(item.title, "/\"\\") && !strpbrk(item.field, "/\"\\"));
	MUST(op_item_fill_pipe(&item, &secret, &key, memory, &fd) == 0);
	check_template(fd, &item, &secret);
	for (size_t i = 0; i < sizeof(memory); i++)
		MUST(memory[i] == 0);
	return 0;
}
