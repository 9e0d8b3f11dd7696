/* retry.h - whether and when a failed request is worth another try
 *
 * Pure decisions.  Retried: 408, 429, 500-599 but 501 and 505, no connection,
 * broken, timed out.  Waits double from 100 ms to 20 s with full jitter;
 * Retry-After is a lower bound, 60 s at most.
 */
#pragma once

#include "client/transfer/transfer.h"

#define RETRY_TRIES_MAX 8

struct retry {
	unsigned tries;          /* so far */
	uint32_t wait_ms;        /* before the next one */
	bool use_new_connection; /* for the next one */
};

/* True if another try is due after retry->wait_ms; random is any number. */
bool retry_next(struct retry *retry, const struct transfer_result *result,
                uint64_t random);
