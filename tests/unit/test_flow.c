#include "client/agent_call.h"
#include "client/push/flow.h"
#include "protocol/base/exit_status.h"
#include "tests/lib/closure_stage.h"
#include "tests/lib/fake_cache.h"
#include "tests/lib/fake_pack.h"
#include "tests/lib/test.h"
#include "tests/unit/nix_samples.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEEDS          1000
#define ERR_MAX        65536
#define PATH_MAX_COUNT 24

/* The agent of this program: it signs, or refuses from some call on. */
struct agent {
	unsigned calls;
	unsigned refuse_from; /* 0: never */
	int exit_status;
};

struct world {
	struct closure closure;
	struct plan plan;
	struct cache *cache;
	struct pack *pack;
	struct agent agent;
	struct progress *progress;
	struct flow_result result;
	char err[ERR_MAX]; /* what was said on standard error */
};

/* NOLINTNEXTLINE(readability-function-size): agent_call.h's parameters */
int agent_sign(struct agent *agent, const struct agent_cache *cache,
               const struct path_info *const *paths, size_t count,
               struct strings *ret_signatures, struct agent_error *error)
{
	static const char signature[] = "ours-1:" SIG64;

	(void)cache;
	(void)paths;
	if (++agent->calls >= agent->refuse_from && agent->refuse_from > 0) {
		error->exit_status = agent->exit_status;
		(void)snprintf(error->text, sizeof(error->text),
		               "no, said a "
		               "test");
		return AGENT_E_REFUSED;
	}
	for (size_t i = 0; i < count; i++) {
		if (strings_add(&ret_signatures[i], signature,
		                strlen(signature)) < 0)
			return -ENOMEM;
	}
	return AGENT_OK;
}

static void world_open(struct world *w, size_t count, unsigned seed)
{
	closure_stage_make(&w->closure, count);
	w->cache = fake_cache_new(seed);
	w->pack = fake_pack_new(seed);
	w->agent = (struct agent){ .exit_status = EXIT_FAILED };
	w->progress = progress_new(PROGRESS_QUIET, PROGRESS_PUSH);
	if (!w->progress || plan_make(&w->closure, &w->plan) < 0)
		abort();
}

/* flow_run() with standard error in memory. */
static void world_run(struct world *w)
{
	const struct flow_request request = {
		.agent = &w->agent,
		.plan = &w->plan,
		.context = {
			.cache = w->cache,
			.pack = w->pack,
			.store_dir = STORE_DIR_DEFAULT,
			.physical_dir = STORE_DIR_DEFAULT,
			.compression = PACK_ZSTD,
		},
		.progress = w->progress,
	};
	int kept = dup(STDERR_FILENO);
	int said = memfd_create("err", MFD_CLOEXEC);
	ssize_t n;

	if (kept < 0 || said < 0 || plan_finish(&w->plan) < 0)
		abort();
	(void)fflush(stderr);
	(void)dup2(said, STDERR_FILENO);
	flow_run(&request, &w->result);
	(void)fflush(stderr);
	(void)dup2(kept, STDERR_FILENO);
	n = pread(said, w->err, sizeof(w->err) - 1, 0);
	w->err[n > 0 ? n : 0] = '\0';
	(void)close(kept);
	(void)close(said);
}

static void world_close(struct world *w)
{
	CHECK(w->pack->held == 0);
	CHECK(!w->cache->lent_and_lost);
	progress_free(w->progress);
	plan_clear(&w->plan);
	fake_cache_free(w->cache);
	fake_pack_free(w->pack);
	closure_clear(&w->closure);
}

static void key_of(const struct world *w, size_t index, bool is_narinfo,
                   char out[NAMES_NAR_SIZE])
{
	const struct path_info *info = &w->closure.paths[index];

	if (is_narinfo) {
		names_format_narinfo(info->base, out);
	} else {
		names_format_nar(&info->nar_hash, ".zst", out);
	}
}

