#include "agent/options.h"

#include "protocol/base/cli.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPTION_SH = 1,
	OPTION_CSH,
	OPTION_FISH,
	OPTION_SOCKET,
	OPTION_SCOPE,
	OPTION_CONFINE,
	OPTION_WATCH,
	OPTION_FOREGROUND,
	OPTION_DEBUG,
	OPTION_KILL,
	OPTION_LIFETIME,
	OPTION_IDLE,
	OPTION_CONFIG,
	OPTION_PREFETCH,
	OPTION_ALLOW_WEAK,
	OPTION_QUIET,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct cli_option table[] = {
	{ "sh", 's', NULL, "print commands for sh, bash, zsh, dash",
	  OPTION_SH },
	{ "csh", 'c', NULL, "print commands for csh, tcsh", OPTION_CSH },
	{ "fish", 0, NULL, "print commands for fish", OPTION_FISH },
	{ "socket", 'a', "[SCOPE:]SOCKET",
	  "listen on this path; with SCOPE: also", OPTION_SOCKET },
	{ "scope", 0, "SCOPE", "what COMMAND may ask: owner, push, pull",
	  OPTION_SCOPE },
	{ "confine", 0, NULL, "shut COMMAND off from others' memory",
	  OPTION_CONFINE },
	{ "watch", 0, "PID", "end when this process ends", OPTION_WATCH },
	{ "foreground", 'D', NULL, "stay in the foreground",
	  OPTION_FOREGROUND },
	{ "debug", 'd', NULL, "stay in the foreground and say what happens",
	  OPTION_DEBUG },
	{ "kill", 'k', NULL, "end the running agent", OPTION_KILL },
	{ "lifetime", 't', "TIME", "wipe the secrets after this time (12h)",
	  OPTION_LIFETIME },
	{ "idle", 0, "TIME", "wipe them after this time without use (15m)",
	  OPTION_IDLE },
	{ "config", 0, "FILE", "read this configuration", OPTION_CONFIG },
	{ "prefetch", 0, NULL, "fetch the secrets now, and fail if that fails",
	  OPTION_PREFETCH },
	{ "allow-weak", 0, "NAME", "go on without it: see the man page",
	  OPTION_ALLOW_WEAK },
	{ "quiet", 'q', NULL, "print no remarks", OPTION_QUIET },
	{ "help", 'h', NULL, "print this", OPTION_HELP },
	{ "version", 'V', NULL, "print the version", OPTION_VERSION },
};

#define TABLE_COUNT (sizeof(table) / sizeof(table[0]))

static void print_help(void)
{
	(void)printf("usage: eval $(nixcache-agent [OPTION...])\n"
	             "       nixcache-agent [OPTION...] -- COMMAND [ARG...]\n"
	             "       nixcache-agent -k\n"
	             "\n"
	             "Holds the signing key and the S3 credentials of Nix "
	             "binary caches, and signs\n"
	             "and presigns for nixcache(1).  See nixcache-agent(1).\n"
	             "\n");
	cli_print_options(table, TABLE_COUNT, stdout);
}

_Noreturn static void wrong_usage(const char *what)
{
	(void)fprintf(stderr,
	              "nixcache-agent: %s\n"
	              "try: nixcache-agent --help\n",
	              what);
	exit(EXIT_USAGE);
}

static uint32_t parse_time(const char *name, const char *text)
{
	uint64_t seconds;

	if (strcmp(text, "never") == 0)
		return 0;
	if (number_parse_duration(text, &seconds) < 0) {
		char what[96];

		(void)snprintf(what, sizeof(what),
		               "%s takes a time such as 90s, 15m, 12h or never",
		               name);
		wrong_usage(what);
	}
	return (uint32_t)seconds;
}

static pid_t parse_pid(const char *text)
{
	uint64_t pid;

	if (number_parse(text, INT32_MAX, &pid) < 0 || pid == 0)
		wrong_usage("--watch takes the number of a process");
	return (pid_t)pid;
}

