/* journal_stage.h - a journal in a folder of its own, and a way to its tables
 */
#pragma once

#include "client/journal/journal.h"

#include <sys/types.h>

#define STAGE_STORE "s3://bucket/prefix?endpoint=s3.example.org"
#define STAGE_KEY   "nar/1111111111111111111111111111111111111111111111111111"

struct journal_stage {
	char root[32];
	char folder[64]; /* of the journal; not made yet */
	char path[128];
	struct journal *journal; /* NULL until it is opened */
	char why[JOURNAL_WHY_MAX];
};

void journal_stage_set_up(struct journal_stage *s);
void journal_stage_tear_down(struct journal_stage *s);

/* Opens it, again if it is open.  As journal_open(). */
int journal_stage_open(struct journal_stage *s);

/* What is in the tables is put as a test needs it. */
void journal_stage_execute(const struct journal_stage *s, const char *sql);

/* The first column of the first row; -1: there is none. */
int64_t journal_stage_query(const struct journal_stage *s, const char *sql);

/* Adds base, or asks for it. */
void journal_stage_add(struct journal_stage *s, const char *store,
                       const char *base);
bool journal_stage_knows(struct journal_stage *s, const char *store,
                         const char *base, int64_t max_age_s);

/* Parts of the STAGE_KEY, given by their numbers, of so many bytes each. */
void journal_stage_upload(struct journal_stage *s, const char *upload_id,
                          const char *numbers, uint64_t bytes);

/* As after kill -9: its owner is a byte that nobody has locked. */
void journal_stage_orphan(const struct journal_stage *s);

/* journal_adopt_upload() of STAGE_KEY within a day. */
int journal_stage_adopt(struct journal_stage *s, struct journal_upload *upload);

/* 0 if it is not there. */
mode_t journal_stage_mode(const char *path);

/* A path in the root's folder; good until the next call. */
const char *journal_stage_file(const struct journal_stage *s, const char *name);
