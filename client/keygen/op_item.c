#include "client/keygen/op_item.h"

#include "client/keygen/op_run.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/base/text.h"
#include "protocol/varlink/json_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * What op does with a template, from 1Password's reference of "op item create"
 * and from those who have tried (diazoxide/charter issue 78, with op 2.34):
 * "-" stands last and means standard input; a regular file there is not read,
 * a pipe is; the category is in the template and in no option, or the fields
 * are dropped while op ends with 0; without --vault the item lands in the
 * account's own vault.
 *
 * "op item edit" takes a template since 2.23, but only a whole item, with its
 * id and dates, as "op item get" gives it, and drops what it lacks.
 */

#define ARGUMENTS_MAX 12
#define LINE_SIZE     300
#define RUN_SHOWN     20 /* of base64: words are shorter, keys longer */

bool op_word_is_valid(const char *text)
{
	static const char usable[] = "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789-_. ";
	size_t len = strlen(text);

	return len > 0 && len <= OP_WORD_MAX && strspn(text, usable) == len &&
	       text[0] != '-' && text[0] != ' ' && text[len - 1] != ' ';
}

/* "[ERROR] 2024/04/07 10:03:35 message": the message. */
static const char *skip_stamp(const char *line)
{
	if (!text_has_prefix(line, "[ERROR] "))
		return line;
	line += strlen("[ERROR] ");
	return line + strspn(line, "0123456789/: ");
}

/* The last line with anything in it. */
static void last_line(const struct buffer *said, char line[LINE_SIZE])
{
	const char *text = (const char *)said->data;
	size_t end = said->len, start;

	while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == '\r' ||
	                   text[end - 1] == ' '))
		end--;
	start = end;
	while (start > 0 && text[start - 1] != '\n')
		start--;
	line[0] = '\0';
	if (end > start)
		text_printable(text + start, end - start, line, LINE_SIZE);
}

/* op may repeat what it was given, for which nobody here has a key to compare
 * it with any more: what could be base64, JSON's escapes included, is made
 * unreadable. */
static void hide_keys(char *line)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789+/=\\";

	while (*line != '\0') {
		size_t len = strspn(line, digits);

		if (len > RUN_SHOWN)
			memset(line, '*', len);
		line += len > 0 ? len : 1;
	}
}

static int fail_as_op_said(const struct op_said *said,
                           char why[OP_ITEM_WHY_MAX])
{
	char line[LINE_SIZE];

	last_line(&said->err, line);
	hide_keys(line);
	if (line[0] != '\0') {
		(void)snprintf(why, OP_ITEM_WHY_MAX, "op: %s",
		               skip_stamp(line));
	} else {
		(void)snprintf(why, OP_ITEM_WHY_MAX,
		               "op ended with status %d and said nothing",
		               said->status);
	}
	return OP_ITEM_FAILED;
}

static int fail_to_run(int rc, char why[OP_ITEM_WHY_MAX])
{
	(void)snprintf(why, OP_ITEM_WHY_MAX, "op: %s",
	               rc == -ETIMEDOUT ? "it did not end in three minutes"
	                                : strerrordesc_np(-rc));
	return OP_ITEM_FAILED;
}

struct arguments {
	const char *words[ARGUMENTS_MAX];
	size_t count;
};

static void add(struct arguments *arguments, const char *word)
{
	if (arguments->count < ARGUMENTS_MAX - 1)
		arguments->words[arguments->count++] = word;
}

static void begin(struct arguments *arguments, const struct op_item *item,
                  const char *verb)
{
	*arguments = (struct arguments){ .count = 0 };
	add(arguments, "op");
	add(arguments, "item");
	add(arguments, verb);
	if (item->vault) {
		add(arguments, "--vault");
		add(arguments, item->vault);
	}
}

static bool says(const struct buffer *said, const char *piece)
{
	return said->len > 0 &&
	       memmem(said->data, said->len, piece, strlen(piece));
}

