#include "agent/door/witness/question.h"

#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 2

void questions_init(struct questions *questions, uint64_t salt)
{
	*questions = (struct questions){ .salt = salt };
	TAILQ_INIT(&questions->waiting);
	TAILQ_INIT(&questions->asked);
}

static struct question **bucket_of(struct questions *questions,
                                   const char *base)
{
	uint64_t sum = questions->salt;

	for (size_t i = 0; i < STORE_PATH_HASH_LEN; i++)
		sum = (sum ^ (uint8_t)base[i]) * 0x100000001b3ULL; /* FNV-1a */
	return &questions->buckets[(sum ^ sum >> 32) % QUESTION_BUCKETS];
}

static void unlist(struct questions *questions, const struct question *question)
{
	struct question **at = bucket_of(questions, question->base);

	while (*at && *at != question)
		at = &(*at)->neighbour;
	if (*at)
		*at = question->neighbour;
}

static struct question *take_first(struct question_list *list)
{
	struct question *question = TAILQ_FIRST(list);

	if (question)
		TAILQ_REMOVE(list, question, others);
	return question;
}

static struct question *find(struct questions *questions, const char *store_dir,
                             const char *base, bool may_be_late)
{
	struct question *at = *bucket_of(questions, base);

	for (; at; at = at->neighbour) {
		if ((at->state == QUESTION_WAITS || may_be_late) &&
		    strcmp(at->base, base) == 0 &&
		    strcmp(at->store_dir, store_dir) == 0)
			return at;
	}
	return NULL;
}

struct question *questions_want(struct questions *questions,
                                const char *store_dir, const char *base,
                                bool *ret_is_late)
{
	struct question *question =
		find(questions, store_dir, base, ret_is_late != NULL);
	struct question **bucket = bucket_of(questions, base);

	if (!question) {
		question = calloc(1, sizeof(*question));
		if (!question)
			return NULL;
		question->store_dir = store_dir;
		memcpy(question->base, base, strlen(base) + 1);
		question->neighbour = *bucket;
		*bucket = question;
		TAILQ_INSERT_TAIL(&questions->waiting, question, others);
	}
	if (ret_is_late)
		*ret_is_late = question->state == QUESTION_ASKED;
	question->users++;
	return question;
}

/* What is asked is answered in its turn, also if nobody listens. */
void questions_drop(struct questions *questions, struct question *question)
{
	if (--question->users > 0 || question->state == QUESTION_ASKED)
		return;
	if (question->state == QUESTION_WAITS) {
		TAILQ_REMOVE(&questions->waiting, question, others);
		unlist(questions, question);
	}
	free(question);
}

struct question *questions_ask(struct questions *questions)
{
	struct question *question = take_first(&questions->waiting);

	if (question) {
		question->state = QUESTION_ASKED;
		TAILQ_INSERT_TAIL(&questions->asked, question, others);
		questions->asked_count++;
	}
	return question;
}

static void end(struct questions *questions, struct question *question,
                enum question_state state)
{
	unlist(questions, question);
	question->state = state;
	if (question->users == 0)
		free(question);
}

void questions_end(struct questions *questions, enum question_state state,
                   const struct answer *answer)
{
	struct question *question = take_first(&questions->asked);

	questions->asked_count--;
	if (answer)
		question->answer = *answer;
	end(questions, question, state);
}

static void move_all(struct question_list *from, struct question_list *to)
{
	struct question *question;

	while ((question = take_first(from)))
		TAILQ_INSERT_TAIL(to, question, others);
}

/* True: it waits again; false: it has failed. */
static bool retry(struct questions *questions, struct question *question)
{
	if (question->users == 0 || question->tries >= TRIES_MAX) {
		end(questions, question, QUESTION_FAILED);
		return false;
	}
	question->state = QUESTION_WAITS;
	TAILQ_INSERT_TAIL(&questions->waiting, question, others);
	return true;
}

bool questions_retry(struct questions *questions, bool everything)
{
	struct question_list before;
	struct question *question;
	bool has_failed = false;

	TAILQ_INIT(&before);
	move_all(&questions->asked, &before);
	move_all(&questions->waiting, &before);
	questions->asked_count = 0;
	while ((question = take_first(&before))) {
		if (question->state == QUESTION_ASKED || everything)
			question->tries++;
		if (!retry(questions, question))
			has_failed = true;
	}
	return has_failed;
}

void questions_fail(struct questions *questions)
{
	struct question *question;

	while (!TAILQ_EMPTY(&questions->asked))
		questions_end(questions, QUESTION_FAILED, NULL);
	while ((question = take_first(&questions->waiting)))
		end(questions, question, QUESTION_FAILED);
}