static const struct fake_step *find_put(const struct world *w, size_t index)
{
	char key[NAMES_NAR_SIZE];

	key_of(w, index, true, key);
	for (size_t i = 0; i < w->cache->count; i++) {
		if (strcmp(w->cache->steps[i].key, key) == 0)
			return &w->cache->steps[i];
	}
	return NULL;
}

static bool is_published(const struct world *w, size_t index)
{
	const struct fake_step *put = find_put(w, index);

	return put && put->answered_at > 0 && put->outcome == CACHE_OK;
}

/* When the NAR was there for all to see; 0: never. */
static uint64_t stored_at(const struct world *w, size_t index)
{
	char key[NAMES_NAR_SIZE];

	key_of(w, index, false, key);
	for (size_t i = 0; i < w->cache->count; i++) {
		const struct fake_step *s = &w->cache->steps[i];

		if ((s->step.type == CACHE_CHECK || s->step.type == CACHE_PUT ||
		     s->step.type == CACHE_COMPLETE) &&
		    s->answered_at > 0 && s->outcome == CACHE_OK &&
		    strcmp(s->key, key) == 0)
			return s->answered_at;
	}
	return 0;
}

/* No narinfo was sent before its NAR and all that it refers to were there. */
static bool is_in_order(const struct world *w)
{
	for (size_t i = 0; i < w->closure.count; i++) {
		const struct strings *references =
			&w->closure.paths[i].references;
		const struct fake_step *put = find_put(w, i);
		uint64_t stored = stored_at(w, i);

		if (!put)
			continue;
		if (stored == 0 || stored > put->submitted_at)
			return false;
		for (size_t k = 0; k < references->count; k++) {
			ssize_t at =
				closure_find(&w->closure, references->items[k]);

			if (at < 0 || (size_t)at == i ||
			    w->plan.entries[at].state != PLAN_PUSH)
				continue;
			if (!is_published(w, (size_t)at) ||
			    find_put(w, (size_t)at)->answered_at >
			            put->submitted_at)
				return false;
		}
	}
	return true;
}

/* Every multipart upload that was begun was put together or ended. */
static bool is_tidy(const struct world *w)
{
	for (size_t i = 0; i < w->cache->count; i++) {
		const struct fake_step *begun = &w->cache->steps[i];
		char id[32];
		bool is_ended = false;

		if (begun->step.type != CACHE_BEGIN ||
		    begun->outcome != CACHE_OK)
			continue;
		(void)snprintf(id, sizeof(id), "id-%zu", i);
		for (size_t k = i; k < w->cache->count && !is_ended; k++) {
			const struct fake_step *s = &w->cache->steps[k];

			is_ended = strcmp(s->upload_id, id) == 0 &&
			           (s->step.type == CACHE_ABORT ||
			            (s->step.type == CACHE_COMPLETE &&
			             s->outcome == CACHE_OK));
		}
		if (!is_ended)
			return false;
	}
	return w->cache->pending == 0;
}

static bool is_named(const struct world *w, size_t index)
{
	char words[STORE_PATH_SIZE + 32];

	(void)snprintf(words, sizeof(words),
	               "failed " STORE_DIR_DEFAULT "/%s: ",
	               w->closure.paths[index].base);
	return strstr(w->err, words) != NULL;
}

/* Each is published, or failed and named; the counts say the same. */
static bool is_accounted_for(const struct world *w)
{
	size_t pushed = 0, failed = 0;

	for (size_t i = 0; i < w->closure.count; i++) {
		if (w->plan.entries[i].state != PLAN_PUSH) {
			if (find_put(w, i) || is_named(w, i))
				return false;
			continue;
		}
		if (is_published(w, i) == is_named(w, i))
			return false;
		pushed += is_published(w, i);
		failed += !is_published(w, i);
	}
	return w->result.pushed == pushed && w->result.failed == failed &&
	       w->result.exit_status == (failed > 0 ? EXIT_FAILED : EXIT_DONE);
}

