/* options.h - what nixcache-agent was asked to do, by its command line */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum options_shell {
	OPTIONS_SHELL_GUESS, /* by $SHELL */
	OPTIONS_SHELL_SH,
	OPTIONS_SHELL_CSH,
	OPTIONS_SHELL_FISH,
};

struct options {
	enum options_shell shell;
	const char *socket_path; /* -a, or NULL */
	const char *config_path; /* --config, or NULL */
	bool is_foreground;      /* -D or -d */
	bool is_debug;           /* -d */
	bool is_kill;            /* -k */
	bool is_prefetch;
	bool is_quiet;
	bool has_lifetime;
	uint32_t lifetime; /* seconds, 0: none */
	bool has_idle;
	uint32_t idle; /* seconds, 0: none */
	bool allow_weak_memory;
	bool allow_weak_namespace;
	bool allow_weak_trace;
	char **command; /* NULL-ended, or NULL */
};

/* Exits: 0 after --help and --version, 64 after wrong usage. */
void options_parse(struct options *ret_options, int argc, char **argv);
