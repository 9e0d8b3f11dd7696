#include "agent/door/approval.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW  120
#define TIMEOUT 60
#define MINUTE  60000LL

enum {
	CACHE_A,
	CACHE_B,
	CACHE_COUNT
};

/* Approvals, a clock, and the answers of a person. */
struct desk {
	struct config config;
	struct config_cache caches[CACHE_COUNT];
	struct approvals *approvals;
	struct error_reply error;
	struct errand errand; /* the last one */
	long long now_ms;
	struct peer a, b; /* two clients */
};

static struct peer make_peer(int pid, uint64_t start)
{
	struct peer peer = { .pid = pid, .uid = 1000, .start = start };

	(void)snprintf(peer.exe, sizeof(peer.exe), "/usr/bin/nixcache");
	return peer;
}

static void desk_open(struct desk *desk)
{
	static char names[CACHE_COUNT][4] = { "a", "b" };

	memset(desk, 0, sizeof(*desk));
	desk->now_ms = 1000;
	for (size_t i = 0; i < CACHE_COUNT; i++) {
		desk->caches[i].name = names[i];
		desk->caches[i].confirm = 1U << CONFIRM_SIGN;
	}
	desk->config = (struct config){
		.caches = desk->caches,
		.cache_count = CACHE_COUNT,
		.confirm_window = WINDOW,
		.confirm_timeout = TIMEOUT,
	};
	if (approvals_new(&desk->config, &desk->approvals) < 0)
		abort();
	desk->a = make_peer(100, 5);
	desk->b = make_peer(200, 6);
}

static void desk_close(struct desk *desk)
{
	approvals_free(desk->approvals);
}

static enum gate_outcome ask_about(struct desk *desk, uint64_t call,
                                   const struct peer *peer, uint16_t cache,
                                   enum confirmation kind)
{
	const struct approval_question question = {
		.call = call,
		.kind = kind,
		.cache = cache,
		.peer = peer,
		.what = "sign 1 store path, /nix/store/x",
	};

	return approval_check(desk->approvals, &question, desk->now_ms,
	                      &desk->error);
}

static enum gate_outcome ask(struct desk *desk, uint64_t call,
                             const struct peer *peer)
{
	return ask_about(desk, call, peer, CACHE_A, CONFIRM_SIGN);
}

static bool has_errand(struct desk *desk, enum errand_kind kind)
{
	return approvals_next_errand(desk->approvals, &desk->errand) &&
	       desk->errand.kind == kind;
}

static bool is_quiet(struct desk *desk)
{
	struct errand errand;

	return !approvals_next_errand(desk->approvals, &errand);
}

/* To the last question. */
static void answer(struct desk *desk, enum errand_end end)
{
	struct errand answered = {
		.kind = ERRAND_ASK,
		.end = end,
		.tag = desk->errand.tag,
		.fd = -1,
	};

	(void)snprintf(answered.text, sizeof(answered.text), "no display");
	approvals_take_answer(desk->approvals, &answered, desk->now_ms);
}

static bool is_refused(struct desk *desk, enum gate_outcome outcome,
                       const char *words)
{
	bool is_so = outcome == GATE_REFUSED &&
	             desk->error.error == ERROR_USER_DENIED &&
	             strstr(desk->error.text, words) != NULL;

	if (!is_so)
		(void)printf("# %d: %s\n", (int)outcome, desk->error.text);
	return is_so;
}

/* A question and its answer; what the call gets. */
static enum gate_outcome settle(struct desk *desk, uint64_t call,
                                const struct peer *peer, enum errand_end end)
{
	CHECK(ask(desk, call, peer) == GATE_WAITS);
	CHECK(has_errand(desk, ERRAND_ASK));
	answer(desk, end);
	return ask(desk, call, peer);
}

