/* worker_field.h - the fields that the worker protocol's messages are made of
 *
 * A reader goes on after a failure, with empty values; reader_end() says what
 * the message was.
 */
#pragma once

#include "protocol/base/cursor.h"
#include "protocol/nix/worker.h"

#define WORKER_STRING_MAX 1024 /* paths, names, hashes, content addresses */

/* Two ways to fail: the input ends too early (the cursor's failure), or it
 * can never be right however much follows (bad). */
struct reader {
	struct cursor cursor;
	size_t whole;
	bool bad;
};

void reader_init(struct reader *r, struct bytes in);

/* 0, WORKER_MORE or -EBADMSG. */
must_check int reader_end(const struct reader *r, size_t *ret_used);

bool reader_failed(const struct reader *r);

uint64_t reader_get_number(struct reader *r, uint64_t max);

/* Borrowed from the input. */
struct bytes reader_get_string(struct reader *r, size_t max);

/* The base name of a full store path. */
void reader_get_path(struct reader *r, const char *store_dir,
                     char base[STORE_PATH_BASE_SIZE]);

/* At most max paths, added and sorted.  0, also where the reader has failed,
 * or -ENOMEM. */
must_check int reader_get_paths(struct reader *r, const char *store_dir,
                                uint64_t max, struct strings *bases);

void worker_put_string(struct buffer *out, struct bytes text);

/* The full store path. */
void worker_put_path(struct buffer *out, const char *store_dir,
                     const char *base);
void worker_put_paths(struct buffer *out, const char *store_dir,
                      const struct strings *bases);
