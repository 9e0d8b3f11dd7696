#include "client/cache/s3_pace.h"

/* Requests one by one, with a rest between them. */
#define WINDOW_LEAST (LIMITER_ONE / 16)

void s3_pace_init(struct s3_pace *pace, unsigned max)
{
	*pace = (struct s3_pace){ .success_ms = 0 };
	limiter_init(&pace->limiter, WINDOW_LEAST, max * LIMITER_ONE);
}

unsigned s3_pace_window(const struct s3_pace *pace)
{
	return limiter_window(&pace->limiter);
}

long long s3_pace_resume_ms(const struct s3_pace *pace)
{
	return limiter_resume_ms(&pace->limiter);
}

/* A refusal is an answer too: the server had time for it. */
static bool is_served(const struct transfer_result *result)
{
	return result->outcome == TRANSFER_DONE && result->http_status < 500 &&
	       result->http_status != 408;
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
	} else if (is_served(answer->result)) {
		limiter_note_success(&pace->limiter, answer->begun_ms,
		                     answer->now_ms);
		pace->success_ms = answer->now_ms;
	}
}
