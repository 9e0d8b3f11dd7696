/* conduit.h - a bounded stream of bytes from one thread to another
 *
 * One writer, one reader, each with a share of its own; what is held is at
 * most the limit.  A full conduit makes its writer pause, an empty one its
 * reader wait or come again.
 */
#pragma once

#include "protocol/base/bytes.h"

/* What a writer may put at once into an empty conduit, whatever its limit. */
#define CONDUIT_PIECE_MAX ((size_t)256 * 1024)
#define CONDUIT_WHY_MAX   768

struct conduit;

/* limit is at least CONDUIT_PIECE_MAX; memory is taken as bytes come, and
 * given back as they go.  The caller has the first share.  0 or -ENOMEM. */
must_check int conduit_new(size_t limit, struct conduit **ret_conduit);
struct conduit *conduit_share(struct conduit *conduit);
void conduit_release(struct conduit *conduit);

/* An eventfd (borrowed until another or -1, none, is set) that is written to
 * when a writer that had been told -EAGAIN may go on, or when the reader has
 * gone away. */
void conduit_wake_writer(struct conduit *conduit, int event_fd);
/* Likewise when bytes, the end or a failure have come. */
void conduit_wake_reader(struct conduit *conduit, int event_fd);

/* All of it or nothing; at most CONDUIT_PIECE_MAX.  0; -EAGAIN: no room now;
 * -EPIPE: the reader has gone away, or the end was said; -ENOMEM. */
must_check int conduit_put(struct conduit *conduit, struct bytes bytes);

/* No more will come: rc 0 at the true end, else -errno and a sentence (copied).
 * Only the first call counts. */
void conduit_end(struct conduit *conduit, int rc, const char *why);

/* Waits for at least one byte; size is not 0.  0 with *ret_len 0 at the end; the writer's
 * -errno after what came before it was read; -ECANCELED once abandoned. */
must_check int conduit_read(struct conduit *conduit, void *out, size_t size,
                            size_t *ret_len);

/* The same without waiting: -EAGAIN when nothing is there yet. */
must_check int conduit_try_read(struct conduit *conduit, void *out, size_t size,
                                size_t *ret_len);

/* The reader wants no more; thread-safe, so that another thread may call a
 * waiting reader off. */
void conduit_abandon(struct conduit *conduit);
bool conduit_is_abandoned(struct conduit *conduit);

/* Why the writer failed; empty while it has not. */
void conduit_why(struct conduit *conduit, char out[CONDUIT_WHY_MAX]);

/* Bytes put in so far, over its whole life. */
uint64_t conduit_total(struct conduit *conduit);

/* For cleanup_conduit on a local struct conduit *. */
#define cleanup_conduit __attribute__((__cleanup__(conduit_release_at)))
static inline void conduit_release_at(struct conduit **slot)
{
	if (*slot)
		conduit_release(*slot);
}
