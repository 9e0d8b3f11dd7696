/* usage.h - what every command says when it is asked for help or used wrongly */
#pragma once

#include "protocol/base/cli.h"

struct usage {
	const char *synopsis; /* "nixcache push [OPTION...] PATH..." */
	const char *summary;  /* one sentence */
	const struct cli_option *options;
	size_t option_count;
};

/* Exits with 0. */
_Noreturn void usage_help(const struct usage *usage);

/* Exits with 64; what: "--jobs takes a number". */
_Noreturn void usage_wrong(const struct usage *usage, const char *what);
