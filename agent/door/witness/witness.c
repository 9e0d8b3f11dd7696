/* Theory of operation
 *
 * A call's paths that its client's memory does not have become questions, which
 * are shared with other calls where they can be.  All questions go over one
 * link, in the order they came:
 *
 *   no link      -> the door is to have one opened (is_wanted, is_ordered)
 *   link open    -> questions are sent and answered in order
 *   link lost    -> each question is sent once more, over another one; a
 *                   second loss fails it
 *   none to open, or silence for WITNESS_TIMEOUT_MS -> all questions fail
 *   no question for WITNESS_IDLE_MS -> the link is closed
 *
 * Nix's daemon answers each question from its database, without a cache of its
 * own, so an answer is as new as the question.  A call that has joined a
 * question which was asked before it is told yes, but not no: the path may have
 * come meanwhile, and is asked about again.
 */
#include "agent/door/witness/witness.h"

#include "agent/door/witness/link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum outcome {
	OUTCOME_NONE,
	OUTCOME_ANSWERED,
	OUTCOME_FAILED,
};

struct witness {
	const char *store;
	struct digest *digest;
	struct questions questions;
	struct link link;
	bool is_wanted;  /* another link, and nobody has been told */
	bool is_ordered; /* the launcher is opening one */
	enum outcome last;
	char why[LINK_WHY_SIZE]; /* a question has failed */
};

/* A path of the call that is not known to agree. */
struct need {
	size_t item;
	struct question *question;
	bool is_late; /* it had been asked before this call came */
	struct digest_sha256 digest;
};

struct witness_memory {
	struct attested agreed;
	uint64_t call; /* whose needs these are */
	struct need *needs;
	size_t need_count;
};

int witness_new(const char *store, struct witness **ret_witness)
{
	struct witness *witness = calloc(1, sizeof(*witness));
	uint64_t salt;

	if (!witness)
		return -ENOMEM;
	witness->store = store;
	link_init(&witness->link);
	witness->digest = digest_new_sha256();
	if (!witness->digest ||
	    getrandom(&salt, sizeof(salt), 0) != sizeof(salt)) {
		int rc = witness->digest ? -EIO : -ENOMEM;

		digest_free(witness->digest);
		free(witness);
		return rc;
	}
	questions_init(&witness->questions, salt);
	*ret_witness = witness;
	return 0;
}

void witness_free(struct witness *witness)
{
	if (!witness)
		return;
	questions_fail(&witness->questions);
	link_close(&witness->link);
	digest_free(witness->digest);
	free(witness);
}

static void drop_needs(struct witness *witness, struct witness_memory *memory)
{
	for (size_t i = 0; i < memory->need_count; i++)
		questions_drop(&witness->questions, memory->needs[i].question);
	free(memory->needs);
	memory->needs = NULL;
	memory->need_count = 0;
	memory->call = 0;
}

void witness_memory_free(struct witness *witness, struct witness_memory *memory)
{
	if (!memory)
		return;
	drop_needs(witness, memory);
	attested_clear(&memory->agreed);
	free(memory);
}

static bool has_questions(const struct witness *witness)
{
	return !TAILQ_EMPTY(&witness->questions.waiting) ||
	       !TAILQ_EMPTY(&witness->questions.asked);
}

static void want_link(struct witness *witness)
{
	witness->is_wanted = witness->link.fd < 0 && !witness->is_ordered &&
	                     !TAILQ_EMPTY(&witness->questions.waiting);
}

static const char *base_of(const struct witness_question *question, size_t item)
{
	return question->sign->paths[item].store_path +
	       strlen(question->store_dir) + 1;
}

/* One need for each path that is not remembered. */
static int begin(struct witness *witness, struct witness_memory *memory,
                 const struct witness_question *question)
{
	size_t count = question->sign->count;

	memory->needs = calloc(count, sizeof(*memory->needs));
	if (!memory->needs)
		return -ENOMEM;
	memory->call = question->call;
	for (size_t i = 0; i < count; i++) {
		struct need *need = &memory->needs[memory->need_count];
		int rc = compare_digest(witness->digest, question->store_dir,
		                        question->policy,
		                        &question->sign->paths[i],
		                        &need->digest);

		if (rc < 0)
			return rc;
		if (attested_has(&memory->agreed, &need->digest))
			continue;
		need->item = i;
		need->question =
			questions_want(&witness->questions, question->store_dir,
		                       base_of(question, i), &need->is_late);
		if (!need->question)
			return -ENOMEM;
		memory->need_count++;
	}
	return 0;
}

