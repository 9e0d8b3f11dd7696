#include "client/audit/audit_show.h"
#include "client/audit/audit_verify.h"
#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"
#include "protocol/base/number.h"

#include <string.h>
#include <time.h>

#define FOLLOW_LINES 10 /* that are shown first, as tail -f does */
#define LINES_MAX    1000000000

enum {
	OPTION_FOLLOW = 1,
	OPTION_LINES,
	OPTION_SINCE,
	OPTION_PUBLIC_KEY,
	OPTION_JSON,
	OPTION_HELP,
};

static const struct cli_option show_table[] = {
	{ "follow", 'f', NULL, "go on with what comes", OPTION_FOLLOW },
	{ "lines", 'n', "N", "only the last N lines", OPTION_LINES },
	{ "since", 0, "TIME", "only what is not older, such as 2h",
	  OPTION_SINCE },
	{ "json", 0, NULL, "print the lines as they are", OPTION_JSON },
	{ "help", 'h', NULL, "print this", OPTION_HELP },
};

static const struct usage show_usage = {
	.synopsis = "nixcache audit [OPTION...] [PATH]\n"
		    "       nixcache audit verify [OPTION...] [PATH]",
	.summary = "Prints what the agent was asked, and what it decided.",
	.options = show_table,
	.option_count = sizeof(show_table) / sizeof(show_table[0]),
};

static const struct cli_option verify_table[] = {
	{ "public-key", 'k', "KEY", "a signing key that is believed",
	  OPTION_PUBLIC_KEY },
	{ "json", 0, NULL, "print one JSON object a finding", OPTION_JSON },
	{ "help", 'h', NULL, "print this", OPTION_HELP },
};

static const struct usage verify_usage = {
	.synopsis = "nixcache audit verify [OPTION...] [PATH]",
	.summary = "Checks that nothing in the log was changed, dropped or "
		   "moved.",
	.options = verify_table,
	.option_count = sizeof(verify_table) / sizeof(verify_table[0]),
};

/* The only operand, or NULL. */
static const char *take_path(const struct usage *usage, const struct cli *cli)
{
	if (cli->argc - cli->operand > 1)
		usage_wrong(usage, "audit: one PATH at most");
	return cli->operand < cli->argc ? cli->argv[cli->operand] : NULL;
}

static int verify(int argc, char **argv)
{
	cleanup_strings struct strings keys = { .items = NULL };
	struct audit_verify_request request = { .public_keys = &keys };
	struct cli cli;
	int id;

	cli_init(&cli, verify_table, verify_usage.option_count, argc, argv);
	while ((id = cli_next(&cli)) > 0) {
		if (id == OPTION_HELP)
			usage_help(&verify_usage);
		if (id == OPTION_JSON)
			request.is_json = true;
		if (id == OPTION_PUBLIC_KEY &&
		    strings_add(&keys, cli.value, strlen(cli.value)) < 0)
			usage_wrong(&verify_usage, "audit: out of memory");
	}
	if (id == CLI_WRONG)
		usage_wrong(&verify_usage, cli.error);
	request.path = take_path(&verify_usage, &cli);
	return audit_verify_run(&request);
}

static void apply(struct audit_show_request *request, int id, const char *value)
{
	uint64_t number;

	switch (id) {
	case OPTION_FOLLOW:
		request->follows = true;
		break;
	case OPTION_LINES:
		if (number_parse(value, LINES_MAX, &number) < 0)
			usage_wrong(&show_usage, "--lines takes a number");
		request->line_max = (int64_t)number;
		break;
	case OPTION_SINCE:
		if (number_parse_duration(value, &number) < 0 ||
		    number > INT32_MAX) {
			usage_wrong(&show_usage,
			            "--since takes a time such as 90s or 2h");
		}
		request->since_s = (int64_t)time(NULL) - (int64_t)number;
		break;
	case OPTION_JSON:
		request->is_json = true;
		break;
	default:
		usage_help(&show_usage);
	}
}

int cmd_audit(int argc, char **argv)
{
	struct audit_show_request request = { .line_max = -1 };
	struct cli cli;
	int id;

	if (argc > 1 && strcmp(argv[1], "verify") == 0)
		return verify(argc - 1, argv + 1);
	cli_init(&cli, show_table, show_usage.option_count, argc, argv);
	while ((id = cli_next(&cli)) > 0)
		apply(&request, id, cli.value);
	if (id == CLI_WRONG)
		usage_wrong(&show_usage, cli.error);
	request.path = take_path(&show_usage, &cli);
	if (request.follows && request.line_max < 0 && request.since_s == 0)
		request.line_max = FOLLOW_LINES;
	return audit_show_run(&request);
}
