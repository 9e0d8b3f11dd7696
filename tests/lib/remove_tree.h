/* remove_tree.h - a folder goes, with all that is in it */
#pragma once

/* Symbolic links are removed, not followed.  0, or -1 with errno. */
int remove_tree(const char *path);
