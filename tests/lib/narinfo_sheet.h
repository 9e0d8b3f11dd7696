/* narinfo_sheet.h - the text of a narinfo, every line of which can be changed */
#pragma once

#include "tests/lib/receive_stage.h"

#define SHEET_BASE      "00000000000000000000000000000001-hello"
#define SHEET_KEY       "00000000000000000000000000000001.narinfo"
#define SHEET_OTHER     "00000000000000000000000000000002-libc"
#define SHEET_OTHER_KEY "00000000000000000000000000000002.narinfo"

/* A narinfo of the NAR; the test changes what it wants. */
struct sheet {
	const char *path;
	char url[128];
	const char *compression;
	char file_hash[NIX_HASH_TEXT_SIZE]; /* empty: none, as all below */
	uint64_t file_size;
	char nar_hash[NIX_HASH_TEXT_SIZE];
	uint64_t nar_size;
	const char *references;
	const char *more; /* whole lines */
};

struct sheet sheet_of(const struct sample_nar *nar);
struct buffer sheet_text(const struct sheet *sheet);
/* Under SHEET_KEY; the status. */
unsigned sheet_put(struct receive_stage *stage, const struct sheet *sheet,
                   char *text);
