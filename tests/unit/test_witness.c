#include "tests/lib/test.h"
#include "tests/lib/witness_rig.h"

#include "agent/door/witness/attested.h"
#include "protocol/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

#define VERSION   0x123
#define WORDS_MAX ((size_t)1024 * 1024)

static bool is_refused(const struct rig_client *client,
                       enum varlink_error error, const char *words)
{
	return client->error.error == error &&
	       strstr(client->error.text, words) != NULL;
}

/* The daemon answers all that it is asked, from first on; how many. */
static unsigned answer_all(struct witness_rig *rig, bool is_ultimate)
{
	cleanup_buffer struct buffer words;
	unsigned path, count = 0;

	buffer_init(&words, WORDS_MAX);
	(void)witness_rig_step(rig);
	while (witness_rig_hear(rig, &path)) {
		rig_put_chatter(&words);
		rig_put_info(&words, path, is_ultimate);
		count++;
	}
	if (count > 0)
		CHECK(witness_rig_say(rig, &words));
	return count;
}

static void what_agrees_passes_and_is_remembered(void)
{
	static struct rig_client client, other;
	struct witness_rig rig;

	witness_rig_open(&rig);
	rig_client_open(&rig, &client, 0, 100);
	rig_client_open(&rig, &other, 50, 1);
	CHECK(rig_client_ask(&rig, &client) == GATE_WAITS);
	CHECK(witness_rig_greet(&rig, VERSION));
	CHECK(answer_all(&rig, false) == 100);
	CHECK(rig_client_again(&rig, &client) == GATE_PASSED);
	CHECK(rig_client_ask(&rig, &client) == GATE_PASSED);
	CHECK(answer_all(&rig, false) == 0);
	/* What one client knows is another's question. */
	CHECK(rig_client_ask(&rig, &other) == GATE_WAITS);
	CHECK(answer_all(&rig, false) == 1);
	CHECK(rig_client_again(&rig, &other) == GATE_PASSED);
	rig_client_close(&rig, &other);
	rig_client_close(&rig, &client);
	witness_rig_close(&rig);
}

/* One path with one thing changed, and the reason that it is refused for. */
enum change {
	CHANGE_NONE,
	CHANGE_HASH,
	CHANGE_SIZE,
	CHANGE_REFERENCE_MORE,
	CHANGE_REFERENCE_LESS,
	CHANGE_REFERENCE_OTHER,
	CHANGE_SELF_REFERENCE,
	CHANGE_POLICY,
};

static void set_reference(struct sign_path *path, size_t i, const char *text)
{
	free(path->references.items[i]);
	path->references.items[i] = strdup(text);
}

static void apply(struct rig_client *client, enum change change)
{
	static const char other[] =
		"/nix/store/00000000000000000000000000000099-p";
	struct sign_path *path = &client->paths[0];

	switch (change) {
	case CHANGE_NONE:
		break;
	case CHANGE_HASH:
		path->nar_hash.sha256[31] ^= 1;
		break;
	case CHANGE_SIZE:
		path->nar_size++;
		break;
	case CHANGE_REFERENCE_MORE:
		CHECK(strings_add(&path->references, other, strlen(other)) ==
		      0);
		break;
	case CHANGE_REFERENCE_LESS:
		free(path->references.items[--path->references.count]);
		break;
	case CHANGE_REFERENCE_OTHER:
		set_reference(path, 0,
		              "/nix/store/00000000000000000000000000000004-q");
		break;
	case CHANGE_SELF_REFERENCE:
		set_reference(path, 1, other);
		break;
	case CHANGE_POLICY:
		client->question.policy = SIGN_BUILT_HERE;
		break;
	}
}

static const struct {
	const char *what;
	enum change change;
	const char *reason;
} refusals[] = {
	{ "another hash", CHANGE_HASH, "NAR hash" },
	{ "another size", CHANGE_SIZE, "NAR size" },
	{ "a reference more", CHANGE_REFERENCE_MORE, "references" },
	{ "a reference less", CHANGE_REFERENCE_LESS, "references" },
	{ "another reference", CHANGE_REFERENCE_OTHER, "references" },
	{ "no reference to itself", CHANGE_SELF_REFERENCE, "references" },
	{ "not built here", CHANGE_POLICY, "not built here" },
};

