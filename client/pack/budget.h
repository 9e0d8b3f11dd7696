/* budget.h - so many bytes of memory, lent in the order of asking
 *
 * Shared by threads.  What was lent may be given back after everybody else
 * is gone, so a budget lives until its last holder lets go.
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

uint64_t budget_used(struct budget *budget);
