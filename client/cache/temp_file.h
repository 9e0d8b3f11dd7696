/* temp_file.h - a file that appears under its name only when it is whole
 *
 * Written beside its place under a name of its own and locked as long as its
 * writer lives, so that what a crash left behind can be told from what is
 * being written.  Private to this folder.
 */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEMP_FILE_PATH_MAX 4096 /* with its NUL */

struct temp_file {
	int fd; /* -1: none */
	char path[TEMP_FILE_PATH_MAX];
};

/* Makes missing directories too (0755).  0 or -errno. */
must_check int temp_file_open(const char *final_path,
                              struct temp_file *ret_file);

must_check int temp_file_write(struct temp_file *file, const void *data,
                               size_t len);

/* Onto the disk and under its name, over what may be there; then the
 * directory's entry onto the disk.  0 or -errno; closed in both cases, and
 * gone after a failure. */
must_check int temp_file_commit(struct temp_file *file, const char *final_path);

/* Likewise, but -EEXIST when anything has that name already, also when it came
 * there a moment ago. */
must_check int temp_file_commit_new(struct temp_file *file,
                                    const char *final_path);

/* Closes and removes it, unless it was committed. */
void temp_file_discard(struct temp_file *file);

/* True for the name (without directory) of such a file while it is written. */
bool temp_file_is_ours(const char *name);

/* Removes from a directory what dead writers left, and adds their number to
 * *count.  Where files cannot be locked: what is older than max_age_s.  A
 * directory that is not there has none.  0 or -errno. */
must_check int temp_file_clean(const char *directory, int64_t max_age_s,
                               size_t *count);