static void a_yes_lets_the_call_pass(void)
{
	static struct desk desk;

	desk_open(&desk);
	CHECK(ask(&desk, 1, &desk.a) == GATE_WAITS);
	CHECK(has_errand(&desk, ERRAND_ASK));
	CHECK(desk.errand.pid == 100 && desk.errand.seconds == TIMEOUT);
	CHECK(is_quiet(&desk));
	CHECK(ask(&desk, 1, &desk.a) == GATE_WAITS);
	answer(&desk, ERRAND_DONE);
	CHECK(ask(&desk, 1, &desk.a) == GATE_PASSED);
	CHECK(is_quiet(&desk));
	desk_close(&desk);
}

static void a_no_refuses_and_gives_a_rest_from_that_process(void)
{
	static struct desk desk;

	desk_open(&desk);
	CHECK(is_refused(&desk, settle(&desk, 1, &desk.a, ERRAND_DENIED),
	                 "said no"));
	CHECK(is_refused(&desk, ask(&desk, 2, &desk.a), "30 seconds"));
	CHECK(is_refused(&desk,
	                 ask_about(&desk, 3, &desk.a, CACHE_B, CONFIRM_UNLOCK),
	                 "said no"));
	CHECK(is_quiet(&desk));
	CHECK(ask(&desk, 4, &desk.b) == GATE_WAITS);
	approval_forget(desk.approvals, 4, desk.now_ms);
	desk.now_ms += APPROVAL_NO_MS;
	CHECK(ask(&desk, 5, &desk.a) == GATE_WAITS);
	desk_close(&desk);
}

static void a_yes_is_good_for_the_window(void)
{
	static struct desk desk;

	desk_open(&desk);
	CHECK(settle(&desk, 1, &desk.a, ERRAND_DONE) == GATE_PASSED);
	desk.now_ms += WINDOW * 1000LL - 1;
	CHECK(ask(&desk, 2, &desk.a) == GATE_PASSED);
	desk.now_ms++;
	CHECK(ask(&desk, 3, &desk.a) == GATE_WAITS);
	desk_close(&desk);
}

static void a_yes_is_for_that_peer_cache_and_kind(void)
{
	static struct desk desk;
	struct peer other;

	desk_open(&desk);
	CHECK(settle(&desk, 1, &desk.a, ERRAND_DONE) == GATE_PASSED);
	CHECK(ask(&desk, 2, &desk.a) == GATE_PASSED);
	CHECK(ask(&desk, 3, &desk.b) == GATE_WAITS);
	CHECK(ask_about(&desk, 4, &desk.a, CACHE_B, CONFIRM_SIGN) ==
	      GATE_WAITS);
	CHECK(ask_about(&desk, 5, &desk.a, CACHE_A, CONFIRM_PRESIGN_PUT) ==
	      GATE_WAITS);
	other = desk.a;
	other.uid++;
	CHECK(ask(&desk, 6, &other) == GATE_WAITS);
	/* The same process, and another program by now. */
	other = desk.a;
	(void)snprintf(other.exe, sizeof(other.exe), "/tmp/else");
	CHECK(ask(&desk, 7, &other) == GATE_WAITS);
	desk_close(&desk);
}

static void a_process_with_the_same_number_is_another(void)
{
	static struct desk desk;
	struct peer later;

	desk_open(&desk);
	CHECK(settle(&desk, 1, &desk.a, ERRAND_DONE) == GATE_PASSED);
	later = make_peer(100, 7);
	CHECK(ask(&desk, 2, &later) == GATE_WAITS);
	desk_close(&desk);
}

static void a_process_of_unknown_start_has_no_window(void)
{
	static struct desk desk;
	struct peer unknown = make_peer(100, 0);

	desk_open(&desk);
	CHECK(settle(&desk, 1, &unknown, ERRAND_DONE) == GATE_PASSED);
	CHECK(strstr(desk.errand.text, "this once"));
	CHECK(ask(&desk, 2, &unknown) == GATE_WAITS);
	CHECK(ask(&desk, 3, &unknown) == GATE_WAITS);
	/* And shares no answer, but a no. */
	CHECK(has_errand(&desk, ERRAND_ASK));
	answer(&desk, ERRAND_DONE);
	CHECK(ask(&desk, 2, &unknown) == GATE_PASSED);
	CHECK(ask(&desk, 3, &unknown) == GATE_WAITS);
	CHECK(has_errand(&desk, ERRAND_ASK));
	answer(&desk, ERRAND_DENIED);
	CHECK(is_refused(&desk, ask(&desk, 3, &unknown), "said no"));
	CHECK(is_refused(&desk, ask(&desk, 4, &unknown), "said no"));
	desk_close(&desk);
}

