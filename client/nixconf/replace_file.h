/* replace_file.h - a file of somebody else's, read and replaced in one step
 *
 * Who reads it meanwhile sees the old one or the new one; mode and owner stay,
 * and a symbolic link keeps pointing to it.  Two of us at a time wait for each
 * other.
 */
#pragma once

#include "protocol/base/bytes.h"

#include <sys/stat.h>

struct replace_file {
	char *path;         /* owned; behind all links */
	struct buffer text; /* what it holds; wiped by replace_file_close() */
	struct stat st;
	bool exists;
	int folder; /* locked */
};

/* The folders above path, with mode 0755.  0 or -errno. */
must_check int replace_file_make_folder(const char *path);

/* A file that is not there is empty; its folder must be there.  0, -errno;
 * -ENOLINK: a symbolic link that leads nowhere; -EFBIG beyond max.
 * replace_file_close() in any case. */
must_check int replace_file_open(const char *path, size_t max,
                                 struct replace_file *ret_file);

/* mode: of a file that was not there.  0 or -errno, and then nothing has
 * changed. */
must_check int replace_file_save(struct replace_file *file, struct bytes text,
                                 mode_t mode);
void replace_file_close(struct replace_file *file);

/* For cleanup_replace_file on a local struct replace_file. */
#define cleanup_replace_file __attribute__((__cleanup__(replace_file_close)))