/* Paths refer to a few of those before them; some are there already. */
static void world_randomise(struct world *w, unsigned *state)
{
	for (size_t i = 0; i < w->closure.count; i++) {
		size_t count = fake_cache_random(state, 4);

		for (size_t k = 0; k < count; k++) {
			size_t to = fake_cache_random(state, (unsigned)i + 1);
			char base[STORE_PATH_BASE_SIZE];

			closure_stage_name(to, base);
			if (!strings_contain(&w->closure.paths[i].references,
			                     base))
				closure_stage_refer(&w->closure, i, to);
		}
		if (fake_cache_random(state, 8) == 0) {
			w->plan.entries[i].state = fake_cache_random(state, 2)
			                                   ? PLAN_UPSTREAM
			                                   : PLAN_PRESENT;
		}
	}
}

static bool run_seed(unsigned seed)
{
	unsigned state = seed * 40503U + 7;
	static struct world w;
	bool is_good;

	world_open(&w, fake_cache_random(&state, PATH_MAX_COUNT) + 1, seed);
	world_randomise(&w, &state);
	w.cache->present_percent = 10;
	w.pack->budget = 1 + seed % 5;
	if (seed % 4 > 0) {
		w.cache->fail_percent = seed % 4;
		w.pack->fail_percent = 2 * (seed % 4);
	}
	world_run(&w);
	is_good = is_in_order(&w) && is_tidy(&w) && is_accounted_for(&w) &&
	          (seed % 4 > 0 || w.result.failed == 0) && w.pack->held == 0;
	if (!is_good) {
		(void)printf("# seed %u: in order %d, tidy %d, accounted for "
		             "%d, %zu pushed, %zu failed\n",
		             seed, is_in_order(&w), is_tidy(&w),
		             is_accounted_for(&w), w.result.pushed,
		             w.result.failed);
	}
	world_close(&w);
	return is_good;
}

static void no_narinfo_goes_before_those_it_refers_to(void)
{
	unsigned bad = 0;

	for (unsigned seed = 1; seed <= SEEDS && bad < 5; seed++)
		bad += !run_seed(seed);
	CHECK(bad == 0);
}

/* 0 <- 1 <- 2 <- ..., and the last one alone. */
static void make_chain(struct world *w, size_t count, unsigned seed)
{
	world_open(w, count, seed);
	for (size_t i = 1; i + 1 < count; i++)
		closure_stage_refer(&w->closure, i, i - 1);
}

static void dependents_of_a_failed_path_fail_and_are_named(void)
{
	static struct world w;
	char key[NAMES_NAR_SIZE], words[2 * STORE_PATH_SIZE + 64];

	make_chain(&w, 6, 1);
	key_of(&w, 1, false, key);
	w.cache->failing_key = key;
	world_run(&w);
	CHECK(w.result.pushed == 2 && w.result.failed == 4);
	CHECK(w.result.exit_status == EXIT_FAILED);
	CHECK(is_published(&w, 0) && is_published(&w, 5));
	for (size_t i = 2; i < 5; i++) {
		CHECK(!find_put(&w, i));
		(void)snprintf(words, sizeof(words),
		               "failed " STORE_DIR_DEFAULT "/%s: not "
		               "published: it refers to " STORE_DIR_DEFAULT
		               "/%s, which failed\n",
		               w.closure.paths[i].base,
		               w.closure.paths[i - 1].base);
		CHECK(strstr(w.err, words) != NULL);
	}
	CHECK(is_tidy(&w));
	world_close(&w);
}

static void a_failed_narinfo_fails_its_dependents_too(void)
{
	static struct world w;
	char key[NAMES_NAR_SIZE];

	make_chain(&w, 4, 1);
	key_of(&w, 0, true, key);
	w.cache->failing_key = key;
	world_run(&w);
	CHECK(w.result.pushed == 1 && w.result.failed == 3);
	CHECK(is_published(&w, 3));
	CHECK(is_accounted_for(&w) && is_tidy(&w));
	world_close(&w);
}