static void without_a_window_each_call_is_asked_about(void)
{
	static struct desk desk;

	desk_open(&desk);
	desk.config.confirm_window = 0;
	CHECK(ask(&desk, 1, &desk.a) == GATE_WAITS);
	CHECK(ask(&desk, 2, &desk.a) == GATE_WAITS);
	CHECK(has_errand(&desk, ERRAND_ASK));
	answer(&desk, ERRAND_DONE);
	CHECK(ask(&desk, 1, &desk.a) == GATE_PASSED);
	CHECK(ask(&desk, 2, &desk.a) == GATE_WAITS);
	CHECK(ask(&desk, 1, &desk.a) == GATE_WAITS);
	desk_close(&desk);
}

static void calls_of_one_peer_share_one_prompt(void)
{
	static struct desk desk;

	desk_open(&desk);
	CHECK(ask(&desk, 1, &desk.a) == GATE_WAITS);
	CHECK(ask(&desk, 2, &desk.a) == GATE_WAITS);
	CHECK(has_errand(&desk, ERRAND_ASK));
	CHECK(ask(&desk, 3, &desk.a) == GATE_WAITS);
	CHECK(is_quiet(&desk));
	answer(&desk, ERRAND_DENIED);
	for (uint64_t call = 1; call <= 3; call++) {
		CHECK(is_refused(&desk, ask(&desk, call, &desk.a),
		                 "the person said no"));
	}
	CHECK(is_quiet(&desk));
	desk_close(&desk);
}

static void questions_come_one_at_a_time_in_order(void)
{
	static struct desk desk;
	struct peer peer_c = make_peer(300, 8);

	desk_open(&desk);
	CHECK(ask(&desk, 1, &desk.a) == GATE_WAITS);
	CHECK(ask(&desk, 2, &desk.b) == GATE_WAITS);
	CHECK(ask(&desk, 3, &peer_c) == GATE_WAITS);
	CHECK(has_errand(&desk, ERRAND_ASK) && desk.errand.pid == 100);
	CHECK(is_quiet(&desk));
	answer(&desk, ERRAND_DONE);
	CHECK(ask(&desk, 1, &desk.a) == GATE_PASSED);
	CHECK(ask(&desk, 2, &desk.b) == GATE_WAITS);
	CHECK(has_errand(&desk, ERRAND_ASK) && desk.errand.pid == 200);
	/* Who went away meanwhile is not asked about. */
	approval_forget(desk.approvals, 3, desk.now_ms);
	answer(&desk, ERRAND_DONE);
	CHECK(ask(&desk, 2, &desk.b) == GATE_PASSED);
	CHECK(is_quiet(&desk));
	desk_close(&desk);
}

static void two_unanswered_questions_give_all_a_rest(void)
{
	static struct desk desk;
	struct peer peer_c = make_peer(300, 8);

	desk_open(&desk);
	CHECK(settle(&desk, 1, &desk.b, ERRAND_DONE) == GATE_PASSED);
	CHECK(is_refused(&desk, settle(&desk, 2, &desk.a, ERRAND_UNANSWERED),
	                 "within 60 seconds"));
	CHECK(ask(&desk, 3, &peer_c) == GATE_WAITS);
	CHECK(ask(&desk, 4, &desk.a) == GATE_WAITS);
	CHECK(has_errand(&desk, ERRAND_ASK));
	answer(&desk, ERRAND_UNANSWERED);
	CHECK(is_refused(&desk, ask(&desk, 3, &peer_c), "within 60 seconds"));
	CHECK(is_refused(&desk, ask(&desk, 4, &desk.a), "300 seconds"));
	CHECK(is_quiet(&desk));
	/* What was allowed before still is. */
	CHECK(ask(&desk, 5, &desk.b) == GATE_PASSED);
	desk.now_ms += 5 * MINUTE - 1;
	CHECK(is_refused(&desk, ask(&desk, 6, &peer_c), "another 1 seconds"));
	desk.now_ms++;
	CHECK(ask(&desk, 7, &peer_c) == GATE_WAITS);
	CHECK(has_errand(&desk, ERRAND_ASK));
	desk_close(&desk);
}

