#include "tests/lib/test.h"
#include "tests/lib/witness_rig.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/cursor.h"
#include "protocol/nix/worker_field.h"

#include <string.h>
#include <sys/socket.h>

#define VERSION   0x123
#define WORDS_MAX ((size_t)64 * 1024 * 1024)
#define TRACES    20

/* A witness with one client that waits for the path 1. */
struct scene {
	struct witness_rig rig;
	struct rig_client client;
	struct buffer words;
};

static void scene_open(struct scene *s)
{
	witness_rig_open(&s->rig);
	rig_client_open(&s->rig, &s->client, 1, 1);
	buffer_init(&s->words, WORDS_MAX);
	CHECK(rig_client_ask(&s->rig, &s->client) == GATE_WAITS);
}

static void scene_close(struct scene *s)
{
	buffer_clear(&s->words);
	rig_client_close(&s->rig, &s->client);
	witness_rig_close(&s->rig);
}

static bool says(struct scene *s)
{
	bool has_news = witness_rig_say(&s->rig, &s->words);

	buffer_rewind(&s->words);
	return has_news;
}

static bool hears(struct scene *s, unsigned path)
{
	unsigned heard;

	return witness_rig_hear(&s->rig, &heard) && heard == path;
}

static void die(struct scene *s)
{
	(void)shutdown(s->rig.daemon, SHUT_RDWR);
}

static bool is_denied(struct scene *s, const char *words)
{
	return rig_client_again(&s->rig, &s->client) == GATE_REFUSED &&
	       s->client.error.error == ERROR_POLICY_DENIED &&
	       strstr(s->client.error.text, words) != NULL;
}

static void where_no_store_answers_the_reason_is_told(void)
{
	static struct scene s;
	bool works = true;

	scene_open(&s);
	CHECK(witness_describe(s.rig.witness, &works) == NULL && !works);
	CHECK(witness_wants_store(s.rig.witness));
	CHECK(!witness_wants_store(s.rig.witness));
	witness_take_store(s.rig.witness, -1, "nobody is at home");
	CHECK(is_denied(&s, "(auto)"));
	CHECK(strstr(s.client.error.text, "nobody is at home") != NULL);
	CHECK(strstr(s.client.error.text, "nix-store") != NULL);
	CHECK(strstr(s.client.error.text, "sign-policy") != NULL);
	CHECK(strcmp(witness_describe(s.rig.witness, &works),
	             "nobody is at home") == 0);
	CHECK(!works);
	/* The next call has another one opened. */
	CHECK(rig_client_ask(&s.rig, &s.client) == GATE_WAITS);
	CHECK(witness_rig_greet(&s.rig, VERSION) && hears(&s, 1));
	rig_put_info(&s.words, 1, false);
	CHECK(says(&s));
	CHECK(rig_client_again(&s.rig, &s.client) == GATE_PASSED);
	(void)witness_describe(s.rig.witness, &works);
	CHECK(works);
	scene_close(&s);
}

static void single_bytes_are_put_together(void)
{
	static const uint64_t versions[] = { 0x117, 0x119, 0x11a, 0x121,
		                             0x122, 0x123, 0x130 };
	static struct scene s;

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		bool has_news = false;

		scene_open(&s);
		CHECK(witness_rig_greet(&s.rig, versions[i]) && hears(&s, 1));
		rig_put_chatter(&s.words);
		rig_put_info(&s.words, 1, false);
		for (size_t k = 0; k < s.words.len; k++) {
			CHECK(!has_news);
			CHECK(send(s.rig.daemon, s.words.data + k, 1, 0) == 1);
			has_news = witness_rig_step(&s.rig);
		}
		CHECK(has_news);
		CHECK(rig_client_again(&s.rig, &s.client) == GATE_PASSED);
		scene_close(&s);
	}
}

static void a_daemon_that_dies_is_replaced_once(void)
{
	static struct scene s;

	scene_open(&s);
	CHECK(witness_rig_greet(&s.rig, VERSION) && hears(&s, 1));
	die(&s);
	CHECK(!witness_rig_step(&s.rig));
	CHECK(rig_client_again(&s.rig, &s.client) == GATE_WAITS);
	CHECK(witness_rig_greet(&s.rig, VERSION) && hears(&s, 1));
	rig_put_info(&s.words, 1, false);
	CHECK(says(&s));
	CHECK(rig_client_again(&s.rig, &s.client) == GATE_PASSED);
	scene_close(&s);
}

static void one_that_dies_of_each_question_is_given_up(void)
{
	static struct scene s;

	scene_open(&s);
	CHECK(witness_rig_greet(&s.rig, VERSION) && hears(&s, 1));
	die(&s);
	CHECK(!witness_rig_step(&s.rig));
	CHECK(witness_rig_greet(&s.rig, VERSION) && hears(&s, 1));
	/* In the middle of the answer. */
	rig_put_info(&s.words, 1, false);
	s.words.len -= 8;
	CHECK(!says(&s));
	die(&s);
	CHECK(witness_rig_step(&s.rig));
	CHECK(is_denied(&s, "closed the connection"));
	CHECK(!witness_wants_store(s.rig.witness));
	scene_close(&s);
}