static void a_refusal_about_everything_is_told_once(void)
{
	static const int statuses[] = { EXIT_NO_AGENT, EXIT_LOCKED, EXIT_POLICY,
		                        EXIT_SOURCE };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		static struct world w;
		const char *first;

		make_chain(&w, 12, (unsigned)i + 1);
		w.agent.refuse_from = 2;
		w.agent.exit_status = statuses[i];
		world_run(&w);
		CHECK(w.result.exit_status == statuses[i]);
		CHECK(w.result.pushed + w.result.failed == 12);
		first = strstr(w.err, "no, said a test");
		CHECK(first && !strstr(first + 1, "no, said a test"));
		CHECK(is_in_order(&w) && is_tidy(&w));
		world_close(&w);
	}
}

static void a_refusal_about_some_paths_is_told_of_each(void)
{
	static struct world w;

	make_chain(&w, 6, 3);
	w.agent.refuse_from = 1;
	world_run(&w);
	CHECK(w.result.pushed == 0 && w.result.failed == 6);
	CHECK(w.result.exit_status == EXIT_FAILED);
	CHECK(is_accounted_for(&w));
	world_close(&w);
}

/* Wherever it comes. */
static void an_interrupted_push_ends_what_it_began(void)
{
	for (unsigned after = 1; after < 60; after++) {
		static struct world w;
		sigset_t before, now;

		make_chain(&w, 12, after);
		w.cache->raise_after = after;
		CHECK(sigprocmask(SIG_SETMASK, NULL, &before) == 0);
		world_run(&w);
		CHECK(sigprocmask(SIG_SETMASK, NULL, &now) == 0);
		CHECK(sigismember(&before, SIGTERM) ==
		      sigismember(&now, SIGTERM));
		CHECK(sigismember(&before, SIGINT) ==
		      sigismember(&now, SIGINT));
		if (w.cache->waits >= after) {
			CHECK(w.result.exit_status == 128 + SIGTERM ||
			      w.result.pushed == 12);
		}
		CHECK(w.result.pushed + w.result.failed == 12);
		CHECK(is_in_order(&w) && is_tidy(&w));
		world_close(&w);
	}
}

static void a_cache_that_takes_nothing_fails_all(void)
{
	static struct world w;

	make_chain(&w, 5, 1);
	w.cache->submit_error = -ENOMEM;
	world_run(&w);
	CHECK(w.result.pushed == 0 && w.result.failed == 5);
	CHECK(w.result.exit_status == EXIT_FAILED);
	CHECK(is_accounted_for(&w));
	world_close(&w);
}

static void nothing_to_push_is_done_at_once(void)
{
	static struct world w;

	world_open(&w, 2, 1);
	w.plan.entries[0].state = PLAN_PRESENT;
	w.plan.entries[1].state = PLAN_UPSTREAM;
	world_run(&w);
	CHECK(w.result.pushed == 0 && w.result.failed == 0);
	CHECK(w.result.exit_status == EXIT_DONE && w.cache->count == 0);
	world_close(&w);
}

static const struct test tests[] = {
	{ "no narinfo goes before those it refers to, 1000 times",
	  no_narinfo_goes_before_those_it_refers_to },
	{ "dependents of a failed path fail, and are named",
	  dependents_of_a_failed_path_fail_and_are_named },
	{ "a failed narinfo fails its dependents too",
	  a_failed_narinfo_fails_its_dependents_too },
	{ "a refusal about everything is told once",
	  a_refusal_about_everything_is_told_once },
	{ "a refusal about some paths is told of each",
	  a_refusal_about_some_paths_is_told_of_each },
	{ "an interrupted push ends what it began",
	  an_interrupted_push_ends_what_it_began },
	{ "a cache that takes nothing fails all",
	  a_cache_that_takes_nothing_fails_all },
	{ "nothing to push is done at once", nothing_to_push_is_done_at_once },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
