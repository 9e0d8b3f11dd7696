#include "tests/lib/remove_tree.h"

#include <ftw.h>
#include <stdio.h>

#define OPEN_AT_ONCE 16

static int remove_entry(const char *path, const struct stat *st, int type,
                        struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

int remove_tree(const char *path)
{
	return nftw(path, remove_entry, OPEN_AT_ONCE, FTW_DEPTH | FTW_PHYS);
}