static void one_that_dies_of_being_greeted_is_given_up(void)
{
	static struct scene s;

	scene_open(&s);
	for (int i = 0; i < 2; i++) {
		CHECK(rig_client_again(&s.rig, &s.client) == GATE_WAITS);
		CHECK(witness_rig_connect(&s.rig));
		die(&s);
		CHECK(witness_rig_step(&s.rig) == (i == 1));
	}
	CHECK(is_denied(&s, "closed the connection"));
	CHECK(!witness_wants_store(s.rig.witness));
	scene_close(&s);
}

static void say_nonsense(struct scene *s, unsigned what)
{
	switch (what) {
	case 0: /* no note */
		buffer_put_u64_le(&s->words, 4711);
		break;
	case 1: /* a path of another store */
		rig_put_last(&s->words);
		buffer_put_u64_le(&s->words, 1);
		worker_put_string(&s->words, bytes_of_text("/etc/passwd"));
		worker_put_string(&s->words, bytes_of_text(""));
		break;
	default: /* two answers to one question */
		rig_put_info(&s->words, 1, false);
		rig_put_info(&s->words, 1, false);
		break;
	}
}

static void what_makes_no_sense_is_no_answer(void)
{
	static struct scene s;

	for (unsigned what = 0; what < 2; what++) {
		scene_open(&s);
		for (int i = 0; i < 2; i++) {
			CHECK(witness_rig_greet(&s.rig, VERSION) &&
			      hears(&s, 1));
			say_nonsense(&s, what);
			CHECK(says(&s) == (i == 1));
		}
		CHECK(is_denied(&s, "makes no sense"));
		scene_close(&s);
	}
	scene_open(&s);
	CHECK(witness_rig_greet(&s.rig, VERSION) && hears(&s, 1));
	say_nonsense(&s, 2);
	CHECK(says(&s));
	CHECK(rig_client_again(&s.rig, &s.client) == GATE_PASSED);
	CHECK(witness_fd(s.rig.witness) == -1);
	scene_close(&s);
}

static void silence_ends_after_its_time(void)
{
	static struct scene s;

	scene_open(&s);
	CHECK(witness_deadline_ms(s.rig.witness) == 0);
	CHECK(witness_rig_greet(&s.rig, VERSION) && hears(&s, 1));
	rig_put_chatter(&s.words);
	s.rig.now_ms += WITNESS_TIMEOUT_MS - 1;
	CHECK(!witness_rig_step(&s.rig));
	CHECK(!says(&s)); /* a sign of life */
	CHECK(witness_deadline_ms(s.rig.witness) ==
	      s.rig.now_ms + WITNESS_TIMEOUT_MS);
	s.rig.now_ms += WITNESS_TIMEOUT_MS - 1;
	CHECK(!witness_rig_step(&s.rig));
	s.rig.now_ms++;
	CHECK(witness_rig_step(&s.rig));
	CHECK(is_denied(&s, "said nothing for 30 s"));
	CHECK(witness_rig_is_left(&s.rig));
	CHECK(!witness_wants_store(s.rig.witness));
	scene_close(&s);
}

static void silence_before_the_greeting_ends_too(void)
{
	static struct scene s;

	scene_open(&s);
	CHECK(witness_rig_connect(&s.rig));
	CHECK(!witness_rig_step(&s.rig));
	s.rig.now_ms += WITNESS_TIMEOUT_MS;
	CHECK(witness_rig_step(&s.rig));
	CHECK(is_denied(&s, "said nothing"));
	scene_close(&s);
}

/* The time runs from the question, not from what was said before. */
static void a_question_after_a_pause_has_its_time(void)
{
	static struct scene s;

	scene_open(&s);
	CHECK(witness_rig_greet(&s.rig, VERSION) && hears(&s, 1));
	rig_put_not_valid(&s.words);
	CHECK(says(&s));
	CHECK(rig_client_again(&s.rig, &s.client) == GATE_REFUSED);
	s.rig.now_ms += WITNESS_IDLE_MS - 1;
	CHECK(rig_client_ask(&s.rig, &s.client) == GATE_WAITS);
	CHECK(!witness_rig_step(&s.rig));
	CHECK(hears(&s, 1));
	CHECK(witness_deadline_ms(s.rig.witness) ==
	      s.rig.now_ms + WITNESS_TIMEOUT_MS);
	scene_close(&s);
}

static void nobody_holds_a_daemon_without_questions(void)
{
	static struct scene s;

	scene_open(&s);
	CHECK(witness_rig_greet(&s.rig, VERSION) && hears(&s, 1));
	rig_put_info(&s.words, 1, false);
	CHECK(says(&s));
	CHECK(rig_client_again(&s.rig, &s.client) == GATE_PASSED);
	s.rig.now_ms += WITNESS_IDLE_MS;
	CHECK(witness_deadline_ms(s.rig.witness) == s.rig.now_ms);
	CHECK(!witness_rig_step(&s.rig));
	CHECK(witness_fd(s.rig.witness) == -1 && witness_rig_is_left(&s.rig));
	CHECK(!witness_wants_store(s.rig.witness));
	scene_close(&s);
}

