/* state.h - an open journal, for the files of this room */
#pragma once

#include "client/journal/journal.h"
#include "protocol/base/cleanup.h"

#include <sqlite3.h>

#include <limits.h>
#include <sys/types.h>

struct journal {
	sqlite3 *db;
	char path[PATH_MAX];
	dev_t device; /* of the file, with inode: that it is still at path */
	ino_t inode;
	bool is_damaged; /* seen on the way; put aside when it is closed */
	int lock_fd;     /* see owner.h; -1: not opened yet */
	int64_t owner;   /* our byte of the lock file; 0: none so far */
};

DEFINE_CLEANUP(sqlite3_stmt *, sqlite3_finalize)
#define cleanup_statement cleanup(sqlite3_finalize_at)

/* Errors of SQLite as -errno; notes damage. */
int journal_error(struct journal *journal, int code);

/* One or more statements without results. */
must_check int journal_execute(struct journal *journal, const char *sql);

must_check int journal_prepare(struct journal *journal, const char *sql,
                               sqlite3_stmt **ret_statement);

/* 1: a row; 0: done; -errno. */
must_check int journal_step(struct journal *journal, sqlite3_stmt *statement);

/* The lock to write is taken at once: two that read first and then both want
 * to write would have to fail. */
must_check int journal_begin(struct journal *journal);

/* Commits if rc >= 0, else undoes.  rc, or why it could not be committed. */
must_check int journal_end(struct journal *journal, int rc);

/* Text is borrowed until the statement is reset.  Cannot fail: nothing is
 * copied. */
void journal_bind(sqlite3_stmt *statement, int at, const char *text);
void journal_bind_number(sqlite3_stmt *statement, int at, int64_t number);

/* Seconds since the epoch. */
int64_t journal_now(void);
