/* needles.h - the secrets that an attack looks for, found in one pass
 *
 * Read from a descriptor, one a line: a name, a space, and the bytes in hex.
 * Never from arguments, which everyone can read.
 */
#pragma once

#include "protocol/base/bytes.h"

#define NEEDLE_LEN_MIN  8
#define NEEDLE_LEN_MAX  256
#define NEEDLES_MAX     1024
#define NEEDLE_NAME_MAX 31

struct needle {
	char name[NEEDLE_NAME_MAX + 1];
	uint8_t bytes[NEEDLE_LEN_MAX];
	size_t len;
};

struct needles;

/* NULL when the text is not as above, or out of memory. */
struct needles *needles_read(int fd);
void needles_free(struct needles *needles);

/* The first needle in bytes at or after *at, which moves behind its first
 * byte; NULL when there is none. */
const struct needle *needles_find(const struct needles *needles,
                                  struct bytes bytes, size_t *at);
