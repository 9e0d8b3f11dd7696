#include "client/pack/budget.h"

#include "client/pack/slab.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* In the slab itself. */
struct kept {
	struct kept *next;
};

struct budget {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned holders;
	bool is_stopped;
	uint64_t limit;
	uint64_t used;
	uint64_t held; /* of it */
	uint64_t kept_bytes;
	struct kept *kept;
	uint64_t asked;  /* tickets given out */
	uint64_t served; /* the ticket whose turn it is */
};

struct budget *budget_new(uint64_t limit)
{
	struct budget *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	(void)pthread_mutex_init(&b->lock, NULL);
	(void)pthread_cond_init(&b->changed, NULL);
	b->holders = 1;
	b->limit = limit;
	return b;
}

struct budget *budget_share(struct budget *budget)
{
	(void)pthread_mutex_lock(&budget->lock);
	budget->holders++;
	(void)pthread_mutex_unlock(&budget->lock);
	return budget;
}

static void kept_free(struct kept *kept)
{
	while (kept) {
		struct kept *next = kept->next;

		slab_free((uint8_t *)kept);
		kept = next;
	}
}

void budget_release(struct budget *budget)
{
	unsigned holders;

	if (!budget)
		return;

	(void)pthread_mutex_lock(&budget->lock);
	holders = --budget->holders;
	(void)pthread_mutex_unlock(&budget->lock);
	if (holders > 0)
		return;

	kept_free(budget->kept);
	(void)pthread_cond_destroy(&budget->changed);
	(void)pthread_mutex_destroy(&budget->lock);
	free(budget);
}

static bool may_lend(const struct budget *b, uint64_t bytes)
{
	return b->used == 0 ||
	       (b->used <= b->limit && bytes <= b->limit - b->used);
}

int budget_take(struct budget *budget, uint64_t bytes)
{
	uint64_t ticket;
	int rc = 0;

	(void)pthread_mutex_lock(&budget->lock);
	ticket = budget->asked++;
	while (!budget->is_stopped &&
	       (budget->served != ticket || !may_lend(budget, bytes)))
		(void)pthread_cond_wait(&budget->changed, &budget->lock);
	if (budget->is_stopped) {
		rc = -ECANCELED;
	} else {
		budget->used += bytes;
	}
	budget->served++;
	(void)pthread_cond_broadcast(&budget->changed);
	(void)pthread_mutex_unlock(&budget->lock);
	return rc;
}

void budget_give(struct budget *budget, uint64_t bytes)
{
	(void)pthread_mutex_lock(&budget->lock);
	assert(bytes <= budget->used);
	budget->used -= bytes;
	(void)pthread_cond_broadcast(&budget->changed);
	(void)pthread_mutex_unlock(&budget->lock);
}

void budget_stop(struct budget *budget)
{
	(void)pthread_mutex_lock(&budget->lock);
	budget->is_stopped = true;
	(void)pthread_cond_broadcast(&budget->changed);
	(void)pthread_mutex_unlock(&budget->lock);
}

uint64_t budget_used(struct budget *budget)
{
	uint64_t used;

	(void)pthread_mutex_lock(&budget->lock);
	used = budget->used;
	(void)pthread_mutex_unlock(&budget->lock);
	return used;
}

void budget_hold(struct budget *budget, uint64_t bytes)
{
	(void)pthread_mutex_lock(&budget->lock);
	budget->held += bytes;
	(void)pthread_mutex_unlock(&budget->lock);
}

void budget_unhold(struct budget *budget, uint64_t bytes)
{
	(void)pthread_mutex_lock(&budget->lock);
	assert(bytes <= budget->held);
	budget->held -= bytes;
	(void)pthread_mutex_unlock(&budget->lock);
}

uint64_t budget_held(struct budget *budget)
{
	uint64_t held;

	(void)pthread_mutex_lock(&budget->lock);
	held = budget->held;
	(void)pthread_mutex_unlock(&budget->lock);
	return held;
}

uint64_t budget_kept(struct budget *budget)
{
	uint64_t kept;

	(void)pthread_mutex_lock(&budget->lock);
	kept = budget->kept_bytes;
	(void)pthread_mutex_unlock(&budget->lock);
	return kept;
}

static struct kept *locked_pop(struct budget *b)
{
	struct kept *slab = b->kept;

	if (slab) {
		b->kept = slab->next;
		b->kept_bytes -= SLAB_SIZE;
	}
	return slab;
}

uint8_t *budget_slab(struct budget *budget)
{
	struct kept *slab;

	(void)pthread_mutex_lock(&budget->lock);
	slab = locked_pop(budget);
	(void)pthread_mutex_unlock(&budget->lock);
	if (slab)
		return (uint8_t *)slab;
	return slab_new();
}

void budget_make_room(struct budget *budget)
{
	struct kept *surplus = NULL;

	(void)pthread_mutex_lock(&budget->lock);
	while (budget->kept &&
	       budget->used + budget->kept_bytes > budget->limit) {
		struct kept *slab = locked_pop(budget);

		slab->next = surplus;
		surplus = slab;
	}
	(void)pthread_mutex_unlock(&budget->lock);
	kept_free(surplus);
}

void budget_give_slab(struct budget *budget, uint8_t *slab, uint64_t bytes)
{
	struct kept *kept = (struct kept *)(void *)slab;

	(void)pthread_mutex_lock(&budget->lock);
	kept->next = budget->kept;
	budget->kept = kept;
	budget->kept_bytes += SLAB_SIZE;
	(void)pthread_mutex_unlock(&budget->lock);
	budget_give(budget, bytes);
	budget_make_room(budget);
}
