#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"

static const struct usage usage = {
	.synopsis = "nixcache serve",
	.summary = "",
};

int cmd_serve(int argc, char **argv)
{
	(void)argc;
	usage_wrong(&usage, argv[0]);
}
