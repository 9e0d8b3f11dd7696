/* s3_pace.h - how many requests of a queue may be under way, and from when on
 *
 * Private to this folder.  Times are of clock_boot_ms().
 */
#pragma once

#include "client/transfer/retry.h"
#include "protocol/base/limiter.h"

struct s3_pace {
	struct limiter limiter;
	long long success_ms; /* the last; 0: none yet */
};

/* max: requests under way, where nothing speaks against it. */
void s3_pace_init(struct s3_pace *pace, unsigned max);

/* Whole requests, at least 1. */
unsigned s3_pace_window(const struct s3_pace *pace);
/* No request may begin before. */
long long s3_pace_resume_ms(const struct s3_pace *pace);

struct s3_answer {
	long long begun_ms; /* the request */
	long long now_ms;
	unsigned under_way; /* when it began, with it */
	const struct transfer_result *result;
};

/* After each try that has ended. */
void s3_pace_note(struct s3_pace *pace, const struct s3_answer *answer);