static void a_daemon_that_ends_between_questions_is_not_missed(void)
{
	static struct scene s;
	bool works = false;

	scene_open(&s);
	CHECK(witness_rig_greet(&s.rig, VERSION) && hears(&s, 1));
	rig_put_not_valid(&s.words);
	CHECK(says(&s));
	CHECK(rig_client_again(&s.rig, &s.client) == GATE_REFUSED);
	die(&s);
	CHECK(!witness_rig_step(&s.rig));
	(void)witness_describe(s.rig.witness, &works);
	CHECK(works && witness_fd(s.rig.witness) == -1);
	CHECK(rig_client_ask(&s.rig, &s.client) == GATE_WAITS);
	CHECK(witness_rig_greet(&s.rig, VERSION) && hears(&s, 1));
	scene_close(&s);
}

static void the_daemons_error_is_told_and_no_end(void)
{
	static struct scene s;
	static struct rig_client other;

	scene_open(&s);
	rig_client_open(&s.rig, &other, 2, 1);
	CHECK(rig_client_ask(&s.rig, &other) == GATE_WAITS);
	CHECK(witness_rig_greet(&s.rig, VERSION) && hears(&s, 1) &&
	      hears(&s, 2));
	rig_put_error(&s.words, "the \033[31mdatabase\033[0m is busy");
	rig_put_info(&s.words, 2, false);
	CHECK(says(&s));
	CHECK(is_denied(&s, "it says: the database is busy"));
	CHECK(rig_client_again(&s.rig, &other) == GATE_PASSED);
	rig_client_close(&s.rig, &other);
	scene_close(&s);
}

static void an_old_daemon_is_named(void)
{
	static struct scene s;

	scene_open(&s);
	for (int i = 0; i < 2; i++) {
		CHECK(witness_rig_connect(&s.rig));
		buffer_put_u64_le(&s.words, 0x6478696f);
		buffer_put_u64_le(&s.words, 0x110);
		CHECK(says(&s) == (i == 1));
	}
	CHECK(is_denied(&s, "protocol 1.16"));
	scene_close(&s);
}

/* An error with traces, each as long as may be: more than any message has. */
static void what_is_kept_of_an_answer_has_an_end(void)
{
	static char text[WORKER_TEXT_MAX + 1];
	static struct scene s;

	memset(text, 'x', WORKER_TEXT_MAX);
	scene_open(&s);
	for (int i = 0; i < 2; i++) {
		CHECK(witness_rig_greet(&s.rig, VERSION) && hears(&s, 1));
		rig_put_error(&s.words, "too much");
		s.words.len -= 8;
		buffer_put_u64_le(&s.words, TRACES);
		for (int k = 0; k < TRACES; k++) {
			buffer_put_u64_le(&s.words, 0);
			worker_put_string(&s.words, bytes_of_text(text));
		}
		CHECK(says(&s) == (i == 1));
		CHECK(witness_fd(s.rig.witness) == -1);
	}
	CHECK(is_denied(&s, "too long"));
	scene_close(&s);
}

static void a_stream_that_nobody_ordered_is_closed(void)
{
	static struct scene s;
	int pair[2];

	scene_open(&s);
	CHECK(witness_rig_greet(&s.rig, VERSION));
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	witness_take_store(s.rig.witness, pair[1], "");
	CHECK(witness_fd(s.rig.witness) != pair[1]);
	CHECK(recv(pair[0], &(char){ 0 }, 1, 0) == 0);
	close_at(&pair[0]);
	scene_close(&s);
}

static const struct test tests[] = {
	{ "where no store answers the reason is told",
	  where_no_store_answers_the_reason_is_told },
	{ "single bytes are put together", single_bytes_are_put_together },
	{ "a daemon that dies is replaced once",
	  a_daemon_that_dies_is_replaced_once },
	{ "one that dies of each question is given up",
	  one_that_dies_of_each_question_is_given_up },
	{ "one that dies of being greeted is given up",
	  one_that_dies_of_being_greeted_is_given_up },
	{ "what makes no sense is no answer",
	  what_makes_no_sense_is_no_answer },
	{ "silence ends after its time", silence_ends_after_its_time },
	{ "silence before the greeting ends too",
	  silence_before_the_greeting_ends_too },
	{ "a question after a pause has its time",
	  a_question_after_a_pause_has_its_time },
	{ "nobody holds a daemon without questions",
	  nobody_holds_a_daemon_without_questions },
	{ "a daemon that ends between questions is not missed",
	  a_daemon_that_ends_between_questions_is_not_missed },
	{ "the daemon's error is told, and no end",
	  the_daemons_error_is_told_and_no_end },
	{ "an old daemon is named", an_old_daemon_is_named },
	{ "what is kept of an answer has an end",
	  what_is_kept_of_an_answer_has_an_end },
	{ "a stream that nobody ordered is closed",
	  a_stream_that_nobody_ordered_is_closed },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
