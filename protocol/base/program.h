/* program.h - finds a program that nobody else can have put there */
#pragma once

#include "protocol/base/attributes.h"

#include <stddef.h>

enum {
	PROGRAM_OK = 0,
	PROGRAM_MISSING = 1,
	PROGRAM_UNSAFE = 2,
};

/* The first executable of that name in the absolute directories of PATH; the
 * caller frees.  -ENOENT, -ENOMEM. */
must_check int program_find(const char *name, char **ret_path);

/* PROGRAM_OK: a regular executable file that belongs to root or to the user,
 * and that, with the directory that holds it and those that hold the symbolic
 * links on the way to it, is nobody else's to write.  Else why is a sentence
 * that begins with the path.  -errno. */
must_check int program_check(const char *path, char *why, size_t why_size);