static void check_refusal(size_t i)
{
	static struct rig_client client;
	struct witness_rig rig;

	witness_rig_open(&rig);
	rig_client_open(&rig, &client, 5, 1);
	CHECK(rig_client_ask(&rig, &client) == GATE_WAITS);
	CHECK(witness_rig_greet(&rig, VERSION));
	CHECK(answer_all(&rig, false) == 1);
	CHECK(rig_client_again(&rig, &client) == GATE_PASSED);

	/* That the path itself is known to agree does not help. */
	apply(&client, refusals[i].change);
	for (int again = 0; again < 2; again++) {
		int rc;

		CHECK(rig_client_ask(&rig, &client) == GATE_WAITS);
		CHECK(answer_all(&rig, false) == 1);
		rc = rig_client_again(&rig, &client);
		CHECK(rc == GATE_REFUSED &&
		      is_refused(&client, ERROR_NOT_IN_STORE,
		                 refusals[i].reason));
		if (rc != GATE_REFUSED)
			(void)printf("# %s\n", refusals[i].what);
		CHECK(strcmp(client.error.store_path,
		             client.paths[0].store_path) == 0);
	}
	rig_client_close(&rig, &client);
	witness_rig_close(&rig);
}

static void what_does_not_agree_is_refused_each_time(void)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		check_refusal(i);
}

static void what_is_not_there_is_refused_until_it_is(void)
{
	static struct rig_client client;
	cleanup_buffer struct buffer words;
	struct witness_rig rig;
	unsigned path;

	buffer_init(&words, WORDS_MAX);
	witness_rig_open(&rig);
	rig_client_open(&rig, &client, 7, 1);
	CHECK(rig_client_ask(&rig, &client) == GATE_WAITS);
	CHECK(witness_rig_greet(&rig, VERSION));
	CHECK(witness_rig_hear(&rig, &path) && path == 7);
	rig_put_not_valid(&words);
	CHECK(witness_rig_say(&rig, &words));
	CHECK(rig_client_again(&rig, &client) == GATE_REFUSED);
	CHECK(is_refused(&client, ERROR_NOT_IN_STORE, "does not hold it"));
	CHECK(rig_client_ask(&rig, &client) == GATE_WAITS);
	CHECK(answer_all(&rig, false) == 1);
	CHECK(rig_client_again(&rig, &client) == GATE_PASSED);
	rig_client_close(&rig, &client);
	witness_rig_close(&rig);
}

static void one_bad_path_refuses_the_batch(void)
{
	static struct rig_client client;
	struct witness_rig rig;

	witness_rig_open(&rig);
	rig_client_open(&rig, &client, 0, 64);
	client.paths[63].nar_size++;
	CHECK(rig_client_ask(&rig, &client) == GATE_WAITS);
	CHECK(witness_rig_greet(&rig, VERSION));
	CHECK(answer_all(&rig, true) == 64);
	CHECK(rig_client_again(&rig, &client) == GATE_REFUSED);
	CHECK(strcmp(client.error.store_path, client.paths[63].store_path) ==
	      0);
	rig_client_close(&rig, &client);
	witness_rig_close(&rig);
}

static void what_was_built_here_passes_as_such(void)
{
	static struct rig_client client;
	struct witness_rig rig;

	witness_rig_open(&rig);
	rig_client_open(&rig, &client, 3, 1);
	client.question.policy = SIGN_BUILT_HERE;
	CHECK(rig_client_ask(&rig, &client) == GATE_WAITS);
	CHECK(witness_rig_greet(&rig, VERSION));
	CHECK(answer_all(&rig, true) == 1);
	CHECK(rig_client_again(&rig, &client) == GATE_PASSED);
	rig_client_close(&rig, &client);
	witness_rig_close(&rig);
}

