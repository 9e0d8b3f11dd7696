/* retry.h - whether and when a failed request is worth another try
 *
 * Pure decisions; times are milliseconds on one clock of the caller's.
 * Retried: 408, 429, 500-599 but 501 and 505, no connection, broken, timed out.
 * Waits double from 100 ms to 20 s with full jitter; Retry-After is a lower
 * bound, 60 s at most.
 *
 * A plea to slow down (429, 503) is not a failure: how much is asked of the
 * server then is the limiter's business (protocol/base/limiter.h), and the
 * request goes on as long as the server answers anybody.
 */
#pragma once

#include "client/transfer/transfer.h"

#define RETRY_FAILURES_MAX 8
/* Pleas to slow down: given up when nobody has been answered for so long, and
 * twice what the server asks to wait, or this request alone for much longer. */
#define RETRY_BUSY_MS    40000
#define RETRY_STARVED_MS 900000

struct retry {
	unsigned tries;          /* so far */
	unsigned failures;       /* of them, pleas to slow down not counted */
	long long since_ms;      /* when the first of them began */
	uint32_t wait_ms;        /* before the next one */
	bool use_new_connection; /* for the next one */
};

struct retry_times {
	long long now_ms;
	long long success_ms; /* the last of any request; 0: none yet */
};

/* True if the server asks to be asked less. */
bool retry_is_plea(const struct transfer_result *result);

/* What the server asks to wait, bounded. */
uint32_t retry_asked_ms(const struct transfer_result *result);

/* True if another try is due after retry->wait_ms; random is any number. */
bool retry_next(struct retry *retry, const struct transfer_result *result,
                const struct retry_times *times, uint64_t random);
