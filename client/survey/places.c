#include "client/survey/places.h"

#include "client/cache/names.h"
#include "client/catalog/entry.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/text.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_AGAIN_MS 1000
#define UNDER_WAY_MAX 256U

struct search {
	struct cache *cache;
	const char *store_dir;
	enum places_kind kind;
	struct place *places;
	size_t count;
	size_t next; /* the first that was not asked for yet */
};

void places_free(struct place *places, size_t count)
{
	for (size_t i = 0; places && i < count; i++)
		free(places[i].error);
	free(places);
}

static int refuse(struct place *place, int exit_status, const char *text)
{
	place->exit_status = exit_status;
	place->error = strdup(text);
	return place->error ? 0 : -ENOMEM;
}

static int refuse_word(struct place *place, const char *what)
{
	char text[1024], shown[512];

	assert(place->word);
	text_printable(place->word, strlen(place->word), shown, sizeof(shown));
	(void)snprintf(text, sizeof(text), "%s: %s", shown, what);
	return refuse(place, EXIT_FAILED, text);
}

/* A store path may itself be a link: the first step of ./result may not go
 * through it. */
static bool is_linked(const char *store_dir, const char *word,
                      char base[STORE_PATH_BASE_SIZE])
{
	char target[PATH_MAX];
	ssize_t len = readlink(word, target, sizeof(target) - 1);

	if (len > 0) {
		target[len] = '\0';
		if (store_path_of(store_dir, target, base) == 0)
			return true;
	}
	return realpath(word, target) &&
	       store_path_of(store_dir, target, base) == 0;
}

static int read_word(const struct search *s, struct place *place)
{
	const char *word = place->word;
	size_t len = strlen(word);

	if (object_key_kind(word, len) != OBJECT_KEY_INVALID) {
		memcpy(place->key, word, len + 1);
		return 0;
	}
	if (store_path_of(s->store_dir, word, place->base) == 0 ||
	    is_linked(s->store_dir, word, place->base)) {
		names_format_narinfo(place->base, place->key);
		return 0;
	}
	place->base[0] = '\0';
	return refuse_word(place, "neither a store path nor the name of an "
	                          "object that a cache may have");
}

/* Of a path its narinfo is read, of a key only whether it is there. */
static int ask(struct search *s, size_t index)
{
	struct place *place = &s->places[index];
	struct cache_step step = { .tag = index, .key = place->key };
	int rc = read_word(s, place);

	if (rc < 0 || place->error)
		return rc;
	step.type = place->base[0] ? CACHE_GET : CACHE_CHECK;
	return cache_submit(s->cache, &step);
}

static int read_narinfo(struct search *s, struct place *place,
                        const struct cache_result *result)
{
	const struct entry_question question = {
		.hash_part = place->base,
		.base = place->base,
		.store_dir = s->store_dir,
	};
	struct cache_step step = { .type = CACHE_CHECK, .tag = result->tag };
	struct narinfo info;
	char why[ENTRY_WHY_MAX];
	int rc = entry_read(result, &question, &info, why);

	if (rc == -EBADMSG)
		return refuse(place, EXIT_FAILED, why);
	if (rc < 0)
		return rc;
	if (s->kind == PLACES_NARINFO) {
		narinfo_clear(&info);
		return 0;
	}
	rc = entry_nar_key(&info, place->key);
	narinfo_clear(&info);
	if (rc < 0) {
		return refuse_word(place, "the URL in its narinfo is not an "
		                          "object of this cache");
	}
	step.key = place->key;
	return cache_submit(s->cache, &step);
}

static int take(struct search *s, const struct cache_result *result)
{
	struct place *place = &s->places[result->tag];

	switch (result->outcome) {
	case CACHE_OK:
		return result->type == CACHE_GET
		               ? read_narinfo(s, place, result)
		               : 0;
	case CACHE_MISSING:
	case CACHE_EXISTS:
		return refuse_word(place,
		                   place->base[0] && result->type == CACHE_CHECK
		                           ? "its narinfo is in the cache, but "
		                             "its NAR is not: push it again"
		                           : "not in the cache");
	case CACHE_FAILED:
		return refuse(place, result->exit_status, result->error);
	}
	return -EINVAL;
}

static int take_all(struct search *s)
{
	struct cache_result result;
	int rc;

	while ((rc = cache_next(s->cache, &result)) == 1) {
		rc = take(s, &result);
		buffer_clear(&result.response);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int run(struct search *s)
{
	int rc = 0;

	while (rc == 0 && (s->next < s->count || cache_pending(s->cache) > 0)) {
		while (rc == 0 && s->next < s->count &&
		       cache_pending(s->cache) < UNDER_WAY_MAX)
			rc = ask(s, s->next++);
		if (rc == 0)
			rc = take_all(s);
		if (rc == 0 && cache_pending(s->cache) > 0)
			rc = cache_wait(s->cache, NULL, 0, WAIT_AGAIN_MS);
	}
	return rc;
}

/* What is still under way after a failure borrows from the places until the
 * cache is closed: they stay the caller's. */
int places_find(const struct session *session, const struct strings *words,
                enum places_kind kind, struct place **ret_places)
{
	struct search s = {
		.cache = session->cache,
		.store_dir = session->config->store_dir,
		.kind = kind,
		.count = words->count,
	};

	s.places = calloc(words->count + 1, sizeof(*s.places));
	if (!s.places)
		return -ENOMEM;
	for (size_t i = 0; i < words->count; i++)
		s.places[i].word = words->items[i];
	*ret_places = s.places;
	return run(&s);
}