static void an_answer_starts_the_count_again(void)
{
	static const enum errand_end answers[] = { ERRAND_DONE, ERRAND_DENIED };
	static struct desk desk;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct peer peer_c = make_peer(300, 8);

		desk_open(&desk);
		(void)settle(&desk, 1, &desk.a, ERRAND_UNANSWERED);
		(void)settle(&desk, 2, &desk.b, answers[i]);
		(void)settle(&desk, 3, &desk.a, ERRAND_UNANSWERED);
		CHECK(ask(&desk, 4, &peer_c) == GATE_WAITS);
		desk_close(&desk);
	}
}

static void nobody_to_ask_says_why_and_counts_for_nothing(void)
{
	static struct desk desk;

	desk_open(&desk);
	for (uint64_t call = 1; call <= 3; call++) {
		CHECK(is_refused(&desk,
		                 settle(&desk, call, &desk.a, ERRAND_FAILED),
		                 "no display"));
	}
	desk_close(&desk);
}

static void a_question_nobody_waits_for_is_taken_back(void)
{
	static struct desk desk;
	uint64_t tag;

	desk_open(&desk);
	CHECK(ask(&desk, 1, &desk.a) == GATE_WAITS);
	CHECK(ask(&desk, 2, &desk.a) == GATE_WAITS);
	CHECK(ask(&desk, 3, &desk.b) == GATE_WAITS);
	CHECK(has_errand(&desk, ERRAND_ASK));
	tag = desk.errand.tag;
	approval_forget(desk.approvals, 1, desk.now_ms);
	CHECK(is_quiet(&desk));
	approval_forget(desk.approvals, 2, desk.now_ms);
	CHECK(has_errand(&desk, ERRAND_STOP_ASKING) && desk.errand.tag == tag);
	/* An answer that was on its way is for nobody. */
	answer(&desk, ERRAND_DONE);
	CHECK(ask(&desk, 4, &desk.a) == GATE_WAITS);
	CHECK(has_errand(&desk, ERRAND_ASK) && desk.errand.pid == 200);
	CHECK(desk.errand.tag != tag);
	desk.errand.tag = tag;
	answer(&desk, ERRAND_DONE);
	CHECK(ask(&desk, 3, &desk.b) == GATE_WAITS);
	desk_close(&desk);
}

/* Or a client that asks and goes away could ask for ever. */
static void one_taken_back_counts_as_unanswered(void)
{
	static struct desk desk;

	desk_open(&desk);
	for (uint64_t call = 1; call <= APPROVAL_UNANSWERED_MAX; call++) {
		CHECK(ask(&desk, call, &desk.a) == GATE_WAITS);
		CHECK(has_errand(&desk, ERRAND_ASK));
		approval_forget(desk.approvals, call, desk.now_ms);
		CHECK(has_errand(&desk, ERRAND_STOP_ASKING));
	}
	CHECK(is_refused(&desk, ask(&desk, 9, &desk.b), "no answer"));
	/* One that was never asked disturbs nobody. */
	desk_close(&desk);
	desk_open(&desk);
	for (uint64_t call = 1; call <= 3; call++) {
		CHECK(ask(&desk, call, &desk.a) == GATE_WAITS);
		approval_forget(desk.approvals, call, desk.now_ms);
		CHECK(is_quiet(&desk));
	}
	CHECK(ask(&desk, 9, &desk.b) == GATE_WAITS);
	desk_close(&desk);
}

