/* s3_pace.h - how many requests of a queue may be under way, and from when on
 *
 * Private to this folder.  Two say it: the limiter, by the answers that this
 * queue has had, and the agent, by those that all its clients have had.  What
 * the agent said is forgotten after some seconds.  Times are of
 * clock_boot_ms().
 */
#pragma once

#include "client/agent_call.h"
#include "client/transfer/retry.h"
#include "protocol/base/limiter.h"

struct s3_pace {
	struct limiter limiter;
	long long success_ms;      /* the last; 0: none yet */
	struct agent_pressure met; /* and not told the agent yet */
	unsigned share;            /* what the agent leaves us */
	long long share_end_ms;
	long long share_resume_ms; /* nothing new before, says the agent */
};

/* max: requests under way, where nothing speaks against it. */
void s3_pace_init(struct s3_pace *pace, unsigned max);

/* Whole requests, at least 1. */
unsigned s3_pace_window(const struct s3_pace *pace, long long now_ms);
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

/* True if the server is sparing of answers, to us or to others. */
bool s3_pace_is_pressed(const struct s3_pace *pace, long long now_ms);
/* True if the agent should soon know something. */
bool s3_pace_has_news(const struct s3_pace *pace);

/* What the agent is to be told, and what it has answered then. */
struct agent_pressure s3_pace_report(const struct s3_pace *pace,
                                     long long now_ms);
void s3_pace_take_share(struct s3_pace *pace, const struct agent_pace *given,
                        long long now_ms);
