#include "client/cmd/operands.h"
#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"
#include "client/verify/verify.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"

#include <string.h>

enum {
	OPTION_CACHE = 1,
	OPTION_STORE,
	OPTION_ALL,
	OPTION_DEEP,
	OPTION_IGNORE_MISSING,
	OPTION_STDIN,
	OPTION_JSON,
	OPTION_QUIET,
	OPTION_HELP,
};

static const struct cli_option table[] = {
	{ "cache", 0, "CACHE", "verify this cache: its name or its URI",
	  OPTION_CACHE },
	{ "store", 0, "STORE", "ask this store what comes from upstream",
	  OPTION_STORE },
	{ "all", 'a', NULL, "verify all that the cache has", OPTION_ALL },
	{ "deep", 0, NULL, "fetch and unpack every archive, compare its hash",
	  OPTION_DEEP },
	{ "ignore-missing", 0, NULL, "what paths refer to may be elsewhere",
	  OPTION_IGNORE_MISSING },
	{ "stdin", 0, NULL, "read paths from standard input, one a line",
	  OPTION_STDIN },
	{ "json", 0, NULL, "print one JSON object a finding", OPTION_JSON },
	{ "quiet", 'q', NULL, "print only findings", OPTION_QUIET },
	{ "help", 'h', NULL, "print this", OPTION_HELP },
};

static const struct usage usage = {
	.synopsis = "nixcache verify [OPTION...] PATH...\n"
		    "       nixcache verify [OPTION...] --all",
	.summary = "Checks that a cache can give store paths with all they "
		   "refer to.",
	.options = table,
	.option_count = sizeof(table) / sizeof(table[0]),
};

struct options {
	struct verify_request verify;
	bool reads_stdin;
};

static void apply(struct options *o, int id, const char *value)
{
	switch (id) {
	case OPTION_CACHE:
		o->verify.cache = value;
		break;
	case OPTION_STORE:
		o->verify.store = value;
		break;
	case OPTION_ALL:
		o->verify.has_all = true;
		break;
	case OPTION_DEEP:
		o->verify.is_deep = true;
		break;
	case OPTION_IGNORE_MISSING:
		o->verify.may_lack_references = true;
		break;
	case OPTION_STDIN:
		o->reads_stdin = true;
		break;
	case OPTION_JSON:
		o->verify.mode = REPORT_JSON;
		break;
	case OPTION_QUIET:
		o->verify.mode = REPORT_QUIET;
		break;
	default:
		usage_help(&usage);
	}
}

int cmd_verify(int argc, char **argv)
{
	cleanup_strings struct strings paths = { .items = NULL };
	struct options o = { .reads_stdin = false };
	struct cli cli;
	int id;

	cli_init(&cli, table, usage.option_count, argc, argv);
	while ((id = cli_next(&cli)) > 0)
		apply(&o, id, cli.value);
	if (id == CLI_WRONG)
		usage_wrong(&usage, cli.error);

	operands_read(&cli, o.reads_stdin, &paths);
	if (o.verify.has_all && (paths.count > 0 || o.reads_stdin))
		usage_wrong(&usage, "verify: --all is all; it takes no paths");
	if (!o.verify.has_all && paths.count == 0 && !o.reads_stdin) {
		usage_wrong(&usage,
		            "verify: say which paths, --stdin or --all");
	}
	if (!o.verify.has_all && paths.count == 0)
		return EXIT_DONE;
	o.verify.paths = &paths;
	return verify_run(&o.verify);
}