static int refuse_path(const struct sign_path *path, enum comparison comparison,
                       struct error_reply *ret_error)
{
	*ret_error = error_reply_make(ERROR_NOT_IN_STORE,
	                              compare_reason(comparison));
	(void)snprintf(ret_error->store_path, sizeof(ret_error->store_path),
	               "%s", path->store_path);
	return GATE_REFUSED;
}

static int refuse_all(const struct witness *witness,
                      struct error_reply *ret_error)
{
	char text[ERROR_TEXT_MAX];

	(void)snprintf(text, sizeof(text),
	               "the Nix store (%s) cannot be asked: %.250s; see "
	               "nix-store, or sign without asking with sign-policy = "
	               "any",
	               witness->store, witness->why);
	*ret_error = error_reply_make(ERROR_POLICY_DENIED, text);
	return GATE_REFUSED;
}

/* The path may have come since: this time it is asked after the call. */
static int ask_again(struct witness *witness, struct need *need,
                     const struct witness_question *question)
{
	struct question *fresh =
		questions_want(&witness->questions, question->store_dir,
	                       base_of(question, need->item), NULL);

	if (!fresh)
		return -ENOMEM;
	questions_drop(&witness->questions, need->question);
	need->question = fresh;
	need->is_late = false;
	return GATE_WAITS;
}

static int judge_one(struct witness *witness, struct witness_memory *memory,
                     struct need *need, const struct witness_question *question,
                     struct error_reply *ret_error)
{
	const struct sign_path *path = &question->sign->paths[need->item];
	int rc;

	if (need->question->state == QUESTION_FAILED)
		return refuse_all(witness, ret_error);
	rc = compare_path(witness->digest, question->store_dir,
	                  question->policy, path, &need->question->answer);
	if (rc < 0)
		return rc;
	if (rc == COMPARE_AGREES) {
		rc = attested_add(&memory->agreed, &need->digest);
		return rc < 0 ? rc : GATE_PASSED;
	}
	return need->is_late
	               ? ask_again(witness, need, question)
	               : refuse_path(path, (enum comparison)rc, ret_error);
}

static bool is_unanswered(const struct need *need)
{
	return need->question->state == QUESTION_WAITS ||
	       need->question->state == QUESTION_ASKED;
}

static int judge(struct witness *witness, struct witness_memory *memory,
                 const struct witness_question *question,
                 struct error_reply *ret_error)
{
	int outcome = GATE_PASSED;

	for (size_t i = 0; i < memory->need_count; i++) {
		if (is_unanswered(&memory->needs[i]))
			return GATE_WAITS;
	}
	for (size_t i = 0; i < memory->need_count; i++) {
		int rc = judge_one(witness, memory, &memory->needs[i], question,
		                   ret_error);

		if (rc < 0 || rc == GATE_REFUSED)
			return rc;
		if (rc == GATE_WAITS)
			outcome = GATE_WAITS;
	}
	return outcome;
}

int witness_check(struct witness *witness, struct witness_memory **memory,
                  const struct witness_question *question,
                  struct error_reply *ret_error)
{
	struct witness_memory *known = *memory;
	int rc = 0;

	if (!known) {
		known = calloc(1, sizeof(*known));
		if (!known)
			return -ENOMEM;
		*memory = known;
	}
	if (known->call != question->call) {
		drop_needs(witness, known);
		rc = begin(witness, known, question);
	}
	if (rc == 0)
		rc = judge(witness, known, question, ret_error);
	if (rc != GATE_WAITS)
		drop_needs(witness, known);
	want_link(witness);
	return rc;
}

bool witness_wants_store(struct witness *witness)
{
	if (!witness->is_wanted)
		return false;
	witness->is_wanted = false;
	witness->is_ordered = true;
	return true;
}

