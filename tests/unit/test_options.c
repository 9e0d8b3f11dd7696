#include "agent/options.h"
#include "protocol/base/exit_status.h"
#include "tests/lib/spoken.h"
#include "tests/lib/test.h"

#include <assert.h>
#include <string.h>

#define WORDS_MAX 8

struct line {
	char words[WORDS_MAX][40];
	char *argv[WORDS_MAX + 1];
	int argc;
};

/* The words are separated by blanks. */
static void line_init(struct line *line, const char *text)
{
	*line = (struct line){ .argc = 0 };
	while (*text != '\0' && line->argc < WORDS_MAX) {
		size_t len = strcspn(text, " ");

		memcpy(line->words[line->argc], text, len);
		line->argv[line->argc] = line->words[line->argc];
		line->argc++;
		text += len + (text[len] == ' ' ? 1 : 0);
	}
}

static void no_words_ask_for_nothing_special(void)
{
	struct options options;
	struct line line;

	line_init(&line, "nixcache-agent");
	options_parse(&options, line.argc, line.argv);
	CHECK(options.shell == OPTIONS_SHELL_GUESS);
	CHECK(!options.socket_path && !options.config_path && !options.command);
	CHECK(!options.is_foreground && !options.is_debug && !options.is_kill &&
	      !options.is_prefetch && !options.is_quiet);
	CHECK(!options.has_lifetime && !options.has_idle);
	CHECK(!options.allow_weak_memory && !options.allow_weak_namespace &&
	      !options.allow_weak_trace);
}

static void every_option_is_taken(void)
{
	struct options options;
	struct line line;

	line_init(&line, "x -d -t 90 --idle 1h30m --prefetch -q");
	options_parse(&options, line.argc, line.argv);
	CHECK(options.is_debug && options.is_foreground);
	CHECK(options.has_lifetime && options.lifetime == 90);
	CHECK(options.has_idle && options.idle == 5400);
	CHECK(options.is_prefetch && options.is_quiet);

	line_init(&line, "x --fish -a /s --config /c -D -k");
	options_parse(&options, line.argc, line.argv);
	CHECK(options.shell == OPTIONS_SHELL_FISH);
	CHECK(strcmp(options.socket_path, "/s") == 0);
	CHECK(strcmp(options.config_path, "/c") == 0);
	CHECK(options.is_foreground && !options.is_debug && options.is_kill);
}

static void the_last_shell_wins(void)
{
	static const struct {
		const char *text;
		enum options_shell shell;
	} cases[] = {
		{ "x -s", OPTIONS_SHELL_SH },
		{ "x -c", OPTIONS_SHELL_CSH },
		{ "x --fish", OPTIONS_SHELL_FISH },
		{ "x -c -s", OPTIONS_SHELL_SH },
		{ "x -sc", OPTIONS_SHELL_CSH },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct options options;
		struct line line;

		line_init(&line, cases[i].text);
		options_parse(&options, line.argc, line.argv);
		CHECK(options.shell == cases[i].shell);
	}
}

static void never_is_a_time_without_end(void)
{
	struct options options;
	struct line line;

	line_init(&line, "x -t never --idle never");
	options_parse(&options, line.argc, line.argv);
	CHECK(options.has_lifetime && options.lifetime == 0);
	CHECK(options.has_idle && options.idle == 0);
	line_init(&line, "x -t 4294967295");
	options_parse(&options, line.argc, line.argv);
	CHECK(options.lifetime == UINT32_MAX);
}

static void each_weakness_is_allowed_by_its_name(void)
{
	struct options options;
	struct line line;

	line_init(&line, "x --allow-weak memory --allow-weak trace");
	options_parse(&options, line.argc, line.argv);
	CHECK(options.allow_weak_memory && options.allow_weak_trace &&
	      !options.allow_weak_namespace);
	line_init(&line, "x --allow-weak=namespace");
	options_parse(&options, line.argc, line.argv);
	CHECK(options.allow_weak_namespace && !options.allow_weak_memory &&
	      !options.allow_weak_trace);
}

