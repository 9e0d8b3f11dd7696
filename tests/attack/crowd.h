/* crowd.h - the hostile connections of a crowd, and what is sent */
#pragma once

#include "protocol/base/bytes.h"

struct crowd_texts {
	struct buffer sign_one; /* calls, each with its NUL */
	struct buffer presign_one;
	struct buffer sign_many;
	struct buffer presign_many;
	struct buffer large; /* without an end */
};

must_check int crowd_texts_make(struct crowd_texts *texts, const char *cache);
void crowd_texts_clear(struct crowd_texts *texts);

/* A connected socket, with flags like SOCK_NONBLOCK, or -1. */
must_check int crowd_connect(const char *path, int flags);

/* Is the hostile connections first to first + count - 1 until it is killed;
 * a byte to ready when all of them are about their business. */
void crowd_be_hostile(const char *path, const struct crowd_texts *texts,
                      unsigned first, unsigned count, int ready);
