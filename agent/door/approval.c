#include "agent/door/approval.h"

#include <errno.h>
#include <stdlib.h>

struct approvals {
	const struct config *config;
};

int approvals_new(const struct config *config, struct approvals **ret_approvals)
{
	struct approvals *approvals = calloc(1, sizeof(*approvals));

	if (!approvals)
		return -ENOMEM;
	approvals->config = config;
	*ret_approvals = approvals;
	return 0;
}

void approvals_free(struct approvals *approvals)
{
	free(approvals);
}

int approval_check(struct approvals *approvals,
                   const struct approval_question *question, long long now_ms,
                   struct error_reply *ret_error)
{
	(void)approvals;
	(void)question;
	(void)now_ms;
	(void)ret_error;
	return GATE_PASSED;
}

void approval_forget(struct approvals *approvals, const struct peer *peer)
{
	(void)approvals;
	(void)peer;
}

bool approvals_next_errand(struct approvals *approvals,
                           struct errand *ret_errand)
{
	(void)approvals;
	(void)ret_errand;
	return false;
}

void approvals_take_answer(struct approvals *approvals,
                           const struct errand *answer, long long now_ms)
{
	(void)approvals;
	(void)answer;
	(void)now_ms;
}
