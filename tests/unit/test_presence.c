#include "client/push/presence.h"
#include "tests/lib/closure_stage.h"
#include "tests/lib/fake_cache.h"
#include "tests/lib/fake_journal.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MANY  300 /* of which none is listed */
#define STORE "s3://bucket"

static const struct cache_step info = { .type = CACHE_GET,
	                                .key = "nix-cache-info" };

struct asking {
	struct cache *cache;
	struct journal *journal;
	struct strings bases;
	struct presence_question question;
	bool present[1000];
	struct presence_answer answer;
	struct cache_result failure;
};

static void set_up(struct asking *a, size_t count)
{
	*a = (struct asking){ .cache = fake_cache_new(4),
		              .journal = fake_journal_new() };
	for (size_t i = 0; i < count; i++) {
		char base[STORE_PATH_BASE_SIZE];

		closure_stage_name(i, base);
		if (strings_add(&a->bases, base, strlen(base)) < 0)
			abort();
	}
	a->cache->present_percent = 50;
	a->journal->store = STORE;
	a->answer.present = a->present;
	a->question = (struct presence_question){ .cache = a->cache,
		                                  .store = STORE,
		                                  .bases = &a->bases };
}

static int ask(struct asking *a)
{
	return presence_ask(&a->question, &a->answer, &a->failure);
}

static void know(struct asking *a, size_t from, size_t count)
{
	a->question.journal = a->journal;
	a->question.max_age_s = 3600;
	for (size_t i = from; i < from + count; i++) {
		if (strings_add(&a->journal->known, a->bases.items[i],
		                strlen(a->bases.items[i])) < 0)
			abort();
	}
}

static void tear_down(struct asking *a)
{
	CHECK(!a->cache->lent_and_lost);
	buffer_clear(&a->answer.along.response);
	strings_clear(&a->bases);
	fake_journal_free(a->journal);
	fake_cache_free(a->cache);
}

/* The answers come in any order. */
static void each_answer_goes_to_its_path(void)
{
	struct asking a;
	size_t there = 0;

	set_up(&a, MANY);
	CHECK(ask(&a) == 0);
	CHECK(a.cache->count == MANY && a.cache->pending == 0);
	CHECK(a.answer.checks == MANY && a.answer.lists == 0);
	CHECK(a.answer.known == 0 && !a.answer.notice[0]);
	for (size_t i = 0; i < MANY; i++) {
		const struct fake_step *s = &a.cache->steps[i];

		CHECK(s->step.type == CACHE_CHECK);
		CHECK(strncmp(s->key, a.bases.items[i], 32) == 0);
		CHECK(strcmp(s->key + 32, ".narinfo") == 0);
		CHECK(a.present[i] == (s->outcome == CACHE_OK));
		there += a.present[i];
	}
	CHECK(there > 0 && there < MANY);
	tear_down(&a);
}

static void a_failure_is_told_and_is_not_absence(void)
{
	static const char failing[] =
		"00000000000000000000000000000007.narinfo";
	struct asking a;

	set_up(&a, 10);
	a.question.journal = a.journal;
	a.cache->failing_key = failing;
	CHECK(ask(&a) > 0);
	CHECK(a.failure.outcome == CACHE_FAILED && a.failure.exit_status == 1);
	CHECK(strstr(a.failure.error, failing) != NULL);
	CHECK(a.journal->adds == 0);
	tear_down(&a);
}

static void nothing_is_asked_about_nothing(void)
{
	struct asking a;

	set_up(&a, 0);
	a.question.along = &info;
	CHECK(ask(&a) == 0);
	CHECK(a.cache->count == 0 && !a.answer.has_along);
	tear_down(&a);
}

static void a_cache_that_takes_nothing_is_an_error(void)
{
	struct asking a;

	set_up(&a, 3);
	a.cache->submit_error = -ENOMEM;
	CHECK(ask(&a) == -ENOMEM);
	tear_down(&a);
}

static void what_the_journal_knows_is_not_asked(void)
{
	struct asking a;

	set_up(&a, MANY);
	know(&a, 0, MANY - 2);
	CHECK(ask(&a) == 0);
	CHECK(a.journal->max_age_s == 3600);
	CHECK(a.answer.known == MANY - 2 && a.answer.checks == 2);
	CHECK(a.cache->count == 2);
	CHECK(strncmp(a.cache->steps[0].key, a.bases.items[MANY - 2], 32) == 0);
	for (size_t i = 0; i < MANY - 2; i++)
		CHECK(a.present[i]);
	tear_down(&a);
}