static void note_failure(struct witness *witness, const char *why)
{
	(void)snprintf(witness->why, sizeof(witness->why), "%s", why);
	witness->last = OUTCOME_FAILED;
}

void witness_take_store(struct witness *witness, int owned_fd, const char *why)
{
	if (!witness->is_ordered) {
		if (owned_fd >= 0)
			(void)close(owned_fd);
		return;
	}
	witness->is_ordered = false;
	if (owned_fd >= 0) {
		link_open(&witness->link, owned_fd);
		return;
	}
	note_failure(witness, why);
	questions_fail(&witness->questions);
}

int witness_fd(const struct witness *witness)
{
	return witness->link.fd;
}

short witness_events(const struct witness *witness)
{
	return link_has_to_send(&witness->link, &witness->questions)
	               ? POLLIN | POLLOUT
	               : POLLIN;
}

/* Its questions are answered, and the next are about another store's folder. */
static bool is_used_up(const struct witness *witness)
{
	const struct question *next = TAILQ_FIRST(&witness->questions.waiting);

	return witness->link.state == LINK_READY && next &&
	       witness->questions.asked_count == 0 &&
	       !link_is_of(&witness->link, next);
}

/* While it is greeted it has something to say, question or no. */
static bool is_awaited(const struct witness *witness)
{
	return has_questions(witness) || witness->link.state < LINK_READY;
}

long long witness_deadline_ms(const struct witness *witness)
{
	const struct link *link = &witness->link;

	if (link->fd < 0)
		return 0;
	if (link->heard_ms == 0 || is_used_up(witness))
		return 1; /* at once: witness_step() knows the time */
	return link->heard_ms +
	       (is_awaited(witness) ? WITNESS_TIMEOUT_MS : WITNESS_IDLE_MS);
}

/* An idle daemon that goes is missed by nobody. */
static bool lose(struct witness *witness, int rc)
{
	bool is_awaited_now = is_awaited(witness);
	bool has_answered = witness->link.has_answered;

	if (is_awaited_now && rc < 0)
		note_failure(witness, witness->link.why);
	link_close(&witness->link);
	return questions_retry(&witness->questions, !has_answered);
}

static bool give_up(struct witness *witness)
{
	char why[LINK_WHY_SIZE];
	bool has_failed = has_questions(witness);

	(void)snprintf(why, sizeof(why), "it has said nothing for %d s",
	               WITNESS_TIMEOUT_MS / 1000);
	note_failure(witness, why);
	link_close(&witness->link);
	questions_fail(&witness->questions);
	return has_failed;
}

static bool check_deadline(struct witness *witness, long long now_ms)
{
	if (now_ms < witness_deadline_ms(witness))
		return false;
	if (is_awaited(witness) && !is_used_up(witness))
		return give_up(witness);
	link_close(&witness->link);
	return false;
}

static void note_news(struct witness *witness)
{
	const struct link *link = &witness->link;

	if (link->why[0] != '\0')
		note_failure(witness, link->why);
	if (!link->has_refused)
		witness->last = OUTCOME_ANSWERED;
}

bool witness_step(struct witness *witness, short revents, long long now_ms)
{
	struct link *link = &witness->link;
	bool has_news = false;
	int rc = 0;

	if (link->fd < 0)
		return false;
	if (revents & (POLLIN | POLLHUP | POLLERR)) {
		rc = link_receive(link, &witness->questions, witness->digest,
		                  now_ms, &has_news);
	}
	if (has_news)
		note_news(witness);
	if (rc == 0)
		rc = link_send(link, &witness->questions, now_ms);
	if (rc < 0) {
		has_news |= lose(witness, rc);
	} else {
		has_news |= check_deadline(witness, now_ms);
	}
	want_link(witness);
	return has_news;
}

const char *witness_describe(const struct witness *witness, bool *ret_works)
{
	*ret_works = witness->last == OUTCOME_ANSWERED;
	switch (witness->last) {
	case OUTCOME_NONE:
		break;
	case OUTCOME_ANSWERED:
		return "the Nix store is asked before anything is signed";
	case OUTCOME_FAILED:
		return witness->why;
	}
	return NULL;
}
