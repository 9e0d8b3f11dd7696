/* custody.h - whether the secrets are there, and until when */
#pragma once

#include "agent/config.h"

struct custody {
	enum agent_state state;
	bool is_committing; /* the vault has been told to take the secrets */
	long long lifetime_end_ms; /* 0: unlimited, or locked */
	long long idle_end_ms;
	uint64_t source_runs;
	uint64_t signature_count;
	uint64_t url_count;
};

void custody_unlocked(struct custody *custody, const struct config *config);
void custody_locked(struct custody *custody);

/* Somebody has used the secrets: the idle time begins anew. */
void custody_used(struct custody *custody, const struct config *config);

bool custody_is_idle(const struct custody *custody, long long now_ms);

/* Seconds until end_ms, or -1 if it is 0. */
int64_t custody_left(long long end_ms, long long now_ms);
