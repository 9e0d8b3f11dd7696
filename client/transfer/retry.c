#include "client/transfer/retry.h"

#define WAIT_FIRST_MS   100U
#define WAIT_MAX_MS     20000U
#define RETRY_AFTER_MAX 60U /* seconds */

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
static uint32_t jitter_ms(unsigned tries, uint64_t random)
{
	uint32_t wait = WAIT_FIRST_MS;

	for (unsigned i = 1; i < tries && wait < WAIT_MAX_MS; i++)
		wait *= 2;
	if (wait > WAIT_MAX_MS)
		wait = WAIT_MAX_MS;
	return (uint32_t)(random % (wait + 1));
}

bool retry_next(struct retry *retry, const struct transfer_result *result,
                uint64_t random)
{
	uint32_t asked = 0;

	retry->tries++;
	if (!is_transient(result) || retry->tries >= RETRY_TRIES_MAX)
		return false;

	if (result->outcome == TRANSFER_DONE) {
		asked = result->retry_after < RETRY_AFTER_MAX
		                ? result->retry_after
		                : RETRY_AFTER_MAX;
	}
	retry->wait_ms = asked * 1000 + jitter_ms(retry->tries, random);
	/* A saturated machine behind the address stays so: the next connection
	 * may land on another (Backblaze's advice). */
	retry->use_new_connection = result->outcome == TRANSFER_DONE &&
	                            result->http_status >= 500;
	return true;
}
