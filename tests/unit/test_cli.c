#include "protocol/base/cli.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

enum {
	ID_FLAG = 1,
	ID_VALUE,
	ID_LONG,
	ID_LETTER
};

static const struct cli_option table[] = {
	{ "flag", 'f', NULL, "a flag", ID_FLAG },
	{ "value", 'v', "WORD", "takes a word", ID_VALUE },
	{ "long", 0, "TIME", "has no letter", ID_LONG },
	{ NULL, 'x', NULL, "has no name", ID_LETTER },
};

#define WORDS_MAX 8

struct line {
	char *argv[WORDS_MAX + 1];
	char words[WORDS_MAX][32];
	int argc;
	struct cli cli;
};

/* The words are separated by blanks. */
static void line_init(struct line *line, const char *text, int stops_at_operand)
{
	*line = (struct line){ .argc = 0 };
	while (*text != '\0' && line->argc < WORDS_MAX) {
		size_t len = strcspn(text, " ");

		memcpy(line->words[line->argc], text, len);
		line->argv[line->argc] = line->words[line->argc];
		line->argc++;
		text += len + (text[len] == ' ' ? 1 : 0);
	}
	cli_init(&line->cli, table, sizeof(table) / sizeof(table[0]),
	         line->argc, line->argv);
	line->cli.stops_at_operand = stops_at_operand;
}

/* The next option is this one, with this value (NULL: none). */
static bool next_is(struct line *line, int id, const char *value)
{
	if (cli_next(&line->cli) != id)
		return false;
	if (!value || !line->cli.value)
		return !value && !line->cli.value;
	return strcmp(line->cli.value, value) == 0;
}

static void every_way_to_write_an_option_is_read(void)
{
	struct line line;

	line_init(&line, "p -f --flag -v a -vb --value c --value=d -x", 0);
	CHECK(next_is(&line, ID_FLAG, NULL));
	CHECK(next_is(&line, ID_FLAG, NULL));
	CHECK(next_is(&line, ID_VALUE, "a"));
	CHECK(next_is(&line, ID_VALUE, "b"));
	CHECK(cli_next(&line.cli) == ID_VALUE);

	line_init(&line, "p --value=d --long=e -xfv g", 0);
	CHECK(next_is(&line, ID_VALUE, "d"));
	CHECK(next_is(&line, ID_LONG, "e"));
	CHECK(next_is(&line, ID_LETTER, NULL));
	CHECK(next_is(&line, ID_FLAG, NULL));
	CHECK(next_is(&line, ID_VALUE, "g"));
	CHECK(cli_next(&line.cli) == CLI_END && line.cli.operand == line.argc);
}

static void an_empty_value_is_a_value(void)
{
	struct line line;

	line_init(&line, "p --value= -f", 0);
	CHECK(next_is(&line, ID_VALUE, ""));
	CHECK(next_is(&line, ID_FLAG, NULL));
}

static void options_may_stand_behind_operands(void)
{
	struct line line;

	line_init(&line, "p one -f two", 0);
	CHECK(next_is(&line, ID_FLAG, NULL));
	CHECK(cli_next(&line.cli) == CLI_END);
	CHECK(line.cli.operand == 2);
	CHECK(strcmp(line.argv[2], "one") == 0 &&
	      strcmp(line.argv[3], "two") == 0);
}

static void options_of_a_command_are_left_to_it(void)
{
	struct line line;

	line_init(&line, "p -f make -x --what", 1);
	CHECK(next_is(&line, ID_FLAG, NULL));
	CHECK(cli_next(&line.cli) == CLI_END);
	CHECK(line.cli.operand == 2 && strcmp(line.argv[2], "make") == 0);
}

static void two_dashes_end_the_options(void)
{
	struct line line;

	line_init(&line, "p -f -- -x", 0);
	CHECK(next_is(&line, ID_FLAG, NULL));
	CHECK(cli_next(&line.cli) == CLI_END);
	CHECK(line.cli.operand == 3 && strcmp(line.argv[3], "-x") == 0);
}

static void what_is_wrong_is_named(void)
{
	static const struct {
		const char *text;
		const char *error;
	} cases[] = {
		{ "p -y", "-y is not an option here" },
		{ "p -fy", "-y is not an option here" },
		{ "p --what", "--what is not an option here" },
		{ "p --what=1", "--what=1 is not an option here" },
		{ "p -v", "-v needs a value" },
		{ "p --value", "--value needs a value" },
		{ "p --long", "--long needs a value" },
		{ "p --flag=1", "--flag=1 is not an option here" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct line line;
		int id;

		line_init(&line, cases[i].text, 1);
		do {
			id = cli_next(&line.cli);
		} while (id > 0);
		CHECK(id == CLI_WRONG);
		if (strcmp(line.cli.error, cases[i].error) != 0)
			test_fail(cases[i].text, (int)i, line.cli.error);
	}
}

static void a_long_wrong_word_does_not_overflow(void)
{
	char word[1024] = "--", program[] = "p";
	char *argv[] = { program, word, NULL };
	struct cli cli;

	memset(word + 2, 'w', sizeof(word) - 3);
	cli_init(&cli, table, 4, 2, argv);
	CHECK(cli_next(&cli) == CLI_WRONG);
	CHECK(strlen(cli.error) == sizeof(cli.error) - 1);
}

/* getopt keeps its place in a global: a new line begins anew. */
static void one_line_after_another_can_be_read(void)
{
	for (size_t i = 0; i < 3; i++) {
		struct line line;

		line_init(&line, "p -fx one", 0);
		CHECK(next_is(&line, ID_FLAG, NULL));
	}
}

static void the_help_has_a_line_for_each_option(void)
{
	static const char expected[] =
		"  -f, --flag                 a flag\n"
		"  -v, --value WORD           takes a word\n"
		"      --long TIME            has no letter\n"
		"  -x                         has no name\n";
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	cli_print_options(table, 4, out);
	(void)fclose(out);
	CHECK(strcmp(text, expected) == 0);
	free(text);
}

static const struct test tests[] = {
	{ "every way to write an option is read",
	  every_way_to_write_an_option_is_read },
	{ "an empty value is a value", an_empty_value_is_a_value },
	{ "options may stand behind operands",
	  options_may_stand_behind_operands },
	{ "options of a command are left to it",
	  options_of_a_command_are_left_to_it },
	{ "two dashes end the options", two_dashes_end_the_options },
	{ "what is wrong is named", what_is_wrong_is_named },
	{ "a long wrong word does not overflow",
	  a_long_wrong_word_does_not_overflow },
	{ "one line after another can be read",
	  one_line_after_another_can_be_read },
	{ "the help has a line for each option",
	  the_help_has_a_line_for_each_option },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