static void a_command_keeps_its_own_options(void)
{
	static const char *const texts[] = { "x -q -- make -k --what",
		                             "x -q make -k --what" };

	for (size_t i = 0; i < 2; i++) {
		struct options options;
		struct line line;

		line_init(&line, texts[i]);
		options_parse(&options, line.argc, line.argv);
		CHECK(options.is_quiet && !options.is_kill);
		assert(options.command);
		CHECK(!options.command[3]);
		CHECK(strcmp(options.command[0], "make") == 0 &&
		      strcmp(options.command[2], "--what") == 0);
	}
}

/* A child parses the line and says what it has to say. */
static void speak(const char *text, struct spoken *spoken)
{
	struct options options;
	struct line line;

	line_init(&line, text);
	if (!spoken_begin(spoken))
		return;
	options_parse(&options, line.argc, line.argv);
	spoken_end();
}

static void wrong_usage_is_named_on_standard_error(void)
{
	static const struct {
		const char *text;
		const char *error;
	} cases[] = {
		{ "x -y", "-y is not an option here" },
		{ "x --lifetime", "--lifetime needs a value" },
		{ "x -t soon",
		  "-t takes a time such as 90s, 15m, 12h or never" },
		{ "x -t 4294967296",
		  "-t takes a time such as 90s, 15m, 12h or never" },
		{ "x -t -1", "-t takes a time such as 90s, 15m, 12h or never" },
		{ "x --idle 1w",
		  "--idle takes a time such as 90s, 15m, 12h or never" },
		{ "x --allow-weak all",
		  "--allow-weak takes memory, namespace, trace or "
		  "confinement" },
		{ "x -q --", "-- is followed by a command" },
		{ "x -k make", "-k ends an agent and takes no command" },
		{ "x -D make",
		  "-D and -d keep the agent in the foreground, where "
		  "the command would be" },
		{ "x -d -- make",
		  "-D and -d keep the agent in the foreground, where "
		  "the command would be" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct spoken spoken;
		char expected[256];

		(void)snprintf(expected, sizeof(expected),
		               "nixcache-agent: %s\n"
		               "try: nixcache-agent --help\n",
		               cases[i].error);
		speak(cases[i].text, &spoken);
		CHECK(spoken.exit_status == EXIT_USAGE);
		CHECK(spoken.out[0] == '\0');
		if (strcmp(spoken.err, expected) != 0)
			test_fail(cases[i].text, (int)i, spoken.err);
	}
}

/* Longest line of a text. */
static size_t width(const char *text)
{
	size_t widest = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		widest = len > widest ? len : widest;
		text += len + (text[len] != '\0' ? 1 : 0);
	}
	return widest;
}

static void help_goes_to_standard_output_in_80_columns(void)
{
	static const char *const texts[] = { "x --help", "x -h",
		                             "x -q --help -y" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		static struct spoken spoken;

		speak(texts[i], &spoken);
		CHECK(spoken.exit_status == EXIT_DONE);
		CHECK(strncmp(spoken.out, "usage: ", 7) == 0);
		CHECK(strstr(spoken.out, "--prefetch") != NULL);
		CHECK(spoken.err[0] == '\0');
		CHECK(width(spoken.out) <= 80);
	}
}

static void the_version_is_one_line(void)
{
	static struct spoken spoken;

	speak("x -V", &spoken);
	CHECK(spoken.exit_status == EXIT_DONE);
	CHECK(strcmp(spoken.out, "nixcache-agent " NIXCACHE_VERSION "\n") == 0);
	CHECK(spoken.err[0] == '\0');
}

static const struct test tests[] = {
	{ "no words ask for nothing special",
	  no_words_ask_for_nothing_special },
	{ "every option is taken", every_option_is_taken },
	{ "the last shell wins", the_last_shell_wins },
	{ "never is a time without end", never_is_a_time_without_end },
	{ "each weakness is allowed by its name",
	  each_weakness_is_allowed_by_its_name },
	{ "a command keeps its own options", a_command_keeps_its_own_options },
	{ "wrong usage is named on standard error",
	  wrong_usage_is_named_on_standard_error },
	{ "help goes to standard output, in 80 columns",
	  help_goes_to_standard_output_in_80_columns },
	{ "the version is one line", the_version_is_one_line },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
