#include "client/cmd/operands.h"
#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"
#include "client/push/push.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"
#include "protocol/base/number.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOBS_MAX        256
#define COMPRESSION_MAX 22 /* zstd's highest level */

enum {
	OPTION_TO = 1,
	OPTION_STORE,
	OPTION_NO_CLOSURE,
	OPTION_FULL,
	OPTION_RECHECK,
	OPTION_STDIN,
	OPTION_JOBS,
	OPTION_MAX_MEMORY,
	OPTION_COMPRESSION,
	OPTION_LEVEL,
	OPTION_DRY_RUN,
	OPTION_JSON,
	OPTION_QUIET,
	OPTION_HELP,
};

static const struct cli_option table[] = {
	{ "to", 't', "CACHE", "push to this cache: its name or its URI",
	  OPTION_TO },
	{ "store", 0, "STORE", "take the paths from this store", OPTION_STORE },
	{ "no-closure", 0, NULL, "push only the paths themselves",
	  OPTION_NO_CLOSURE },
	{ "full", 0, NULL, "push also what an upstream cache has",
	  OPTION_FULL },
	{ "recheck", 0, NULL, "ask for what was there within the hour, too",
	  OPTION_RECHECK },
	{ "stdin", 0, NULL, "read paths from standard input, one a line",
	  OPTION_STDIN },
	{ "jobs", 'j', "N", "compress with N threads (one a processor)",
	  OPTION_JOBS },
	{ "max-memory", 0, "SIZE", "memory for what is under way",
	  OPTION_MAX_MEMORY },
	{ "compression", 0, "NAME", "zstd, xz or none", OPTION_COMPRESSION },
	{ "level", 0, "N", "compression level, or auto", OPTION_LEVEL },
	{ "dry-run", 'n', NULL, "print what would be pushed and what it takes",
	  OPTION_DRY_RUN },
	{ "json", 0, NULL, "print one JSON object an event", OPTION_JSON },
	{ "quiet", 'q', NULL, "print only errors", OPTION_QUIET },
	{ "help", 'h', NULL, "print this", OPTION_HELP },
};

static const struct usage usage = {
	.synopsis = "nixcache push [OPTION...] PATH...",
	.summary = "Signs store paths with all they refer to, and uploads what "
		   "the cache lacks.",
	.options = table,
	.option_count = sizeof(table) / sizeof(table[0]),
};

struct options {
	struct push_request push;
	enum progress_mode mode;
	bool reads_stdin;
};

static uint64_t parse_number(const char *text, uint64_t max, const char *wrong)
{
	uint64_t value;

	if (number_parse(text, max, &value) < 0)
		usage_wrong(&usage, wrong);
	return value;
}

static int parse_level(const char *text)
{
	if (strcmp(text, "auto") == 0)
		return PACK_LEVEL_AUTO;
	return (int)parse_number(text, COMPRESSION_MAX,
	                         "--level takes a number up to 22, or auto");
}

static void apply_number(struct options *o, int id, const char *value)
{
	switch (id) {
	case OPTION_JOBS:
		o->push.jobs = (unsigned)parse_number(
			value, JOBS_MAX, "--jobs takes a number up to 256");
		break;
	case OPTION_LEVEL:
		o->push.level = parse_level(value);
		break;
	case OPTION_MAX_MEMORY:
		if (number_parse_size(value, &o->push.max_memory) < 0 ||
		    o->push.max_memory < PACK_BUDGET_MIN) {
			usage_wrong(&usage, "--max-memory takes a size of at "
			                    "least 64M");
		}
		break;
	case OPTION_HELP:
		usage_help(&usage);
	default:
		break;
	}
}

static void apply(struct options *o, int id, const char *value)
{
	switch (id) {
	case OPTION_TO:
		o->push.cache = value;
		break;
	case OPTION_STORE:
		o->push.store = value;
		break;
	case OPTION_NO_CLOSURE:
		o->push.no_closure = true;
		break;
	case OPTION_FULL:
		o->push.full = true;
		break;
	case OPTION_RECHECK:
		o->push.recheck = true;
		break;
	case OPTION_STDIN:
		o->reads_stdin = true;
		break;
	case OPTION_COMPRESSION:
		o->push.compression = value;
		break;
	case OPTION_DRY_RUN:
		o->push.dry_run = true;
		break;
	case OPTION_JSON:
		o->mode = PROGRESS_JSON;
		break;
	case OPTION_QUIET:
		o->mode = PROGRESS_QUIET;
		break;
	default:
		apply_number(o, id, value);
		break;
	}
}

static int push(struct options *o, const struct strings *paths)
{
	struct progress *progress = progress_new(o->mode, PROGRESS_PUSH);
	struct agent_error error;
	struct agent *agent = NULL;
	int exit_status;

	if (!progress)
		return EXIT_FAILED;
	if (agent_open(NULL, &agent, &error) != 0) {
		log_error("%s", error.text);
		progress_free(progress);
		return error.exit_status;
	}
	if (o->mode == PROGRESS_AUTO && isatty(STDERR_FILENO))
		agent_announce_waiting(agent);
	o->push.paths = paths;
	exit_status = push_run(&o->push, agent, progress);
	agent_close(agent);
	progress_free(progress);
	return exit_status;
}

int cmd_push(int argc, char **argv)
{
	struct options o = {
		.push = { .level = -1 },
	};
	cleanup_strings struct strings paths = { .items = NULL };
	struct cli cli;
	int id;

	cli_init(&cli, table, usage.option_count, argc, argv);
	while ((id = cli_next(&cli)) > 0)
		apply(&o, id, cli.value);
	if (id == CLI_WRONG)
		usage_wrong(&usage, cli.error);

	operands_read_paths(&usage, &cli, o.reads_stdin, &paths);
	return paths.count > 0 ? push(&o, &paths) : EXIT_DONE;
}
