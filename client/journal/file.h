/* file.h - the journal's file in the file system: found, made, put aside */
#pragma once

#include "client/journal/state.h"

#include <sys/stat.h>

/* Opens to read and write, or makes, a plain file of ours that nobody else may
 * use.  A descriptor that the caller owns, or -errno; -ELOOP: a symbolic link;
 * -ENXIO: no plain file; -EPERM: somebody else's. */
must_check int journal_file_open(const char *path, struct stat *ret_st);

/* Fills in journal->path (NULL: the usual one; no link is left in it),
 * ->device and ->inode, and enters (owner.h).  0, or -errno with a sentence in why. */
must_check int journal_file_prepare(struct journal *journal, const char *path,
                                    char why[JOURNAL_WHY_MAX]);

/* Leaves, and moves the file that was prepared to FILE.aside, unless another
 * has done so.  0; -EBUSY: it is open elsewhere; -errno. */
int journal_file_put_aside(struct journal *journal);

/* The sentence for an error of this file.  rc, for the caller to return. */
int journal_file_say(char why[JOURNAL_WHY_MAX], const char *path, int rc);
