#include "agent/door/approval.h"

#include "agent/door/approval_prompt.h"
#include "agent/door/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Theory of operation
 *
 * Each call that waits for a person has a place in the queue.  The first of
 * them is asked about; those that ask the same for the same process share its
 * answer.  An answer gives each of them a verdict, which the call takes when it
 * is looked at next; the answer itself is remembered apart, by process, for
 * later calls.  A question ends with
 *
 *   an answer              the next one is asked
 *   nobody waiting for it  it is taken back, the next one is asked
 *
 * No yes is remembered for a process whose start is not known: its number may
 * soon be another's.
 */

#define WAITERS_MAX CONNECTIONS_MAX

enum verdict {
	VERDICT_NONE, /* not yet */
	VERDICT_YES,
	VERDICT_NO,
	VERDICT_UNANSWERED,
	VERDICT_FAILED, /* nobody could be asked */
};

struct asker {
	pid_t pid;
	uid_t uid;
	uint64_t start;
	char exe[PEER_EXE_SIZE];
};

/* Who asks for what. */
struct subject {
	struct asker asker;
	enum confirmation kind;
	uint16_t cache;
};

struct waiter {
	uint64_t call;
	struct subject subject;
	enum verdict verdict;
	char prompt[ERRAND_TEXT_MAX];
};

struct answer {
	struct subject subject; /* of a no only the asker counts */
	bool is_yes;
	long long until_ms; /* 0: free */
};

struct approvals {
	const struct config *config;
	struct waiter waiters[WAITERS_MAX]; /* in the order they came */
	size_t waiter_count;
	struct answer answers[APPROVAL_ANSWERS_MAX];
	struct waiter asked; /* call 0: nothing is before the person */
	uint64_t tag;        /* of the last question */
	uint64_t taken_back; /* the tag to be said, 0: none */
	unsigned unanswered; /* in a row */
	long long cool_end_ms;
	char failure[ERRAND_TEXT_MAX]; /* why nobody could be asked */
};

bool approvals_are_wanted(const struct config *config)
{
	for (size_t i = 0; i < config->cache_count; i++) {
		if (config->caches[i].confirm != 0)
			return true;
	}
	return false;
}

int approvals_new(const struct config *config, struct approvals **ret_approvals)
{
	struct approvals *approvals = calloc(1, sizeof(*approvals));

	if (!approvals)
		return -ENOMEM;
	approvals->config = config;
	*ret_approvals = approvals;
	return 0;
}

void approvals_free(struct approvals *approvals)
{
	free(approvals);
}

static struct subject subject_of(const struct approval_question *question)
{
	const struct peer *peer = question->peer;
	struct subject subject = {
		.asker = { .pid = peer->pid,
		           .uid = peer->uid,
		           .start = peer->start },
		.kind = question->kind,
		.cache = question->cache,
	};

	(void)snprintf(subject.asker.exe, sizeof(subject.asker.exe), "%s",
	               peer->exe);
	return subject;
}

static bool is_same_process(const struct asker *a, const struct asker *b)
{
	return a->pid == b->pid && a->uid == b->uid && a->start == b->start;
}

/* A process that has become another program is not the one that was asked
 * about. */
static bool is_same_subject(const struct subject *a, const struct subject *b)
{
	return is_same_process(&a->asker, &b->asker) && a->asker.start != 0 &&
	       strcmp(a->asker.exe, b->asker.exe) == 0 && a->kind == b->kind &&
	       a->cache == b->cache;
}

static struct waiter *find_waiter(struct approvals *approvals, uint64_t call)
{
	for (size_t i = 0; i < approvals->waiter_count; i++) {
		if (approvals->waiters[i].call == call)
			return &approvals->waiters[i];
	}
	return NULL;
}

static void remove_waiter(struct approvals *approvals, struct waiter *waiter)
{
	size_t after = approvals->waiter_count -
	               (size_t)(waiter - approvals->waiters) - 1;

	memmove(waiter, waiter + 1, after * sizeof(*waiter));
	approvals->waiter_count--;
}

/* The answer to what is asked is an answer to this call too.  Where a yes is
 * good for one call alone, each is asked about by itself. */
static bool is_asked_about(const struct approvals *approvals,
                           const struct waiter *waiter)
{
	return waiter->call == approvals->asked.call ||
	       (approvals->config->confirm_window > 0 &&
	        is_same_subject(&waiter->subject, &approvals->asked.subject));
}

