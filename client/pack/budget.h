/* budget.h - so many bytes of memory, lent in the order of asking
 *
 * Shared by threads.  What was lent may be given back after everybody else
 * is gone, so a budget lives until its last holder lets go.  Slabs that come
 * back are kept for the next taker, in what is not lent.
 */
#pragma once

#include "protocol/base/attributes.h"

#include <stdint.h>

struct budget;

/* The caller is its first holder.  NULL when out of memory. */
struct budget *budget_new(uint64_t limit);
struct budget *budget_share(struct budget *budget);
void budget_release(struct budget *budget);

/* Waits for its turn and for the bytes.  More than the limit is lent once
 * nothing else is.  0, or -ECANCELED after budget_stop(). */
must_check int budget_take(struct budget *budget, uint64_t bytes);
void budget_give(struct budget *budget, uint64_t bytes);

/* Nobody waits any more, and nothing more is lent. */
void budget_stop(struct budget *budget);

/* Of what is lent, so much is with the taker now, or no more. */
void budget_hold(struct budget *budget, uint64_t bytes);
void budget_unhold(struct budget *budget, uint64_t bytes);
uint64_t budget_held(struct budget *budget);

/* What is lent, and what is kept, in bytes. */
uint64_t budget_used(struct budget *budget);
uint64_t budget_kept(struct budget *budget);

/* A slab for which SLAB_SIZE was taken; NULL when out of memory. */
uint8_t *budget_slab(struct budget *budget);

/* Gives back a slab, and so many bytes. */
void budget_give_slab(struct budget *budget, uint8_t *slab, uint64_t bytes);

/* Frees kept slabs whose place is lent: before other memory is made for it. */
void budget_make_room(struct budget *budget);
