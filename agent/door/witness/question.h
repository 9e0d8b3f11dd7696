/* question.h - questions about paths: on their way, and shared by who asks */
#pragma once

#include "agent/door/witness/compare.h"

#include <sys/queue.h>

#define QUESTION_BUCKETS 1024

enum question_state {
	QUESTION_WAITS, /* to be sent */
	QUESTION_ASKED,
	QUESTION_ANSWERED,
	QUESTION_FAILED,
};

struct question {
	TAILQ_ENTRY(question) others; /* of its list */
	struct question *neighbour;   /* of its bucket */
	enum question_state state;
	unsigned users; /* 0: nobody wants the answer any more */
	unsigned tries;
	const char *store_dir; /* borrowed from the configuration */
	struct answer answer;
	char base[STORE_PATH_BASE_SIZE];
};

TAILQ_HEAD(question_list, question);

/* Every question is in one of the lists, or answered or failed and then its
 * users'. */
struct questions {
	struct question_list waiting;
	struct question_list asked; /* in the order they were sent */
	size_t asked_count;
	/* Of those that wait or are asked, by their names. */
	struct question *buckets[QUESTION_BUCKETS];
	uint64_t salt; /* no client knows which bucket is whose */
};

void questions_init(struct questions *questions, uint64_t salt);
/* The question about that path that waits, or a new one; where is_late is not
 * NULL also one that is asked already, and then *ret_is_late.  NULL when out of
 * memory.  One more user. */
struct question *questions_want(struct questions *questions,
                                const char *store_dir, const char *base,
                                bool *ret_is_late);

/* One user less. */
void questions_drop(struct questions *questions, struct question *question);

/* The first that waits is asked. */
struct question *questions_ask(struct questions *questions);

/* The first that is asked has come to its end. */
void questions_end(struct questions *questions, enum question_state state,
                   const struct answer *answer);

/* None that is asked will be answered: those that were not tried too often
 * wait again, the others fail.  everything: those that wait were tried as
 * well.  True if one has failed. */
bool questions_retry(struct questions *questions, bool everything);

/* Every one fails, and those that nobody uses are freed. */
void questions_fail(struct questions *questions);
