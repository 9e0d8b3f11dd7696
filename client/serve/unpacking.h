/* unpacking.h - a NAR unpacked on a thread of its own, for nothing but its sums
 *
 * Its compressed bytes come through a conduit.  Only the thread that started
 * it may call these.
 */
#pragma once

#include "client/pack/unpack.h"

/* A NAR that unpacks to more is refused: a small object could keep a processor
 * busy for hours. */
#define UNPACKING_NAR_MAX ((uint64_t)1 << 40)

struct unpacking;

/* wake_fd is written to when it has ended, and when its conduit takes bytes
 * again.  -ENOTSUP for an unknown compression; -errno. */
must_check int unpacking_start(const char *compression, int wake_fd,
                               struct unpacking **ret_unpacking);
/* Borrowed. */
struct conduit *unpacking_conduit(struct unpacking *unpacking);

enum unpacking_state {
	UNPACKING_ON,
	UNPACKING_WHOLE,  /* sums are there */
	UNPACKING_BAD,    /* it is not what it should be; why says it */
	UNPACKING_FAILED, /* its bytes did not come, or no memory; likewise */
};

enum unpacking_state unpacking_state(struct unpacking *unpacking);
const struct unpack_sums *unpacking_sums(const struct unpacking *unpacking);
const char *unpacking_why(const struct unpacking *unpacking);

/* It will end soon; never waits. */
void unpacking_cancel(struct unpacking *unpacking);
/* Waits for its end, so cancel it first. */
void unpacking_free(struct unpacking *unpacking);
