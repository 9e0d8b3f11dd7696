#include "client/cmd/operands.h"
#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"
#include "client/sign/sign.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"

#include <string.h>
#include <unistd.h>

enum {
	OPTION_CACHE = 1,
	OPTION_KEY,
	OPTION_RECURSIVE,
	OPTION_STORE,
	OPTION_STDIN,
	OPTION_JSON,
	OPTION_QUIET,
	OPTION_HELP,
};

static const struct cli_option table[] = {
	{ "cache", 0, "CACHE", "sign with the keys of this cache",
	  OPTION_CACHE },
	{ "key", 0, "NAME", "only with the key of this name", OPTION_KEY },
	{ "recursive", 'r', NULL, "also all that the paths refer to",
	  OPTION_RECURSIVE },
	{ "store", 0, "STORE", "sign the paths of this store", OPTION_STORE },
	{ "stdin", 0, NULL, "read paths from standard input, one a line",
	  OPTION_STDIN },
	{ "json", 0, NULL, "print one JSON object an event", OPTION_JSON },
	{ "quiet", 'q', NULL, "print only errors", OPTION_QUIET },
	{ "help", 'h', NULL, "print this", OPTION_HELP },
};

static const struct usage usage = {
	.synopsis = "nixcache sign [OPTION...] PATH...",
	.summary = "Adds signatures of a cache's keys to paths of the local "
		   "store.",
	.options = table,
	.option_count = sizeof(table) / sizeof(table[0]),
};

struct options {
	struct sign_request sign;
	bool reads_stdin;
};

static void apply(struct options *o, int id, const char *value)
{
	switch (id) {
	case OPTION_CACHE:
		o->sign.cache = value;
		break;
	case OPTION_KEY:
		o->sign.key = value;
		break;
	case OPTION_RECURSIVE:
		o->sign.recursive = true;
		break;
	case OPTION_STORE:
		o->sign.store = value;
		break;
	case OPTION_STDIN:
		o->reads_stdin = true;
		break;
	case OPTION_JSON:
		o->sign.mode = SIGN_JSON;
		break;
	case OPTION_QUIET:
		o->sign.mode = SIGN_QUIET;
		break;
	default:
		usage_help(&usage);
	}
}

static int sign(struct options *o, const struct strings *paths)
{
	struct agent_error error;
	struct agent *agent = NULL;
	int exit_status;

	if (agent_open(NULL, &agent, &error) != AGENT_OK) {
		log_error("sign: %s", error.text);
		return error.exit_status;
	}
	if (o->sign.mode == SIGN_PLAIN && isatty(STDERR_FILENO))
		agent_announce_waiting(agent);
	o->sign.paths = paths;
	exit_status = sign_run(&o->sign, agent);
	agent_close(agent);
	return exit_status;
}

int cmd_sign(int argc, char **argv)
{
	struct options o = { .sign = { .mode = SIGN_PLAIN } };
	cleanup_strings struct strings paths = { .items = NULL };
	struct cli cli;
	int id;

	cli_init(&cli, table, usage.option_count, argc, argv);
	while ((id = cli_next(&cli)) > 0)
		apply(&o, id, cli.value);
	if (id == CLI_WRONG)
		usage_wrong(&usage, cli.error);

	operands_read_paths(&usage, &cli, o.reads_stdin, &paths);
	return paths.count > 0 ? sign(&o, &paths) : EXIT_DONE;
}
