#include "agent/door/share.h"

#include "agent/door/submit.h"

#include <stdlib.h>
#include <time.h>

/* What the vault takes for one item (measured), to be charged beforehand. */
#define SIGN_NS    20000
#define PRESIGN_NS 4000
#define SLICE      16 /* items of one call before another's turn */

long long share_clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void share_join(const struct door *door, struct connection *c)
{
	if (c->spent_ns < door->least_spent_ns)
		c->spent_ns = door->least_spent_ns;
}

static void serve_next(struct door *door, const struct connection *c)
{
	if (door->least_spent_ns < c->spent_ns)
		door->least_spent_ns = c->spent_ns;
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
	qsort(ready, count, sizeof(struct connection *), compare);
	if (count > 0)
		serve_next(door, ready[0]);
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

		if (c->fd >= 0 && c->work.state == WORK_AT_VAULT &&
		    c->work.submitted < work_item_count(&c->work) &&
		    (!found || c->spent_ns < found->spent_ns))
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

		serve_next(door, c);
		rc = submit_work(door, &c->work, SLICE);
		if (rc < 0)
			return rc;
		c->spent_ns += cost_of(&c->work) *
		               (long long)(c->work.submitted - before);
	}
	return 0;
}
