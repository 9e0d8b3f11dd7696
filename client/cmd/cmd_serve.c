#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"
#include "client/serve/serve.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"
#include "protocol/base/number.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define LISTEN_USUAL "127.0.0.1:7757"

enum {
	OPTION_LISTEN = 1,
	OPTION_CACHE,
	OPTION_ALLOW_PUSH,
	OPTION_ALLOW_USER,
	OPTION_PASSWORD_FILE,
	OPTION_PRIORITY,
	OPTION_REDIRECT,
	OPTION_PROXY,
	OPTION_HELP,
};

static const struct cli_option table[] = {
	{ "listen", 'l', "HOST:PORT", "where (127.0.0.1:7757)", OPTION_LISTEN },
	{ "cache", 'c', "CACHE", "serve this one; again for more (all)",
	  OPTION_CACHE },
	{ "allow-push", 0, NULL, "take what nix copy --to sends",
	  OPTION_ALLOW_PUSH },
	{ "allow-user", 0, "USER", "who may connect; again for more",
	  OPTION_ALLOW_USER },
	{ "password-file", 0, "FILE", "ask for the password in it",
	  OPTION_PASSWORD_FILE },
	{ "priority", 0, "N", "for Nix: lower is asked first",
	  OPTION_PRIORITY },
	{ "redirect", 0, NULL, "send NAR requests on to S3 (usual)",
	  OPTION_REDIRECT },
	{ "proxy", 0, NULL, "pass NARs through this server", OPTION_PROXY },
	{ "help", 'h', NULL, "print this", OPTION_HELP },
};

static const struct usage usage = {
	.synopsis = "nixcache serve [OPTION...]",
	.summary = "Offers caches to stock Nix on this machine, as an HTTP "
		   "substituter.",
	.options = table,
	.option_count = sizeof(table) / sizeof(table[0]),
};

struct options {
	struct serve_request serve;
	struct strings caches;
	struct strings users;
};

static void add(struct strings *list, const char *value)
{
	if (strings_add(list, value, strlen(value)) < 0)
		usage_wrong(&usage, strerror(ENOMEM));
}

static void apply_flag(struct options *o, int id)
{
	switch (id) {
	case OPTION_ALLOW_PUSH:
		o->serve.allow_push = true;
		break;
	case OPTION_REDIRECT:
		o->serve.proxy = false;
		break;
	case OPTION_PROXY:
		o->serve.proxy = true;
		break;
	case OPTION_HELP:
		usage_help(&usage);
	default:
		break;
	}
}

static void apply(struct options *o, int id, const char *value)
{
	uint64_t number;

	switch (id) {
	case OPTION_LISTEN:
		o->serve.listen = value;
		break;
	case OPTION_CACHE:
		add(&o->caches, value);
		break;
	case OPTION_ALLOW_USER:
		add(&o->users, value);
		break;
	case OPTION_PASSWORD_FILE:
		o->serve.password_file = value;
		break;
	case OPTION_PRIORITY:
		if (number_parse(value, INT_MAX, &number) < 0)
			usage_wrong(&usage, "--priority takes a number");
		o->serve.priority = (int)number;
		break;
	default:
		apply_flag(o, id);
		break;
	}
}

int cmd_serve(int argc, char **argv)
{
	struct options o = {
		.serve = { .listen = LISTEN_USUAL, .priority = -1 },
	};
	struct cli cli;
	int id, exit_status;

	cli_init(&cli, table, usage.option_count, argc, argv);
	while ((id = cli_next(&cli)) > 0)
		apply(&o, id, cli.value);
	if (id == CLI_WRONG)
		usage_wrong(&usage, cli.error);
	if (cli.operand < argc)
		usage_wrong(&usage, "nothing is expected after the options");

	o.serve.caches = &o.caches;
	o.serve.users = &o.users;
	exit_status = serve_run(&o.serve);
	strings_clear(&o.caches);
	strings_clear(&o.users);
	return exit_status;
}
