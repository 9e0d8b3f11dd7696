#include "tests/lib/fake_cache.h"

#include "protocol/base/exit_status.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VAIN_MAX 20000 /* waits without an answer: it has come to a stop */

struct cache *fake_cache_new(unsigned seed)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		abort();
	cache->random = (seed * 2654435761U) | 1;
	return cache;
}

void fake_cache_free(struct cache *cache)
{
	if (!cache)
		return;
	free(cache->steps);
	free(cache);
}

/* Marsaglia's xorshift. */
unsigned fake_cache_random(unsigned *state, unsigned below)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % below;
}

const struct fake_step *fake_cache_last(const struct cache *cache)
{
	return cache->count > 0 ? &cache->steps[cache->count - 1] : NULL;
}

size_t fake_cache_count(const struct cache *cache, enum cache_step_type type,
                        const char *key)
{
	size_t count = 0;

	for (size_t i = 0; i < cache->count; i++) {
		const struct fake_step *s = &cache->steps[i];

		count += s->step.type == type &&
		         (!key || strcmp(s->key, key) == 0);
	}
	return count;
}

static void copy_body(const struct cache_step *step,
                      char out[FAKE_CACHE_BODY_MAX])
{
	size_t len = step->body_len < FAKE_CACHE_BODY_MAX - 1
	                     ? step->body_len
	                     : FAKE_CACHE_BODY_MAX - 1;

	if (step->body)
		memcpy(out, step->body, len);
	out[len] = '\0';
}

static void note(struct cache *cache, const struct cache_step *step)
{
	struct fake_step *s = &cache->steps[cache->count++];
	size_t at = 0;

	*s = (struct fake_step){ .step = *step, .submitted_at = ++cache->now };
	(void)snprintf(s->key, sizeof(s->key), "%s", step->key);
	(void)snprintf(s->after, sizeof(s->after), "%s",
	               step->after ? step->after : "");
	(void)snprintf(s->upload_id, sizeof(s->upload_id), "%s",
	               step->upload_id ? step->upload_id : "");
	copy_body(step, s->body);
	for (size_t i = 0;
	     step->etags && i < step->etags->count && at < sizeof(s->etags);
	     i++) {
		at += (size_t)snprintf(s->etags + at, sizeof(s->etags) - at,
		                       "%s,", step->etags->items[i]);
	}
}

int cache_submit(struct cache *cache, const struct cache_step *step)
{
	if (cache->submit_error < 0)
		return cache->submit_error;
	cache->steps = reallocarray(cache->steps, cache->count + 1,
	                            sizeof(*cache->steps));
	if (!cache->steps)
		abort();
	note(cache, step);
	cache->pending++;
	return 0;
}

/* What the step borrows must still be as it was. */
static bool still_lent(const struct fake_step *s)
{
	char body[FAKE_CACHE_BODY_MAX];

	copy_body(&s->step, body);
	return strcmp(s->step.key, s->key) == 0 && strcmp(body, s->body) == 0 &&
	       (!s->step.after || strcmp(s->step.after, s->after) == 0) &&
	       (!s->step.upload_id ||
	        strcmp(s->step.upload_id, s->upload_id) == 0);
}

static void add_object(struct cache_listing *listing, const char *key)
{
	struct cache_object *object = &listing->objects[listing->count++];

	object->key = strdup(key);
	if (!object->key)
		abort();
}

/* The page that the step asks for, or the one that its server gives. */
static struct cache_listing *make_listing(const struct cache *cache,
                                          const struct fake_step *s)
{
	struct cache_listing *listing = calloc(1, sizeof(*listing));
	size_t max = s->step.page_size, left = 0;

	if (cache->list == FAKE_LIST_SHORT || cache->list == FAKE_LIST_EMPTY)
		max = cache->list == FAKE_LIST_SHORT;
	if (!listing)
		abort();
	listing->objects = calloc(max + 1, sizeof(*listing->objects));
	listing->is_gapless = cache->list != FAKE_LIST_UNORDERED;
	for (size_t i = 0; cache->objects && i < cache->objects->count; i++) {
		const char *key = cache->objects->items[i];

		if (strncmp(key, s->key, strlen(s->key)) != 0)
			continue;
		if (strcmp(key, s->after) <= 0) {
			if (cache->list != FAKE_LIST_FROM_START)
				continue;
			listing->is_gapless = false;
		}
		if (listing->count < max &&
		    (cache->list != FAKE_LIST_UNORDERED || i % 3 != 0)) {
			add_object(listing, key);
		} else {
			left++;
		}
	}
	if (left > 0 || cache->list == FAKE_LIST_EMPTY)
		listing->token = strdup("more");
	return listing;
}

