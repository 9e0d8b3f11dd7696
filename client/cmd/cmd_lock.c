#include "client/agent_call.h"
#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"

#include <stdio.h>
#include <unistd.h>

enum {
	OPTION_QUIET = 1,
	OPTION_HELP,
};

static const struct cli_option table[] = {
	{ "quiet", 'q', NULL, "print only errors", OPTION_QUIET },
	{ "help", 'h', NULL, "print this", OPTION_HELP },
};

static const struct usage lock_usage = {
	.synopsis = "nixcache lock [OPTION...]",
	.summary = "Wipes the secrets from the agent's memory.",
	.options = table,
	.option_count = sizeof(table) / sizeof(table[0]),
};

static const struct usage unlock_usage = {
	.synopsis = "nixcache unlock [OPTION...]",
	.summary = "Has the agent fetch the secrets now, rather than with the "
		   "first request.",
	.options = table,
	.option_count = sizeof(table) / sizeof(table[0]),
};

/* True if nothing is to be said. */
static bool parse(const struct usage *usage, int argc, char **argv)
{
	bool is_quiet = false;
	struct cli cli;
	int id;

	cli_init(&cli, table, usage->option_count, argc, argv);
	while ((id = cli_next(&cli)) > 0) {
		if (id == OPTION_HELP)
			usage_help(usage);
		is_quiet = true;
	}
	if (id == CLI_WRONG)
		usage_wrong(usage, cli.error);
	if (cli.operand < argc)
		usage_wrong(usage, "nothing is expected after the options");
	return is_quiet;
}

static int finish(struct agent *agent, int rc, const struct agent_error *error,
                  const char *done)
{
	if (rc != 0) {
		log_error("%s", error->text);
	} else if (done) {
		(void)puts(done);
	}
	agent_close(agent);
	return rc != 0 ? error->exit_status : EXIT_DONE;
}

int cmd_lock(int argc, char **argv)
{
	bool is_quiet = parse(&lock_usage, argc, argv);
	struct agent_error error;
	struct agent *agent = NULL;
	int rc = agent_open(NULL, &agent, &error);

	if (rc == 0)
		rc = agent_lock(agent, &error);
	return finish(agent, rc, &error, is_quiet ? NULL : "locked");
}

int cmd_unlock(int argc, char **argv)
{
	bool is_quiet = parse(&unlock_usage, argc, argv);
	struct agent_error error;
	struct agent *agent = NULL;
	int rc = agent_open(NULL, &agent, &error);

	if (rc == 0 && isatty(STDERR_FILENO))
		agent_announce_waiting(agent);
	if (rc == 0)
		rc = agent_unlock(agent, &error);
	return finish(agent, rc, &error, is_quiet ? NULL : "unlocked");
}
