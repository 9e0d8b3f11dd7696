#include "client/agent_call.h"
#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"
#include "protocol/varlink/agent_status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OPTION_JSON = 1,
	OPTION_HARDENING,
	OPTION_HELP,
};

static const struct cli_option table[] = {
	{ "json", 0, NULL, "print the agent's reply as JSON", OPTION_JSON },
	{ "hardening", 0, NULL, "print only the hardening table",
	  OPTION_HARDENING },
	{ "help", 'h', NULL, "print this", OPTION_HELP },
};

static const struct usage usage = {
	.synopsis = "nixcache status [OPTION...]",
	.summary = "Shows what the agent holds, for how long, and how it is "
		   "protected.",
	.options = table,
	.option_count = sizeof(table) / sizeof(table[0]),
};

static void print_left(const char *what, int64_t seconds)
{
	if (seconds < 0)
		return;
	(void)printf("%-10s %lldh %02lldm %02llds left\n", what,
	             (long long)seconds / 3600, (long long)seconds % 3600 / 60,
	             (long long)seconds % 60);
}

/* The words of the configuration. */
static const char *policy_word(enum sign_policy policy)
{
	switch (policy) {
	case SIGN_IN_STORE:
		return "in-store";
	case SIGN_BUILT_HERE:
		return "built-here";
	case SIGN_ANY:
		return "any";
	}
	return "";
}

static void print_policy(const struct agent_cache *cache)
{
	static const char *const words[CONFIRM_COUNT] = {
		[CONFIRM_SIGN] = "sign",
		[CONFIRM_PRESIGN_PUT] = "presign-put",
		[CONFIRM_UNLOCK] = "unlock",
	};

	(void)printf("  policy   sign-policy %s, confirm",
	             policy_word(cache->sign_policy));
	for (size_t i = 0; i < CONFIRM_COUNT; i++) {
		if (cache->confirm & (1U << i))
			(void)printf(" %s", words[i]);
	}
	(void)puts(cache->confirm == 0 ? " nothing" : "");
}

static void print_cache(const struct agent_cache *cache)
{
	(void)printf("cache      %s\n", cache->name);
	(void)printf("  store    %s\n", cache->store);
	for (size_t i = 0; i < cache->public_keys.count; i++)
		(void)printf("  key      %s\n", cache->public_keys.items[i]);
	if (cache->public_keys.count == 0)
		(void)printf("  key      known once unlocked\n");
	print_policy(cache);
	if (cache->in_flight > 0) {
		(void)printf(
			"  pace     slowed down by the server: %u requests "
			"in flight\n",
			cache->in_flight);
	}
}

static void print_audit(const struct agent_audit *audit)
{
	if (!audit->path) {
		(void)puts("audit      none is kept");
		return;
	}
	(void)printf("audit      %s, %llu records\n", audit->path,
	             (unsigned long long)audit->sequence);
	if (audit->failure) {
		(void)printf("           uses no secret until it can be "
		             "written: %s\n",
		             audit->failure);
	}
}

static void print_hardening(const struct agent_status *status)
{
	bool is_terminal = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");

	for (size_t i = 0; i < status->measure_count; i++) {
		const struct agent_measure *m = &status->measures[i];
		const char *colour = m->state == MEASURE_HELD     ? "\033[32m"
		                     : m->state == MEASURE_WEAKER ? "\033[33m"
		                                                  : "\033[31m";

		(void)printf("%s%-7s%s %-9s %-22s %s\n",
		             is_terminal ? colour : "",
		             measure_state_name(m->state),
		             is_terminal ? "\033[0m" : "", m->process, m->name,
		             m->detail);
	}
}

static void print_status(const struct agent_status *status)
{
	(void)printf("agent      %s, pid %lld\n", status->version,
	             (long long)status->pid);
	(void)printf("state      %s\n", agent_state_name(status->state));
	(void)printf("scope      %s\n", status->scope);
	print_audit(&status->audit);
	print_left("lifetime", status->lifetime_left);
	print_left("idle", status->idle_left);
	(void)printf(
		"served     %llu signatures, %llu URLs, %llu source runs\n",
		(unsigned long long)status->signature_count,
		(unsigned long long)status->url_count,
		(unsigned long long)status->source_runs);
	for (size_t i = 0; i < status->cache_count; i++)
		print_cache(&status->caches[i]);
	(void)printf("\nhardening\n");
	print_hardening(status);
}

static int print_json(const struct agent_status *status)
{
	cleanup_buffer struct buffer out = { .data = NULL };
	int rc;

	buffer_init(&out, VARLINK_FRAME_MAX);
	status_put_object(status, &out);
	buffer_append_char(&out, '\n');
	rc = buffer_end(&out);
	if (rc < 0) {
		log_error("status: %s", strerror(-rc));
		return EXIT_FAILED;
	}
	return fwrite(out.data, 1, out.len, stdout) == out.len ? EXIT_DONE
	                                                       : EXIT_FAILED;
}

/* The id of the last of --json and --hardening, or 0. */
static int parse(int argc, char **argv)
{
	struct cli cli;
	int id, form = 0;

	cli_init(&cli, table, usage.option_count, argc, argv);
	while ((id = cli_next(&cli)) > 0) {
		if (id == OPTION_HELP)
			usage_help(&usage);
		form = id;
	}
	if (id == CLI_WRONG)
		usage_wrong(&usage, cli.error);
	if (cli.operand < argc)
		usage_wrong(&usage, "nothing is expected after the options");
	return form;
}

int cmd_status(int argc, char **argv)
{
	int form = parse(argc, argv);
	struct agent_status status;
	struct agent_error error;
	struct agent *agent = NULL;
	int exit_status = EXIT_DONE;
	int rc = agent_open(NULL, &agent, &error);

	if (rc == 0)
		rc = agent_get_status(agent, &status, &error);
	agent_close(agent);
	if (rc != 0) {
		log_error("%s", error.text);
		return error.exit_status;
	}
	if (form == OPTION_JSON) {
		exit_status = print_json(&status);
	} else if (form == OPTION_HARDENING) {
		print_hardening(&status);
	} else {
		print_status(&status);
	}
	agent_status_clear(&status);
	return exit_status;
}
