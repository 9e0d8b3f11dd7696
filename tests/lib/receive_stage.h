/* receive_stage.h - a receiver before a fake upstream, and NARs to send it */
#pragma once

#include "client/serve/receive.h"
#include "protocol/nix/hash.h"
#include "tests/lib/fake_upstream.h"

struct receive_stage {
	struct agent_cache config;
	struct upstream *upstream;
	struct receiver *receiver;
	int wake_fd;
};

void receive_stage_set_up(struct receive_stage *stage);
void receive_stage_tear_down(struct receive_stage *stage);

/* Carries out what is ordered and waits for threads until it is no longer
 * busy. */
enum receipt_state receive_stage_settle(struct receive_stage *stage,
                                        struct receipt *receipt);

/* Waits for the next word of a thread, or forgets what was said so far. */
void receive_stage_wait(const struct receive_stage *stage);
void receive_stage_drain(const struct receive_stage *stage);

/* Gives the bytes in pieces; false: it wants no more. */
bool receive_stage_write(struct receive_stage *stage, struct receipt *receipt,
                         struct bytes bytes, size_t piece);

struct receipt *receive_stage_begin(struct receive_stage *stage,
                                    const char *key, const char *encoding);
/* Ends the body; the status.  Closes it. */
unsigned receive_stage_end(struct receive_stage *stage,
                           struct receipt *receipt);
/* All of that; text NULL: not wanted, else RECEIVE_STAGE_TEXT. */
#define RECEIVE_STAGE_TEXT 1024
unsigned receive_stage_put(struct receive_stage *stage, const char *key,
                           const char *encoding, struct bytes body, char *text);

struct sample_nar {
	struct buffer file; /* compressed */
	char key[80];
	const char *compression;
	struct nix_hash nar_hash;
	uint64_t nar_size;
	struct nix_hash file_hash;
};

/* A NAR of one regular file, unpacked of that size (a multiple of 8);
 * compression "none" or "zstd".  seed makes it another one. */
void sample_nar_make(struct sample_nar *nar, const char *compression,
                     size_t size, unsigned seed);
/* What is in the file has been changed: its name and hash anew. */
void sample_nar_rename(struct sample_nar *nar);
void sample_nar_clear(struct sample_nar *nar);
#define SAMPLE_NAR_LEAST 112
