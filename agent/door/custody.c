#include "agent/door/custody.h"

#include "protocol/base/fd.h"

static long long end_of(uint32_t seconds)
{
	return seconds > 0 ? clock_boot_ms() + 1000LL * seconds : 0;
}

void custody_unlocked(struct custody *custody, const struct config *config)
{
	custody->state = AGENT_UNLOCKED;
	custody->is_committing = false;
	custody->lifetime_end_ms = end_of(config->lifetime);
	custody->idle_end_ms = end_of(config->idle);
}

void custody_locked(struct custody *custody)
{
	custody->state = AGENT_LOCKED;
	custody->is_committing = false;
	custody->lifetime_end_ms = 0;
	custody->idle_end_ms = 0;
}

void custody_used(struct custody *custody, const struct config *config)
{
	if (custody->state == AGENT_UNLOCKED)
		custody->idle_end_ms = end_of(config->idle);
}

bool custody_is_idle(const struct custody *custody, long long now_ms)
{
	return custody->idle_end_ms > 0 && now_ms >= custody->idle_end_ms;
}

int64_t custody_left(long long end_ms, long long now_ms)
{
	if (end_ms == 0)
		return -1;
	return end_ms > now_ms ? (end_ms - now_ms + 999) / 1000 : 0;
}
