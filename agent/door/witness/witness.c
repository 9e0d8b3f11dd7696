#include "agent/door/witness/witness.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct witness {
	const char *store;
};

int witness_new(const char *store, struct witness **ret_witness)
{
	struct witness *witness = calloc(1, sizeof(*witness));

	if (!witness)
		return -ENOMEM;
	witness->store = store;
	*ret_witness = witness;
	return 0;
}

void witness_free(struct witness *witness)
{
	free(witness);
}

void witness_memory_free(struct witness *witness, struct witness_memory *memory)
{
	(void)witness;
	(void)memory;
}

int witness_check(struct witness *witness, struct witness_memory **memory,
                  const struct witness_question *question,
                  struct error_reply *ret_error)
{
	(void)witness;
	(void)memory;
	(void)question;
	(void)ret_error;
	return GATE_PASSED;
}

bool witness_wants_store(struct witness *witness)
{
	(void)witness;
	return false;
}

void witness_take_store(struct witness *witness, int owned_fd, const char *why)
{
	(void)witness;
	(void)why;
	if (owned_fd >= 0)
		(void)close(owned_fd);
}

int witness_fd(const struct witness *witness)
{
	(void)witness;
	return -1;
}

short witness_events(const struct witness *witness)
{
	(void)witness;
	return 0;
}

long long witness_deadline_ms(const struct witness *witness)
{
	(void)witness;
	return 0;
}

bool witness_step(struct witness *witness, short revents, long long now_ms)
{
	(void)witness;
	(void)revents;
	(void)now_ms;
	return false;
}

const char *witness_describe(const struct witness *witness, bool *ret_works)
{
	(void)witness;
	*ret_works = false;
	return NULL;
}