static void questions_that_wait_are_shared(void)
{
	static struct rig_client a, b;
	struct witness_rig rig;

	witness_rig_open(&rig);
	rig_client_open(&rig, &a, 0, 60);
	rig_client_open(&rig, &b, 40, 60);
	CHECK(rig_client_ask(&rig, &a) == GATE_WAITS);
	CHECK(rig_client_ask(&rig, &b) == GATE_WAITS);
	CHECK(witness_rig_greet(&rig, VERSION));
	CHECK(answer_all(&rig, false) == 100);
	CHECK(rig_client_again(&rig, &a) == GATE_PASSED);
	CHECK(rig_client_again(&rig, &b) == GATE_PASSED);
	rig_client_close(&rig, &a);
	rig_client_close(&rig, &b);
	witness_rig_close(&rig);
}

/* b comes when a's question is on its way: a yes is as good for both, a no may
 * be older than what b has built meanwhile. */
static void a_no_from_before_the_call_is_asked_again(void)
{
	static struct rig_client a, b;
	cleanup_buffer struct buffer words;
	struct witness_rig rig;
	unsigned path;

	buffer_init(&words, WORDS_MAX);
	witness_rig_open(&rig);
	rig_client_open(&rig, &a, 1, 2);
	rig_client_open(&rig, &b, 1, 2);
	CHECK(rig_client_ask(&rig, &a) == GATE_WAITS);
	CHECK(witness_rig_greet(&rig, VERSION));
	CHECK(rig_client_ask(&rig, &b) == GATE_WAITS);
	CHECK(witness_rig_hear(&rig, &path) && path == 1);
	CHECK(witness_rig_hear(&rig, &path) && path == 2);
	CHECK(!witness_rig_hear(&rig, &path));
	rig_put_info(&words, 1, false);
	rig_put_not_valid(&words);
	CHECK(witness_rig_say(&rig, &words));
	CHECK(rig_client_again(&rig, &a) == GATE_REFUSED);
	CHECK(rig_client_again(&rig, &b) == GATE_WAITS);
	CHECK(answer_all(&rig, false) == 1);
	CHECK(rig_client_again(&rig, &b) == GATE_PASSED);
	rig_client_close(&rig, &a);
	rig_client_close(&rig, &b);
	witness_rig_close(&rig);
}

static void who_goes_takes_its_questions_back(void)
{
	static struct rig_client a, b, c;
	cleanup_buffer struct buffer words;
	struct witness_rig rig;
	unsigned path;

	buffer_init(&words, WORDS_MAX);
	witness_rig_open(&rig);
	rig_client_open(&rig, &a, 0, 10);
	rig_client_open(&rig, &b, 20, 1);
	rig_client_open(&rig, &c, 5, 10);
	/* What was not sent is not asked; what others want as well is. */
	CHECK(rig_client_ask(&rig, &a) == GATE_WAITS);
	CHECK(rig_client_ask(&rig, &c) == GATE_WAITS);
	rig_client_close(&rig, &a);
	CHECK(witness_rig_greet(&rig, VERSION));
	CHECK(witness_rig_hear(&rig, &path) && path == 5);
	for (unsigned i = 6; i < 15; i++)
		CHECK(witness_rig_hear(&rig, &path) && path == i);
	CHECK(!witness_rig_hear(&rig, &path));
	/* What was sent is answered, and its answer is nobody else's. */
	rig_client_close(&rig, &c);
	CHECK(rig_client_ask(&rig, &b) == GATE_WAITS);
	for (unsigned i = 5; i < 15; i++)
		rig_put_info(&words, i, false);
	(void)witness_rig_say(&rig, &words);
	CHECK(rig_client_again(&rig, &b) == GATE_WAITS);
	CHECK(answer_all(&rig, false) == 1);
	CHECK(rig_client_again(&rig, &b) == GATE_PASSED);
	rig_client_close(&rig, &b);
	witness_rig_close(&rig);
}

