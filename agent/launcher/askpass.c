#include "agent/launcher/askpass.h"

bool askpass_begin(struct askpass *asking, const struct errand *errand,
                   struct errand *ret_done)
{
	(void)asking;
	(void)errand;
	ret_done->end = ERRAND_FAILED;
	return false;
}

void askpass_poll(const struct askpass *asking,
                  struct pollfd fds[CHILD_POLL_MAX])
{
	(void)asking;
	(void)fds;
}

long long askpass_deadline_ms(const struct askpass *asking)
{
	return asking->is_asking ? asking->deadline_ms : 0;
}

bool askpass_step(struct askpass *asking, struct errand *ret_done)
{
	(void)asking;
	(void)ret_done;
	return false;
}

void askpass_stop(struct askpass *asking, uint64_t tag)
{
	(void)asking;
	(void)tag;
}

void askpass_close(struct askpass *asking)
{
	(void)asking;
}
