#include "protocol/base/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define CLI_HELP_COLUMN  26
#define CLI_SHORT_SIZE   (2 + 2 * CLI_OPTIONS_MAX)
#define CLI_LABEL_SIZE   64
#define CLI_LONG_ID_BASE 0x100 /* getopt's value for long options: no letter */

void cli_init(struct cli *cli, const struct cli_option *options, size_t count,
              int argc, char **argv)
{
	*cli = (struct cli){
		.options = options,
		.count = count < CLI_OPTIONS_MAX ? count : CLI_OPTIONS_MAX,
		.argc = argc,
		.argv = argv,
	};
	optind = 0; /* glibc: start anew */
	opterr = 0;
}

static void fill_letters(const struct cli *cli, char out[CLI_SHORT_SIZE])
{
	size_t at = 0;

	if (cli->stops_at_operand)
		out[at++] = '+';
	out[at++] = ':';
	for (size_t i = 0; i < cli->count; i++) {
		if (!cli->options[i].letter)
			continue;
		out[at++] = cli->options[i].letter;
		if (cli->options[i].argument)
			out[at++] = ':';
	}
	out[at] = '\0';
}

static void fill_names(const struct cli *cli,
                       struct option out[CLI_OPTIONS_MAX + 1])
{
	size_t at = 0;

	for (size_t i = 0; i < cli->count; i++) {
		if (!cli->options[i].name)
			continue;
		out[at++] = (struct option){
			.name = cli->options[i].name,
			.has_arg = cli->options[i].argument ? required_argument
			                                    : no_argument,
			.val = CLI_LONG_ID_BASE + (int)i,
		};
	}
	out[at] = (struct option){ .name = NULL };
}

static const struct cli_option *find(const struct cli *cli, int got)
{
	if (got >= CLI_LONG_ID_BASE)
		return &cli->options[got - CLI_LONG_ID_BASE];

	for (size_t i = 0; i < cli->count; i++) {
		if (cli->options[i].letter == got)
			return &cli->options[i];
	}
	return NULL;
}

static void explain(struct cli *cli, int got)
{
	const char *word = cli->argv[optind > 0 ? optind - 1 : 0];
	const char *what = got == ':' ? "needs a value"
	                              : "is not an option here";
	/* A letter is better named by itself: "-xyz" may be wrong in y only. */
	const char letter[] = { '-', (char)optopt, '\0' };
	int is_letter = optopt > 0 && optopt < CLI_LONG_ID_BASE;

	(void)snprintf(cli->error, sizeof(cli->error), "%s %s",
	               is_letter ? letter : word, what);
}

int cli_next(struct cli *cli)
{
	struct option names[CLI_OPTIONS_MAX + 1];
	char letters[CLI_SHORT_SIZE];
	const struct cli_option *option;
	int got;

	fill_letters(cli, letters);
	fill_names(cli, names);
	got = getopt_long(cli->argc, cli->argv, letters, names, NULL);
	if (got == -1) {
		cli->operand = optind;
		return CLI_END;
	}

	option = got == '?' || got == ':' ? NULL : find(cli, got);
	if (!option) {
		explain(cli, got);
		return CLI_WRONG;
	}
	cli->value = optarg;
	return option->id;
}

void cli_print_options(const struct cli_option *options, size_t count,
                       FILE *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct cli_option *o = &options[i];
		char label[CLI_LABEL_SIZE];
		const char letter[] = { '-', o->letter, '\0' };

		(void)snprintf(label, sizeof(label), "%s%s%s%s%s%s",
		               o->letter ? letter : "  ",
		               o->letter && o->name ? ", " : "  ",
		               o->name ? "--" : "", o->name ? o->name : "",
		               o->argument ? " " : "",
		               o->argument ? o->argument : "");
		(void)fprintf(out, "  %-*s %s\n", CLI_HELP_COLUMN, label,
		              o->help);
	}
}
