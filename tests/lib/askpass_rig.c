#include "tests/lib/askpass_rig.h"

#include "protocol/base/fd.h"

#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 20000 /* for what must end by itself */
#define LONG        60
#define TAG         7

bool askpass_rig_begin(struct askpass_rig *rig, uint32_t seconds)
{
	struct errand errand = {
		.kind = ERRAND_ASK,
		.tag = TAG,
		.seconds = seconds,
		.fd = -1,
		.text = ASKPASS_RIG_QUESTION,
	};

	rig->done = (struct errand){ .kind = ERRAND_ASK, .fd = -1 };
	return askpass_begin(&rig->asking, &errand, &rig->done);
}

/* As the launcher's loop does. */
bool askpass_rig_run(struct askpass_rig *rig)
{
	long long end_ms = clock_boot_ms() + PATIENCE_MS;

	while (!askpass_step(&rig->asking, &rig->done)) {
		struct pollfd fds[CHILD_POLL_MAX];
		long long now_ms = clock_boot_ms();
		long long until = askpass_deadline_ms(&rig->asking);

		if (now_ms > end_ms)
			return false;
		for (size_t i = 0; i < CHILD_POLL_MAX; i++)
			fds[i] = (struct pollfd){ .fd = -1 };
		askpass_poll(&rig->asking, fds);
		if (until > end_ms)
			until = end_ms;
		(void)poll(fds, CHILD_POLL_MAX,
		           until > now_ms ? (int)(until - now_ms) : 0);
	}
	return rig->done.tag == TAG;
}

bool askpass_rig_fails(struct askpass_rig *rig, const char *words)
{
	bool is_so = !askpass_rig_begin(rig, LONG) && !rig->asking.is_asking &&
	             rig->done.end == ERRAND_FAILED &&
	             strstr(rig->done.text, "nobody can be asked") &&
	             strstr(rig->done.text, words);

	if (!is_so)
		(void)printf("# %s\n", rig->done.text);
	askpass_close(&rig->asking);
	return is_so;
}
