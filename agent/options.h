/* options.h - what nixcache-agent was asked to do, by its command line */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define OPTIONS_SOCKETS_MAX 7 /* beside the usual one */

enum options_shell {
	OPTIONS_SHELL_GUESS, /* by $SHELL */
	OPTIONS_SHELL_SH,
	OPTIONS_SHELL_CSH,
	OPTIONS_SHELL_FISH,
};

struct options {
	enum options_shell shell;
	const char *socket_path;                  /* -a, or NULL */
	const char *sockets[OPTIONS_SOCKETS_MAX]; /* --socket SCOPE:PATH */
	size_t socket_count;
	const char *scope;       /* of the command's socket, or NULL: owner */
	bool is_confined;        /* --confine */
	pid_t watched;           /* --watch, 0: none */
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
	bool allow_weak_confinement;
	char **command; /* NULL-ended, or NULL */
};

/* Exits: 0 after --help and --version, 64 after wrong usage. */
void options_parse(struct options *ret_options, int argc, char **argv);