static void another_call_forgets_the_one_before(void)
{
	static struct rig_client client;
	struct witness_rig rig;

	witness_rig_open(&rig);
	rig_client_open(&rig, &client, 0, 2);
	CHECK(rig_client_ask(&rig, &client) == GATE_WAITS);
	client.sign.count = 1;
	CHECK(rig_client_ask(&rig, &client) == GATE_WAITS);
	CHECK(witness_rig_greet(&rig, VERSION));
	CHECK(answer_all(&rig, false) == 1);
	CHECK(rig_client_again(&rig, &client) == GATE_PASSED);
	client.sign.count = 2;
	rig_client_close(&rig, &client);
	witness_rig_close(&rig);
}

static void another_store_folder_is_asked_about_apart(void)
{
	static struct rig_client a, b;
	struct witness_rig rig;
	unsigned path;

	witness_rig_open(&rig);
	rig_client_open(&rig, &a, 0, 2);
	rig_client_open(&rig, &b, 1, 1);
	CHECK(rig_client_ask(&rig, &a) == GATE_WAITS);
	/* As long as the usual one, so that its base names are where they were. */
	b.question.store_dir = "/gnu/store";
	memcpy(b.paths[0].store_path, "/gnu", 4);
	CHECK(rig_client_ask(&rig, &b) == GATE_WAITS);
	CHECK(witness_rig_greet(&rig, VERSION));
	CHECK(answer_all(&rig, false) == 2);
	CHECK(rig_client_again(&rig, &a) == GATE_PASSED);
	(void)witness_rig_step(&rig);
	CHECK(!witness_rig_hear(&rig, &path) && witness_rig_is_left(&rig));
	CHECK(witness_rig_connect(&rig));
	rig_client_close(&rig, &a);
	rig_client_close(&rig, &b);
	witness_rig_close(&rig);
}

static struct digest_sha256 digest_of(uint32_t number)
{
	struct digest_sha256 digest = { .bytes = { 1 } };

	/* All begin at one place, so that they stand in each other's way. */
	memcpy(digest.bytes + 16, &number, sizeof(number));
	return digest;
}

static void a_memory_that_is_full_begins_anew(void)
{
	struct attested set = { .slots = NULL };
	struct digest_sha256 one = digest_of(0);

	CHECK(!attested_has(&set, &one));
	for (uint32_t i = 0; i < 100; i++) {
		one = digest_of(i);
		CHECK(attested_add(&set, &one) == 0);
		CHECK(attested_add(&set, &one) == 0);
	}
	CHECK(set.count == 100);
	for (uint32_t i = 0; i < 200; i++) {
		one = digest_of(i);
		CHECK(attested_has(&set, &one) == (i < 100));
	}
	for (uint32_t i = 100; i < ATTESTED_MAX; i++) {
		memcpy(one.bytes, &i, sizeof(i));
		CHECK(attested_add(&set, &one) == 0);
	}
	CHECK(set.count == ATTESTED_MAX && set.capacity == 2UL * ATTESTED_MAX);
	one = digest_of(UINT32_MAX);
	CHECK(attested_add(&set, &one) == 0);
	CHECK(set.count == 1 && attested_has(&set, &one));
	attested_clear(&set);
}

static const struct test tests[] = {
	{ "what agrees passes, and is remembered",
	  what_agrees_passes_and_is_remembered },
	{ "what does not agree is refused, each time",
	  what_does_not_agree_is_refused_each_time },
	{ "what is not there is refused until it is",
	  what_is_not_there_is_refused_until_it_is },
	{ "one bad path refuses the batch", one_bad_path_refuses_the_batch },
	{ "what was built here passes as such",
	  what_was_built_here_passes_as_such },
	{ "questions that wait are shared", questions_that_wait_are_shared },
	{ "a no from before the call is asked again",
	  a_no_from_before_the_call_is_asked_again },
	{ "who goes takes its questions back",
	  who_goes_takes_its_questions_back },
	{ "another call forgets the one before",
	  another_call_forgets_the_one_before },
	{ "another store folder is asked about apart",
	  another_store_folder_is_asked_about_apart },
	{ "a memory that is full begins anew",
	  a_memory_that_is_full_begins_anew },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