static void where_all_is_known_nothing_is_sent(void)
{
	struct asking a;

	set_up(&a, MANY);
	know(&a, 0, MANY);
	a.question.along = &info;
	CHECK(ask(&a) == 0);
	CHECK(a.cache->count == 0 && a.answer.known == MANY);
	CHECK(!a.answer.has_along && a.journal->adds == 0);
	tear_down(&a);
}

static void what_is_known_of_another_cache_is_asked(void)
{
	struct asking a;

	set_up(&a, MANY);
	know(&a, 0, MANY);
	a.question.store = "s3://other";
	CHECK(ask(&a) == 0);
	CHECK(a.answer.checks == MANY && a.answer.known == 0);
	tear_down(&a);
}

static void what_is_not_to_be_known_is_asked_but_noted(void)
{
	struct asking a;

	set_up(&a, MANY);
	know(&a, 0, MANY);
	a.question.max_age_s = 0;
	a.cache->present_percent = 100;
	CHECK(ask(&a) == 0);
	CHECK(a.answer.checks == MANY && a.journal->finds == 0);
	CHECK(a.journal->adds == 1 && a.journal->added.count == MANY);
	tear_down(&a);
}

/* And nothing else: neither what was known, nor what is not there. */
static void what_was_found_goes_into_the_journal(void)
{
	struct asking a;
	size_t found = 0;

	set_up(&a, MANY);
	know(&a, 0, 100);
	CHECK(ask(&a) == 0);
	CHECK(a.journal->adds == 1);
	for (size_t i = 0; i < MANY; i++) {
		if (i < 100 || !a.present[i])
			continue;
		CHECK(found < a.journal->added.count &&
		      strcmp(a.journal->added.items[found], a.bases.items[i]) ==
		              0);
		found++;
	}
	CHECK(found > 0 && found == a.journal->added.count);
	tear_down(&a);
}

static void a_journal_that_fails_is_as_none(void)
{
	struct asking a;

	set_up(&a, MANY);
	know(&a, 0, MANY);
	a.journal->error = -EIO;
	a.cache->present_percent = 0;
	CHECK(ask(&a) == 0);
	CHECK(a.answer.checks == MANY && a.answer.known == 0);
	for (size_t i = 0; i < MANY; i++)
		CHECK(!a.present[i]);
	tear_down(&a);
}

static void a_step_goes_along_with_the_first(void)
{
	struct asking a;

	set_up(&a, 3);
	a.question.along = &info;
	a.cache->text = "StoreDir: /nix/store\n";
	CHECK(ask(&a) == 0);
	CHECK(a.cache->count == 4 && a.answer.checks == 3);
	CHECK(a.cache->steps[0].step.type == CACHE_GET);
	for (size_t i = 1; i < 4; i++) {
		CHECK(a.cache->steps[i].submitted_at <
		      a.cache->steps[0].answered_at);
	}
	CHECK(a.answer.has_along && a.answer.along.outcome == CACHE_OK);
	CHECK(a.answer.along.response.len == strlen(a.cache->text));
	tear_down(&a);

	set_up(&a, 3);
	a.question.along = &info;
	CHECK(ask(&a) == 0);
	CHECK(a.answer.has_along && a.answer.along.outcome == CACHE_MISSING);
	tear_down(&a);

	set_up(&a, 3);
	a.question.along = &info;
	a.cache->failing_key = info.key;
	CHECK(ask(&a) > 0);
	CHECK(strstr(a.failure.error, info.key) != NULL);
	tear_down(&a);
}

/* A list of a folder would be a scan of all of it. */
static void a_folder_is_not_listed(void)
{
	struct asking a;

	set_up(&a, 1000);
	a.cache->is_folder = true;
	CHECK(ask(&a) == 0);
	CHECK(a.answer.checks == 1000 && a.answer.lists == 0);
	tear_down(&a);
}

static const struct test tests[] = {
	{ "each answer goes to its path", each_answer_goes_to_its_path },
	{ "a failure is told, and is not absence",
	  a_failure_is_told_and_is_not_absence },
	{ "nothing is asked about nothing", nothing_is_asked_about_nothing },
	{ "a cache that takes nothing is an error",
	  a_cache_that_takes_nothing_is_an_error },
	{ "what the journal knows is not asked",
	  what_the_journal_knows_is_not_asked },
	{ "where all is known, nothing is sent",
	  where_all_is_known_nothing_is_sent },
	{ "what is known of another cache is asked",
	  what_is_known_of_another_cache_is_asked },
	{ "what is not to be known is asked, but noted",
	  what_is_not_to_be_known_is_asked_but_noted },
	{ "what was found goes into the journal",
	  what_was_found_goes_into_the_journal },
	{ "a journal that fails is as none", a_journal_that_fails_is_as_none },
	{ "a step goes along with the first",
	  a_step_goes_along_with_the_first },
	{ "a folder is not listed", a_folder_is_not_listed },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