static void a_lock_takes_all_questions_back(void)
{
	static struct desk desk;

	desk_open(&desk);
	CHECK(ask(&desk, 1, &desk.a) == GATE_WAITS);
	CHECK(ask(&desk, 2, &desk.b) == GATE_WAITS);
	CHECK(has_errand(&desk, ERRAND_ASK));
	approvals_forget_all(desk.approvals, desk.now_ms);
	CHECK(has_errand(&desk, ERRAND_STOP_ASKING));
	CHECK(is_quiet(&desk));
	desk_close(&desk);
}

static void one_call_can_have_two_questions(void)
{
	static struct desk desk;

	desk_open(&desk);
	CHECK(ask_about(&desk, 1, &desk.a, CACHE_A, CONFIRM_UNLOCK) ==
	      GATE_WAITS);
	CHECK(has_errand(&desk, ERRAND_ASK));
	answer(&desk, ERRAND_DONE);
	CHECK(ask_about(&desk, 1, &desk.a, CACHE_A, CONFIRM_UNLOCK) ==
	      GATE_PASSED);
	CHECK(ask_about(&desk, 1, &desk.a, CACHE_A, CONFIRM_SIGN) ==
	      GATE_WAITS);
	CHECK(has_errand(&desk, ERRAND_ASK));
	CHECK(is_quiet(&desk));
	desk_close(&desk);
}

static void both_tables_are_bounded(void)
{
	static struct desk desk;
	uint64_t call = 0;

	desk_open(&desk);
	for (int i = 0; i < 3 * APPROVAL_ANSWERS_MAX; i++) {
		struct peer peer = make_peer(1000 + i, 1);

		call++;
		CHECK(settle(&desk, call, &peer, ERRAND_DONE) == GATE_PASSED);
		desk.now_ms++;
	}
	/* The newest is remembered, the oldest asks again. */
	desk.a = make_peer(1000 + 3 * APPROVAL_ANSWERS_MAX - 1, 1);
	CHECK(ask(&desk, ++call, &desk.a) == GATE_PASSED);
	desk.a = make_peer(1000, 1);
	CHECK(ask(&desk, ++call, &desk.a) == GATE_WAITS);
	for (int i = 0; i < 1000; i++) {
		if (ask(&desk, ++call, &desk.a) != GATE_WAITS)
			break;
	}
	CHECK(is_refused(&desk, ask(&desk, ++call, &desk.a), "too many"));
	desk_close(&desk);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a yes lets the call pass", a_yes_lets_the_call_pass },
		{ "a no refuses, and gives a rest from that process",
		  a_no_refuses_and_gives_a_rest_from_that_process },
		{ "a yes is good for the window",
		  a_yes_is_good_for_the_window },
		{ "a yes is for that peer, cache and kind",
		  a_yes_is_for_that_peer_cache_and_kind },
		{ "a process with the same number is another",
		  a_process_with_the_same_number_is_another },
		{ "a process of unknown start has no window",
		  a_process_of_unknown_start_has_no_window },
		{ "without a window each call is asked about",
		  without_a_window_each_call_is_asked_about },
		{ "calls of one peer share one prompt",
		  calls_of_one_peer_share_one_prompt },
		{ "questions come one at a time, in order",
		  questions_come_one_at_a_time_in_order },
		{ "two unanswered questions give all a rest",
		  two_unanswered_questions_give_all_a_rest },
		{ "an answer starts the count again",
		  an_answer_starts_the_count_again },
		{ "nobody to ask: says why, and counts for nothing",
		  nobody_to_ask_says_why_and_counts_for_nothing },
		{ "a question nobody waits for is taken back",
		  a_question_nobody_waits_for_is_taken_back },
		{ "one taken back counts as unanswered",
		  one_taken_back_counts_as_unanswered },
		{ "a lock takes all questions back",
		  a_lock_takes_all_questions_back },
		{ "one call can have two questions",
		  one_call_can_have_two_questions },
		{ "both tables are bounded", both_tables_are_bounded },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
