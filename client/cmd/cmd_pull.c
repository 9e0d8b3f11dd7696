#include "client/cmd/operands.h"
#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"
#include "client/pull/pull.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"
#include "protocol/base/number.h"

#include <string.h>

#define JOBS_MAX 64

enum {
	OPTION_FROM = 1,
	OPTION_STORE,
	OPTION_NO_CLOSURE,
	OPTION_STDIN,
	OPTION_JOBS,
	OPTION_DRY_RUN,
	OPTION_JSON,
	OPTION_QUIET,
	OPTION_HELP,
};

static const struct cli_option table[] = {
	{ "from", 'f', "CACHE", "pull from this cache: its name or its URI",
	  OPTION_FROM },
	{ "store", 0, "STORE", "put the paths into this store", OPTION_STORE },
	{ "no-closure", 0, NULL, "pull only the paths themselves",
	  OPTION_NO_CLOSURE },
	{ "stdin", 0, NULL, "read paths from standard input, one a line",
	  OPTION_STDIN },
	{ "jobs", 'j', "N", "import N paths at once", OPTION_JOBS },
	{ "dry-run", 'n', NULL, "print what would be pulled", OPTION_DRY_RUN },
	{ "json", 0, NULL, "print one JSON object an event", OPTION_JSON },
	{ "quiet", 'q', NULL, "print only errors", OPTION_QUIET },
	{ "help", 'h', NULL, "print this", OPTION_HELP },
};

static const struct usage usage = {
	.synopsis = "nixcache pull [OPTION...] PATH...",
	.summary = "Fetches store paths with all they refer to, checks them, "
		   "and imports them.",
	.options = table,
	.option_count = sizeof(table) / sizeof(table[0]),
};

struct options {
	struct pull_request pull;
	enum progress_mode mode;
	bool reads_stdin;
};

static unsigned parse_jobs(const char *text)
{
	uint64_t value;

	if (number_parse(text, JOBS_MAX, &value) < 0)
		usage_wrong(&usage, "--jobs takes a number up to 64");
	return (unsigned)value;
}

static void apply(struct options *o, int id, const char *value)
{
	switch (id) {
	case OPTION_FROM:
		o->pull.cache = value;
		break;
	case OPTION_STORE:
		/* To Nix this is the machine's store, to a script it is a
		 * variable that was never set. */
		if (value[0] == '\0')
			usage_wrong(&usage, "--store takes a store");
		o->pull.store = value;
		break;
	case OPTION_NO_CLOSURE:
		o->pull.no_closure = true;
		break;
	case OPTION_STDIN:
		o->reads_stdin = true;
		break;
	case OPTION_JOBS:
		o->pull.jobs = parse_jobs(value);
		break;
	case OPTION_DRY_RUN:
		o->pull.dry_run = true;
		break;
	case OPTION_JSON:
		o->mode = PROGRESS_JSON;
		break;
	case OPTION_QUIET:
		o->mode = PROGRESS_QUIET;
		break;
	case OPTION_HELP:
		usage_help(&usage);
	default:
		break;
	}
}

static int pull(struct options *o, const struct strings *paths)
{
	struct progress *progress = progress_new(o->mode, PROGRESS_PULL);
	int exit_status;

	if (!progress)
		return EXIT_FAILED;
	o->pull.paths = paths;
	exit_status = pull_run(&o->pull, progress);
	progress_free(progress);
	return exit_status;
}

int cmd_pull(int argc, char **argv)
{
	struct options o = { .mode = PROGRESS_AUTO };
	cleanup_strings struct strings paths = { .items = NULL };
	struct cli cli;
	int id;

	cli_init(&cli, table, usage.option_count, argc, argv);
	while ((id = cli_next(&cli)) > 0)
		apply(&o, id, cli.value);
	if (id == CLI_WRONG)
		usage_wrong(&usage, cli.error);

	operands_read_paths(&usage, &cli, o.reads_stdin, &paths);
	return paths.count > 0 ? pull(&o, &paths) : EXIT_DONE;
}
