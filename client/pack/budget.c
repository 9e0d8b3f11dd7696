#include "client/pack/budget.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct budget {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned holders;
	bool is_stopped;
	uint64_t limit;
	uint64_t used;
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
