#include "client/cmd/usage.h"

#include "protocol/base/exit_status.h"

#include <stdio.h>
#include <stdlib.h>

void usage_help(const struct usage *usage)
{
	(void)printf("usage: %s\n\n%s\n\n", usage->synopsis, usage->summary);
	cli_print_options(usage->options, usage->option_count, stdout);
	exit(EXIT_DONE);
}

void usage_wrong(const struct usage *usage, const char *what)
{
	(void)fprintf(stderr, "nixcache: %s\nusage: %s\n", what,
	              usage->synopsis);
	exit(EXIT_USAGE);
}
