#include "client/cache/s3_pace.h"

/* Requests one by one, with a rest between them. */
#define WINDOW_LEAST (LIMITER_ONE / 16)
#define SHARE_MS     10000 /* how long the agent's word is good */

void s3_pace_init(struct s3_pace *pace, unsigned max)
{
	*pace = (struct s3_pace){ .success_ms = 0 };
	limiter_init(&pace->limiter, WINDOW_LEAST, max * LIMITER_ONE);
}

static bool has_share(const struct s3_pace *pace, long long now_ms)
{
	return now_ms < pace->share_end_ms;
}

unsigned s3_pace_window(const struct s3_pace *pace, long long now_ms)
{
	unsigned window = limiter_window(&pace->limiter);

	if (has_share(pace, now_ms) && pace->share < window)
		return pace->share;
	return window;
}

long long s3_pace_resume_ms(const struct s3_pace *pace)
{
	long long own_ms = limiter_resume_ms(&pace->limiter);

	return own_ms > pace->share_resume_ms ? own_ms : pace->share_resume_ms;
}

/* A refusal is an answer too: the server had time for it. */
static bool is_served(const struct transfer_result *result)
{
	return result->outcome == TRANSFER_DONE && result->http_status < 500 &&
	       result->http_status != 408;
}

static void count(uint32_t *counter)
{
	if (*counter < AGENT_ANSWERS_MAX)
		(*counter)++;
}

void s3_pace_note(struct s3_pace *pace, const struct s3_answer *answer)
{
	const struct limiter_plea plea = {
		.begun_ms = answer->begun_ms,
		.now_ms = answer->now_ms,
		.under_way = answer->under_way,
		.pause_ms = retry_asked_ms(answer->result),
	};

	if (retry_is_plea(answer->result)) {
		limiter_note_plea(&pace->limiter, &plea);
		count(&pace->met.slow_downs);
	} else if (is_served(answer->result)) {
		limiter_note_success(&pace->limiter, answer->begun_ms,
		                     answer->now_ms);
		count(&pace->met.successes);
		pace->success_ms = answer->now_ms;
	}
}

bool s3_pace_is_pressed(const struct s3_pace *pace, long long now_ms)
{
	return !limiter_is_open(&pace->limiter) || has_share(pace, now_ms);
}

bool s3_pace_has_news(const struct s3_pace *pace)
{
	return pace->met.slow_downs > 0;
}

/* A rest between two requests is not what the server has asked for. */
struct agent_pressure s3_pace_report(const struct s3_pace *pace,
                                     long long now_ms)
{
	struct agent_pressure report = pace->met;
	long long pause_ms = limiter_resume_ms(&pace->limiter) - now_ms;

	if (!s3_pace_is_pressed(pace, now_ms))
		return (struct agent_pressure){ .slow_downs = 0 };
	if (pause_ms > LIMITER_REST_MAX) {
		report.pause_ms = pause_ms < AGENT_PAUSE_MAX
		                          ? (uint32_t)pause_ms
		                          : AGENT_PAUSE_MAX;
	}
	return report;
}

void s3_pace_take_share(struct s3_pace *pace, const struct agent_pace *given,
                        long long now_ms)
{
	pace->met = (struct agent_pressure){ .slow_downs = 0 };
	pace->share = given->in_flight;
	pace->share_end_ms = given->in_flight > 0 ? now_ms + SHARE_MS : 0;
	pace->share_resume_ms = now_ms + given->pause_ms;
}