int op_item_check_absent(const struct op_item *item, char why[OP_ITEM_WHY_MAX])
{
	cleanup_op_said struct op_said said = { .status = -1 };
	struct arguments arguments;
	int rc;

	begin(&arguments, item, "get");
	add(&arguments, item->title);
	rc = op_run(&(struct op_call){ .program = item->program,
	                               .argv = arguments.words,
	                               .in = -1 },
	            &said);
	if (rc < 0)
		return fail_to_run(rc, why);
	if (said.status == 0 || says(&said.err, "More than one item")) {
		(void)snprintf(why, OP_ITEM_WHY_MAX,
		               "1Password has an item %s already, which is not "
		               "changed; take another title",
		               item->title);
		return OP_ITEM_EXISTS;
	}
	if (says(&said.err, "isn't an item"))
		return 0;
	return fail_as_op_said(&said, why);
}

static void put_field(struct buffer *out, const char *label, const char *type,
                      const char *value)
{
	json_put_next(out);
	buffer_append_char(out, '{');
	json_put_text_member(out, "id", bytes_of_text(label));
	json_put_text_member(out, "type", bytes_of_text(type));
	json_put_text_member(out, "label", bytes_of_text(label));
	json_put_text_member(out, "value", bytes_of_text(value));
	buffer_append_char(out, '}');
}

static void put_template(struct buffer *out, const struct op_item *item,
                         const struct key_secret *secret, const char *public)
{
	buffer_append_char(out, '{');
	json_put_text_member(out, "title", bytes_of_text(item->title));
	json_put_text_member(out, "category", bytes_of_text("SECURE_NOTE"));
	json_put_key(out, "fields");
	buffer_append_char(out, '[');
	put_field(out, item->field, "CONCEALED", secret->text);
	put_field(out, OP_FIELD_PUBLIC, "STRING", public);
	buffer_append_text(out, "]}\n");
}

/* The pipe has room for it all: nobody has to wait for the other. */
static int fill_pipe(const struct buffer *template, int *ret_fd)
{
	cleanup_close int in = -1;
	cleanup_close int out = -1;
	int ends[2], rc;

	rc = buffer_end(template);
	if (rc < 0)
		return rc;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	in = ends[0];
	out = ends[1];
	rc = fd_set_nonblocking(out);
	if (rc == 0)
		rc = fd_write_full(out, template->data, template->len);
	if (rc < 0)
		return rc;

	*ret_fd = take_fd(&in);
	return 0;
}

int op_item_fill_pipe(const struct op_item *item,
                      const struct key_secret *secret,
                      const struct public_key *key, char *memory, int *ret_fd)
{
	char public[KEY_PUBLIC_TEXT_SIZE];
	struct buffer template;
	int rc;

	public_key_format(key, public);
	buffer_wrap(&template, memory, OP_ITEM_TEMPLATE_MAX);
	put_template(&template, item, secret, public);
	rc = fill_pipe(&template, ret_fd);
	buffer_clear(&template);
	return rc;
}

int op_item_create(const struct op_item *item, int pipe,
                   char why[OP_ITEM_WHY_MAX])
{
	cleanup_op_said struct op_said said = { .status = -1 };
	struct arguments arguments;
	int rc;

	begin(&arguments, item, "create");
	add(&arguments, "-");
	rc = op_run(&(struct op_call){ .program = item->program,
	                               .argv = arguments.words,
	                               .in = pipe },
	            &said);
	if (rc < 0)
		return fail_to_run(rc, why);
	return said.status == 0 ? 0 : fail_as_op_said(&said, why);
}

int op_item_check_stored(const struct op_item *item,
                         const struct public_key *key,
                         char why[OP_ITEM_WHY_MAX])
{
	cleanup_op_said struct op_said said = { .status = -1 };
	char public[KEY_PUBLIC_TEXT_SIZE];
	struct arguments arguments;
	int rc;

	begin(&arguments, item, "get");
	add(&arguments, item->title);
	add(&arguments, "--fields");
	add(&arguments, "label=" OP_FIELD_PUBLIC);
	rc = op_run(&(struct op_call){ .program = item->program,
	                               .argv = arguments.words,
	                               .in = -1,
	                               .keeps_output = true },
	            &said);
	if (rc < 0)
		return fail_to_run(rc, why);
	if (said.status != 0)
		return fail_as_op_said(&said, why);

	/* op may quote the name, and never the base64 behind it. */
	public_key_format(key, public);
	if (says(&said.out, strchr(public, ':') + 1))
		return 0;
	(void)snprintf(why, OP_ITEM_WHY_MAX,
	               "op made an item %s, but the key is not in it",
	               item->title);
	return OP_ITEM_FAILED;
}