static void note_unanswered(struct approvals *approvals, long long now_ms)
{
	if (++approvals->unanswered < APPROVAL_UNANSWERED_MAX)
		return;
	approvals->unanswered = 0;
	approvals->cool_end_ms = now_ms + APPROVAL_COOL_DOWN_MS;
}

/* Who asks and goes away at once disturbs a person as much as who waits. */
static void take_back_if_alone(struct approvals *approvals, long long now_ms)
{
	if (approvals->asked.call == 0)
		return;
	for (size_t i = 0; i < approvals->waiter_count; i++) {
		if (is_asked_about(approvals, &approvals->waiters[i]))
			return;
	}
	approvals->asked.call = 0;
	approvals->taken_back = approvals->tag;
	note_unanswered(approvals, now_ms);
}

void approval_forget(struct approvals *approvals, uint64_t call,
                     long long now_ms)
{
	struct waiter *waiter = find_waiter(approvals, call);

	if (waiter)
		remove_waiter(approvals, waiter);
	take_back_if_alone(approvals, now_ms);
}

void approvals_forget_all(struct approvals *approvals, long long now_ms)
{
	approvals->waiter_count = 0;
	take_back_if_alone(approvals, now_ms);
}

static const struct answer *find_answer(const struct approvals *approvals,
                                        const struct subject *subject,
                                        bool is_yes, long long now_ms)
{
	for (size_t i = 0; i < APPROVAL_ANSWERS_MAX; i++) {
		const struct answer *answer = &approvals->answers[i];

		if (answer->until_ms > now_ms && answer->is_yes == is_yes &&
		    (is_yes ? is_same_subject(&answer->subject, subject)
		            : is_same_process(&answer->subject.asker,
		                              &subject->asker)))
			return answer;
	}
	return NULL;
}

static void remember(struct approvals *approvals, const struct subject *subject,
                     bool is_yes, long long until_ms)
{
	struct answer *oldest = &approvals->answers[0];

	for (size_t i = 1; i < APPROVAL_ANSWERS_MAX; i++) {
		if (approvals->answers[i].until_ms < oldest->until_ms)
			oldest = &approvals->answers[i];
	}
	*oldest = (struct answer){ *subject, is_yes, until_ms };
}

