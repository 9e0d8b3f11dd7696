#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"

static const struct usage usage = {
	.synopsis = "nixcache use",
	.summary = "",
};

int cmd_use(int argc, char **argv)
{
	(void)argc;
	usage_wrong(&usage, argv[0]);
}
