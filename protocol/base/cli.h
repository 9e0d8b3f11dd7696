/* cli.h - a table of options that drives both the parsing and the help text */
#pragma once

#include <stddef.h>
#include <stdio.h>

struct cli_option {
	const char *name;     /* long name, or NULL */
	char letter;          /* or 0 */
	const char *argument; /* its name in the help text, or NULL: a flag */
	const char *help;
	int id; /* > 0, the caller's */
};

enum {
	CLI_END = 0,    /* operands begin at argv[cli.operand] */
	CLI_WRONG = -1, /* cli.error says what */
};

#define CLI_OPTIONS_MAX 32

struct cli {
	const struct cli_option *options;
	size_t count;
	int argc;
	char **argv;
	int operand;
	const char *value; /* of the option just returned */
	char error[160];
	int stops_at_operand; /* options after the first operand are not ours */
};

void cli_init(struct cli *cli, const struct cli_option *options, size_t count,
              int argc, char **argv);

/* The id of the next option, CLI_END or CLI_WRONG.  getopt_long underneath:
 * one at a time in a process. */
int cli_next(struct cli *cli);

/* One line an option, at most 80 columns. */
void cli_print_options(const struct cli_option *options, size_t count,
                       FILE *out);