struct cache_result fake_cache_result(struct cache *cache, size_t index,
                                      enum cache_outcome outcome,
                                      const char *text)
{
	struct fake_step *s = &cache->steps[index];
	struct cache_result result = {
		.type = s->step.type,
		.tag = s->step.tag,
		.outcome = outcome,
	};

	if (!still_lent(s))
		cache->lent_and_lost = true;
	s->answered_at = ++cache->now;
	s->outcome = outcome;
	cache->pending--;
	(void)snprintf(result.text, sizeof(result.text), "%s", text);
	if (outcome == CACHE_FAILED) {
		result.exit_status = EXIT_FAILED;
		(void)snprintf(result.error, sizeof(result.error),
		               "%s: said a test", s->key);
	}
	if (outcome == CACHE_FAILED && s->step.type == CACHE_LIST &&
	    cache->list == FAKE_LIST_LOCKED)
		result.exit_status = EXIT_LOCKED;
	if (outcome == CACHE_OK && s->step.type == CACHE_LIST)
		result.listing = make_listing(cache, s);
	if (s->step.type == CACHE_GET && outcome == CACHE_OK) {
		buffer_init(&result.response, FAKE_CACHE_BODY_MAX);
		buffer_append_text(&result.response, cache->text);
	}
	return result;
}

static enum cache_outcome decide_list(const struct cache *cache,
                                      const struct fake_step *s)
{
	bool is_first = true;

	for (const struct fake_step *t = cache->steps; t < s; t++)
		is_first = is_first && t->step.type != CACHE_LIST;
	return cache->list == FAKE_LIST_REFUSED ||
	                       cache->list == FAKE_LIST_LOCKED ||
	                       (cache->list == FAKE_LIST_FIRST_REFUSED &&
	                        is_first)
	               ? CACHE_FAILED
	               : CACHE_OK;
}

static enum cache_outcome decide_check(struct cache *cache, const char *key,
                                       unsigned dice)
{
	if (cache->objects) {
		return strings_contain(cache->objects, key) ? CACHE_OK
		                                            : CACHE_MISSING;
	}
	return dice < cache->present_percent ? CACHE_OK : CACHE_MISSING;
}

static enum cache_outcome decide(struct cache *cache, const struct fake_step *s)
{
	unsigned dice = fake_cache_random(&cache->random, 100);

	if (cache->failing_key && strcmp(s->key, cache->failing_key) == 0)
		return CACHE_FAILED;
	if (s->step.type == CACHE_CHECK)
		return decide_check(cache, s->key, dice);
	if (s->step.type == CACHE_LIST)
		return decide_list(cache, s);
	if (s->step.type == CACHE_GET && !cache->text)
		return CACHE_MISSING;
	return s->step.type != CACHE_ABORT && dice < cache->fail_percent
	               ? CACHE_FAILED
	               : CACHE_OK;
}

static struct cache_result answer(struct cache *cache, size_t index)
{
	const struct fake_step *s = &cache->steps[index];
	char text[32];

	(void)snprintf(text, sizeof(text), "%s%zu",
	               s->step.type == CACHE_BEGIN ? "id-" : "etag-", index);
	return fake_cache_result(cache, index, decide(cache, s), text);
}

int cache_next(struct cache *cache, struct cache_result *ret_result)
{
	size_t skip;

	if (cache->pending == 0 || fake_cache_random(&cache->random, 3) == 0)
		return 0;
	skip = fake_cache_random(&cache->random, (unsigned)cache->pending);
	for (size_t i = 0; i < cache->count; i++) {
		if (cache->steps[i].answered_at > 0 || skip-- > 0)
			continue;
		*ret_result = answer(cache, i);
		cache->waits_in_vain = 0;
		return 1;
	}
	abort();
}

bool cache_is_remote(const struct cache *cache)
{
	return !cache->is_folder;
}

size_t cache_pending(const struct cache *cache)
{
	return cache->pending;
}

int cache_wait(struct cache *cache, struct pollfd *extra, unsigned extra_count,
               int timeout_ms)
{
	(void)timeout_ms;
	if (++cache->waits == cache->raise_after)
		(void)raise(SIGTERM);
	if (++cache->waits_in_vain > VAIN_MAX)
		return -EDEADLK;
	return extra_count > 0 && poll(extra, extra_count, 0) < 0 ? -errno : 0;
}

int cache_run(struct cache *cache, const struct cache_step *step,
              struct cache_result *ret_result)
{
	int rc = cache_submit(cache, step);

	if (rc == 0)
		*ret_result = answer(cache, cache->count - 1);
	return rc;
}

uint64_t cache_bytes_sent(const struct cache *cache)
{
	return cache->count;
}
