#include "agent/door/share.h"

#include "agent/door/submit.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

/* What the vault takes for one item (measured), to be charged beforehand. */
#define SIGN_NS    20000
#define PRESIGN_NS 4000
#define SLICE      16 /* items of one call before another's turn */

long long share_clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void share_join(const struct door *door, struct connection *c)
{
	if (c->spent_ns < door->least_spent_ns)
		c->spent_ns = door->least_spent_ns;
}

/* True if the vault is still to be asked for something. */
static bool wants_vault(const struct connection *c)
{
	return c->fd >= 0 && c->work.state == WORK_AT_VAULT &&
	       c->work.submitted < work_item_count(&c->work);
}

/* The least that anybody was charged who wants something now.  Never less than
 * it was: nobody's past counts for ever. */
static void raise_least(struct door *door, struct connection *ready[],
                        size_t count)
{
	long long least = LLONG_MAX;

	for (size_t i = 0; i < count; i++) {
		if (ready[i]->spent_ns < least)
			least = ready[i]->spent_ns;
	}
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		const struct connection *c = &door->connections[i];

		if (wants_vault(c) && c->spent_ns < least)
			least = c->spent_ns;
	}
	if (least != LLONG_MAX && least > door->least_spent_ns)
		door->least_spent_ns = least;
}

static int compare(const void *a, const void *b)
{
	const struct connection *const *left = a, *const *right = b;

	if ((*left)->spent_ns != (*right)->spent_ns)
		return (*left)->spent_ns < (*right)->spent_ns ? -1 : 1;
	return (*left)->id < (*right)->id ? -1 : 1;
}

void share_order(struct door *door, struct connection *ready[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		share_join(door, ready[i]);
	raise_least(door, ready, count);
	qsort(ready, count, sizeof(struct connection *), compare);
}

static long long cost_of(const struct work *work)
{
	return work->method == AGENT_METHOD_SIGN ? SIGN_NS : PRESIGN_NS;
}

static struct connection *find_next(struct door *door)
{
	struct connection *found = NULL;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &door->connections[i];

		if (wants_vault(c) && (!found || c->spent_ns < found->spent_ns))
			found = c;
	}
	return found;
}

int share_feed_vault(struct door *door)
{
	struct connection *c;

	while (door->vault.fd >= 0 && vault_link_wants(&door->vault, SLICE) &&
	       (c = find_next(door))) {
		const size_t before = c->work.submitted;
		int rc;

		rc = submit_work(door, &c->work, SLICE);
		if (rc < 0)
			return rc;
		c->spent_ns += cost_of(&c->work) *
		               (long long)(c->work.submitted - before);
	}
	return 0;
}