printf_like(2, 3) static enum gate_outcome
	refuse(struct error_reply *ret_error, const char *format, ...)
{
	char why[ERROR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	*ret_error = error_reply_make(ERROR_USER_DENIED, why);
	return GATE_REFUSED;
}

/* What was said about exactly this call. */
static enum gate_outcome take_verdict(struct approvals *approvals,
                                      struct waiter *waiter,
                                      struct error_reply *ret_error)
{
	enum verdict verdict = waiter->verdict;

	remove_waiter(approvals, waiter);
	switch (verdict) {
	case VERDICT_NONE:
		break;
	case VERDICT_YES:
		return GATE_PASSED;
	case VERDICT_NO:
		return refuse(ret_error, "the person said no");
	case VERDICT_UNANSWERED:
		return refuse(ret_error, "nobody answered within %u seconds",
		              (unsigned)approvals->config->confirm_timeout);
	case VERDICT_FAILED:
		return refuse(ret_error, "%.500s", approvals->failure);
	}
	return GATE_WAITS;
}

static unsigned seconds_until(long long end_ms, long long now_ms)
{
	return (unsigned)((end_ms - now_ms + 999) / 1000);
}

/* What is known without asking: GATE_WAITS if that is nothing. */
static enum gate_outcome recall(const struct approvals *approvals,
                                const struct subject *subject, long long now_ms,
                                struct error_reply *ret_error)
{
	const struct answer *no;

	if (find_answer(approvals, subject, true, now_ms))
		return GATE_PASSED;
	no = find_answer(approvals, subject, false, now_ms);
	if (no) {
		return refuse(ret_error,
		              "the person said no to this process, which may "
		              "ask again in %u seconds",
		              seconds_until(no->until_ms, now_ms));
	}
	if (approvals->cool_end_ms > now_ms) {
		return refuse(ret_error,
		              "the last questions got no answer: nobody is "
		              "asked for another %u seconds",
		              seconds_until(approvals->cool_end_ms, now_ms));
	}
	return GATE_WAITS;
}

static enum gate_outcome queue(struct approvals *approvals,
                               const struct approval_question *question,
                               const struct subject *subject,
                               struct error_reply *ret_error)
{
	const struct config *config = approvals->config;
	struct waiter *waiter;

	if (approvals->waiter_count == WAITERS_MAX)
		return refuse(ret_error, "too many questions wait already");
	waiter = &approvals->waiters[approvals->waiter_count++];
	*waiter = (struct waiter){
		.call = question->call,
		.subject = *subject,
	};
	approval_prompt(question, config,
	                subject->asker.start != 0 ? config->confirm_window : 0,
	                waiter->prompt);
	return GATE_WAITS;
}

enum gate_outcome approval_check(struct approvals *approvals,
                                 const struct approval_question *question,
                                 long long now_ms,
                                 struct error_reply *ret_error)
{
	struct subject subject = subject_of(question);
	struct waiter *waiter = find_waiter(approvals, question->call);
	enum gate_outcome outcome;

	/* One call can have two things to ask about, one after the other. */
	if (waiter && (waiter->subject.kind != subject.kind ||
	               waiter->subject.cache != subject.cache)) {
		approval_forget(approvals, question->call, now_ms);
		waiter = NULL;
	}
	if (waiter && waiter->verdict != VERDICT_NONE)
		return take_verdict(approvals, waiter, ret_error);

	outcome = recall(approvals, &subject, now_ms, ret_error);
	if (outcome != GATE_WAITS) {
		approval_forget(approvals, question->call, now_ms);
		return outcome;
	}
	return waiter ? GATE_WAITS
	              : queue(approvals, question, &subject, ret_error);
}

bool approvals_next_errand(struct approvals *approvals,
                           struct errand *ret_errand)
{
	if (approvals->taken_back != 0) {
		*ret_errand = (struct errand){
			.kind = ERRAND_STOP_ASKING,
			.tag = approvals->taken_back,
			.fd = -1,
		};
		approvals->taken_back = 0;
		return true;
	}
	if (approvals->asked.call != 0)
		return false;
	for (size_t i = 0; i < approvals->waiter_count; i++) {
		const struct waiter *waiter = &approvals->waiters[i];

		if (waiter->verdict != VERDICT_NONE)
			continue;
		approvals->asked = *waiter;
		*ret_errand = (struct errand){
			.kind = ERRAND_ASK,
			.tag = ++approvals->tag,
			.pid = waiter->subject.asker.pid,
			.seconds = approvals->config->confirm_timeout,
			.fd = -1,
		};
		(void)snprintf(ret_errand->text, sizeof(ret_errand->text), "%s",
		               waiter->prompt);
		return true;
	}
	return false;
}

/* Keeps what an answer means for later. */
static enum verdict note_answer(struct approvals *approvals,
                                const struct errand *answer, long long now_ms)
{
	const struct subject *subject = &approvals->asked.subject;
	long long window_ms = 1000LL * approvals->config->confirm_window;

	switch (answer->end) {
	case ERRAND_DONE:
		approvals->unanswered = 0;
		if (window_ms > 0 && subject->asker.start != 0)
			remember(approvals, subject, true, now_ms + window_ms);
		return VERDICT_YES;
	case ERRAND_DENIED:
		approvals->unanswered = 0;
		remember(approvals, subject, false, now_ms + APPROVAL_NO_MS);
		return VERDICT_NO;
	case ERRAND_UNANSWERED:
		note_unanswered(approvals, now_ms);
		return VERDICT_UNANSWERED;
	case ERRAND_FAILED:
		break;
	}
	(void)snprintf(approvals->failure, sizeof(approvals->failure), "%s",
	               answer->text);
	return VERDICT_FAILED;
}

void approvals_take_answer(struct approvals *approvals,
                           const struct errand *answer, long long now_ms)
{
	enum verdict verdict;

	/* It may have been on its way when the question was taken back. */
	if (approvals->asked.call == 0 || answer->tag != approvals->tag)
		return;
	verdict = note_answer(approvals, answer, now_ms);
	for (size_t i = 0; i < approvals->waiter_count; i++) {
		struct waiter *waiter = &approvals->waiters[i];

		if (is_asked_about(approvals, waiter))
			waiter->verdict = verdict;
	}
	approvals->asked.call = 0;
}
