#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"

static const struct usage usage = {
	.synopsis = "nixcache info",
	.summary = "",
};

int cmd_info(int argc, char **argv)
{
	(void)argc;
	usage_wrong(&usage, argv[0]);
}