/* "pull:/run/pull.sock"; a path alone is the usual socket's. */
static void add_socket(struct options *options, const char *value)
{
	const char *colon = strchr(value, ':');

	if (!colon || memchr(value, '/', (size_t)(colon - value))) {
		options->socket_path = value;
		return;
	}
	if (colon == value || colon[1] != '/')
		wrong_usage("--socket takes SCOPE:/PATH, or a path");
	if (options->socket_count == OPTIONS_SOCKETS_MAX)
		wrong_usage("too many --socket");
	options->sockets[options->socket_count++] = value;
}

static void allow_weak(struct options *options, const char *name)
{
	if (strcmp(name, "memory") == 0) {
		options->allow_weak_memory = true;
	} else if (strcmp(name, "namespace") == 0) {
		options->allow_weak_namespace = true;
	} else if (strcmp(name, "trace") == 0) {
		options->allow_weak_trace = true;
	} else if (strcmp(name, "confinement") == 0) {
		options->allow_weak_confinement = true;
	} else {
		wrong_usage("--allow-weak takes memory, namespace, trace "
		            "or confinement");
	}
}

/* One option whose meaning needs more than an assignment. */
static void apply_other(struct options *options, int id, const char *value)
{
	switch (id) {
	case OPTION_LIFETIME:
		options->has_lifetime = true;
		options->lifetime = parse_time("-t", value);
		break;
	case OPTION_IDLE:
		options->has_idle = true;
		options->idle = parse_time("--idle", value);
		break;
	case OPTION_ALLOW_WEAK:
		allow_weak(options, value);
		break;
	case OPTION_WATCH:
		options->watched = parse_pid(value);
		break;
	case OPTION_HELP:
		print_help();
		exit(EXIT_DONE);
	case OPTION_VERSION:
		(void)printf("nixcache-agent %s\n", NIXCACHE_VERSION);
		exit(EXIT_DONE);
	default:
		break;
	}
}

static void apply(struct options *options, int id, const char *value)
{
	switch (id) {
	case OPTION_SH:
		options->shell = OPTIONS_SHELL_SH;
		break;
	case OPTION_CSH:
		options->shell = OPTIONS_SHELL_CSH;
		break;
	case OPTION_FISH:
		options->shell = OPTIONS_SHELL_FISH;
		break;
	case OPTION_SOCKET:
		add_socket(options, value);
		break;
	case OPTION_SCOPE:
		options->scope = value;
		break;
	case OPTION_CONFINE:
		options->is_confined = true;
		break;
	case OPTION_DEBUG:
		options->is_debug = true;
		options->is_foreground = true;
		break;
	case OPTION_FOREGROUND:
		options->is_foreground = true;
		break;
	case OPTION_KILL:
		options->is_kill = true;
		break;
	case OPTION_CONFIG:
		options->config_path = value;
		break;
	case OPTION_PREFETCH:
		options->is_prefetch = true;
		break;
	case OPTION_QUIET:
		options->is_quiet = true;
		break;
	default:
		apply_other(options, id, value);
		break;
	}
}

static void check_together(const struct options *options)
{
	if (!options->command && (options->scope || options->is_confined))
		wrong_usage("--scope and --confine are for a command");
	if (options->command && options->is_kill)
		wrong_usage("-k ends an agent and takes no command");
	if (options->command && options->is_foreground) {
		wrong_usage("-D and -d keep the agent in the foreground, where "
		            "the command would be");
	}
}

void options_parse(struct options *ret_options, int argc, char **argv)
{
	struct cli cli;
	int id;

	*ret_options = (struct options){ .shell = OPTIONS_SHELL_GUESS };
	cli_init(&cli, table, TABLE_COUNT, argc, argv);
	cli.stops_at_operand = 1;
	while ((id = cli_next(&cli)) > 0)
		apply(ret_options, id, cli.value);
	if (id == CLI_WRONG)
		wrong_usage(cli.error);

	if (cli.operand < argc) {
		ret_options->command = argv + cli.operand;
	} else if (strcmp(argv[argc - 1], "--") == 0) {
		wrong_usage("-- is followed by a command");
	}
	check_together(ret_options);
}
