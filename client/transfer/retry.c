#include "client/transfer/retry.h"

#define WAIT_FIRST_MS   100U
#define WAIT_MAX_MS     20000U
#define RETRY_AFTER_MAX 60U /* seconds */

bool retry_is_plea(const struct transfer_result *result)
{
	return result->outcome == TRANSFER_DONE &&
	       (result->http_status == 429 || result->http_status == 503);
}

uint32_t retry_asked_ms(const struct transfer_result *result)
{
	if (result->outcome != TRANSFER_DONE)
		return 0;
	return 1000 * (result->retry_after < RETRY_AFTER_MAX
	                       ? result->retry_after
	                       : RETRY_AFTER_MAX);
}

static bool status_is_transient(long status)
{
	if (status == 408 || status == 429)
		return true;
	return status >= 500 && status <= 599 && status != 501 && status != 505;
}

static bool is_transient(const struct transfer_result *result)
{
	switch (result->outcome) {
	case TRANSFER_DONE:
		return status_is_transient(result->http_status);
	case TRANSFER_NO_CONNECTION:
	case TRANSFER_BROKEN:
	case TRANSFER_TIMED_OUT:
		return true;
	case TRANSFER_TLS:
	case TRANSFER_TOO_LARGE:
	case TRANSFER_FAILED:
		return false;
	}
	return false;
}

/* Full jitter: anything from nothing to the whole wait, so that clients that
 * failed together do not come back together. */
static uint32_t jitter_ms(unsigned failures, uint64_t random)
{
	uint32_t wait = WAIT_FIRST_MS;

	for (unsigned i = 1; i < failures && wait < WAIT_MAX_MS; i++)
		wait *= 2;
	if (wait > WAIT_MAX_MS)
		wait = WAIT_MAX_MS;
	return (uint32_t)(random % (wait + 1));
}

static bool is_hopeless(const struct retry *retry,
                        const struct transfer_result *plea,
                        const struct retry_times *times)
{
	const long long patience_ms =
		RETRY_BUSY_MS + 2LL * retry_asked_ms(plea);
	long long last_ms = retry->since_ms > times->success_ms
	                            ? retry->since_ms
	                            : times->success_ms;

	return times->now_ms - last_ms >= patience_ms ||
	       times->now_ms - retry->since_ms >= RETRY_STARVED_MS;
}

static bool may_try(struct retry *retry, const struct transfer_result *result,
                    const struct retry_times *times)
{
	if (retry_is_plea(result))
		return !is_hopeless(retry, result, times);
	retry->failures++;
	return is_transient(result) && retry->failures < RETRY_FAILURES_MAX;
}

bool retry_next(struct retry *retry, const struct transfer_result *result,
                const struct retry_times *times, uint64_t random)
{
	retry->tries++;
	if (!may_try(retry, result, times))
		return false;
	retry->wait_ms =
		retry_asked_ms(result) + jitter_ms(retry->failures, random);
	/* A saturated machine behind the address stays so: the next connection
	 * may land on another (Backblaze's advice). */
	retry->use_new_connection = result->outcome == TRANSFER_DONE &&
	                            result->http_status >= 500;
	return true;
}
