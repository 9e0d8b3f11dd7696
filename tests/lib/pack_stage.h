/* pack_stage.h - a few files to pack, and what came of them */
#pragma once

#include "client/pack/pack.h"
#include "protocol/base/bytes.h"

#include <limits.h>

#define MIB      ((size_t)1024 * 1024)
#define FILE_MAX 8

/* The files' folder, and what a store would know of them. */
struct store {
	char dir[64];
	size_t count;
	struct nix_hash hashes[FILE_MAX];
	uint64_t sizes[FILE_MAX];
};

/* So many files of these sizes; their bytes cannot be compressed. */
void store_make(struct store *s, const size_t *sizes, size_t count);
void store_remove(const struct store *s);
void file_path(const struct store *s, size_t index, char path[PATH_MAX]);

/* Hash and size once more: its file was changed on purpose. */
void store_learn(struct store *s, size_t index);

/* What cannot be compressed. */
void fill_noise(uint8_t *out, size_t len, uint64_t seed);

/* Two threads, and the smallest budget. */
struct pack *open_pack(enum pack_compression compression);
void submit(struct pack *p, const struct store *s, size_t index,
            const struct pack_start *start);

/* What came of one job. */
struct outcome {
	struct buffer bytes;
	unsigned parts;
	uint64_t blocks; /* in them */
	size_t smallest; /* of the parts that are not the last */
	bool has_last, is_done, has_failed;
	struct pack_event end;
};

void outcome_init(struct outcome *o);
/* What it is with what an earlier one has begun. */
void outcome_init_started(struct outcome *o, const struct pack_start *start);
void submit_all(struct pack *p, const struct store *s,
                struct outcome *outcomes);

void wait_event(struct pack *p, struct pack_event *event);
/* Runs until `count` jobs have ended. */
void run(struct pack *p, struct outcome *outcomes, size_t count);

/* The object decompresses to the NAR, and every number about it is right. */
void check_object(const struct outcome *o, const struct store *s, size_t index,
                  enum pack_compression compression);
