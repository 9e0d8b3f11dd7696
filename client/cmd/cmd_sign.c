#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"

static const struct usage usage = {
	.synopsis = "nixcache sign",
	.summary = "",
};

int cmd_sign(int argc, char **argv)
{
	(void)argc;
	usage_wrong(&usage, argv[0]);
}
