/* main.c - nixcache: finds the command and runs it */
#include "client/cmd/verbs.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} verbs[] = {
	{ "push", cmd_push, "sign store paths and upload them" },
	{ "pull", cmd_pull, "fetch store paths into the local store" },
	{ "serve", cmd_serve, "offer caches to stock Nix on this machine" },
	{ "use", cmd_use, "add a cache to the configuration of Nix" },
	{ "sign", cmd_sign, "sign paths of the local store" },
	{ "verify", cmd_verify, "check what a cache holds" },
	{ "ls", cmd_ls, "list what a cache holds" },
	{ "info", cmd_info, "show what a cache is and can do" },
	{ "url", cmd_url, "print a URL that is good for a while" },
	{ "keygen", cmd_keygen, "make a key pair for signing" },
	{ "audit", cmd_audit, "show and check what was asked and decided" },
	{ "status", cmd_status, "show what the agent holds" },
	{ "lock", cmd_lock, "wipe the secrets" },
	{ "unlock", cmd_unlock, "fetch the secrets now" },
};

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static void print_help(FILE *out)
{
	(void)fprintf(out, "usage: nixcache COMMAND [OPTION...] [ARG...]\n\n");
	for (size_t i = 0; i < VERB_COUNT; i++) {
		(void)fprintf(out, "  %-10s %s\n", verbs[i].name,
		              verbs[i].help);
	}
	(void)fprintf(out, "\n  -h, --help     print this\n"
	                   "  -V, --version  print the version\n"
	                   "\nEach command has --help; see nixcache(1).\n"
	                   "Start an agent first: eval $(nixcache-agent)\n");
}

static int help(int argc, char **argv)
{
	char option[] = "--help";
	char *words[] = { argc > 2 ? argv[2] : NULL, option, NULL };

	for (size_t i = 0; argc > 2 && i < VERB_COUNT; i++) {
		if (strcmp(verbs[i].name, argv[2]) == 0)
			return verbs[i].run(2, words);
	}
	print_help(stdout);
	return EXIT_DONE;
}

static int is_one_of(const char *word, const char *a, const char *b,
                     const char *c)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0 ||
	       strcmp(word, c) == 0;
}

/* A program that reads our output must not take half of it for all. */
static int check_output(int exit_status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return exit_status;
	log_error("standard output: %s", strerror(errno ? errno : EIO));
	return exit_status == EXIT_DONE ? EXIT_FAILED : exit_status;
}

int main(int argc, char **argv)
{
	log_setup("nixcache", LOG_INFO);
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (is_one_of(argv[1], "help", "--help", "-h"))
		return help(argc, argv);
	if (is_one_of(argv[1], "version", "--version", "-V")) {
		(void)printf("nixcache %s\n", NIXCACHE_VERSION);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (strcmp(verbs[i].name, argv[1]) == 0)
			return check_output(verbs[i].run(argc - 1, argv + 1));
	}
	(void)fprintf(stderr,
	              "nixcache: %s: no such command\ntry: nixcache --help\n",
	              argv[1]);
	return EXIT_USAGE;
}
