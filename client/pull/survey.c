/* Theory of operation
 *
 * As soon as a narinfo has come, what it refers to is looked for in the store
 * and, where that lacks it, asked of the cache: no level of the closure waits
 * for the one before it to be complete.  So a closure costs the round trips of
 * its longest chain and no more, as far as connections go round.
 *
 * The store is asked for all paths that one wake-up brought in one go.
 * Temporary roots are taken before that, so that no path that is found valid
 * is collected while others are on their way.
 */
#include "client/pull/survey.h"

#include "client/catalog/entry.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int fail(struct survey *s, int rc, const char *why)
{
	s->exit_status = EXIT_FAILED;
	(void)snprintf(s->why, sizeof(s->why), "%s", why);
	return rc;
}

static int fail_errno(struct survey *s, int rc)
{
	if (rc == -E2BIG)
		return fail(s, rc, "the closure is too large to be pulled");
	return fail(s, rc, strerrordesc_np(-rc));
}

static int list_unchecked(const struct survey *s, struct strings *bases)
{
	int rc = 0;

	for (size_t i = s->checked; i < s->paths->count && rc == 0; i++) {
		const char *base = s->paths->items[i]->base;

		rc = strings_add(bases, base, strlen(base));
	}
	return rc;
}

int survey_check_store(struct survey *s)
{
	cleanup_strings struct strings bases = { .items = NULL };
	cleanup_free bool *valid = NULL;
	struct daemon_error error = { .text = "" };
	int rc = list_unchecked(s, &bases);

	if (rc < 0)
		return fail_errno(s, rc);
	if (bases.count == 0)
		return 0;
	valid = calloc(bases.count, sizeof(*valid));
	if (!valid)
		return fail_errno(s, -ENOMEM);
	rc = daemon_add_temp_roots(s->daemon, &bases, &error);
	if (rc == 0)
		rc = daemon_query_valid(s->daemon, &bases, valid, &error);
	if (rc < 0)
		return fail(s, rc, error.text);
	for (size_t i = 0; i < bases.count; i++) {
		s->paths->items[s->checked++]->state = valid[i] ? PULL_VALID
		                                                : PULL_NEEDED;
	}
	return 0;
}

static int ask(struct survey *s, struct pull_path *path)
{
	const struct cache_step step = {
		.type = CACHE_GET,
		.tag = path->index,
		.key = path->key,
	};

	path->state = PULL_ASKED;
	return cache_submit(s->cache, &step);
}

/* first: paths before it were asked for already. */
static int ask_needed(struct survey *s, size_t first)
{
	int rc = 0;

	for (size_t i = first; i < s->paths->count && rc == 0; i++) {
		struct pull_path *path = s->paths->items[i];

		if (path->state != PULL_NEEDED)
			continue;
		if (path->is_root || s->has_references) {
			rc = ask(s, path);
		} else {
			path->state = PULL_ABSENT;
		}
	}
	return rc;
}

static int add_references(struct survey *s, const struct pull_path *path)
{
	const struct strings *references = &path->info->path.references;
	int rc = 0;

	for (size_t i = 0; i < references->count && rc == 0; i++) {
		struct pull_path *to;

		rc = pull_paths_add(s->paths, references->items[i], &to);
		if (rc == 0 && to != path && to->referrer == PULL_NO_PATH)
			to->referrer = path->index;
	}
	return rc;
}

static int spoil(struct pull_path *path, const char *why)
{
	path->state = PULL_BAD;
	path->why = strdup(why);
	return path->why ? 0 : -ENOMEM;
}

/* A narinfo that cannot be believed fails its path, not the survey: others
 * may be wrong as well, and all of them should be named. */
static int read_entry(struct survey *s, struct pull_path *path,
                      const struct cache_result *result)
{
	const struct entry_question question = {
		.hash_part = path->base,
		.base = path->base,
		.store_dir = s->store_dir,
	};
	char why[ENTRY_WHY_MAX], key[OBJECT_KEY_MAX + 1];
	int rc = -ENOMEM;

	path->info = calloc(1, sizeof(*path->info));
	if (path->info)
		rc = entry_read(result, &question, path->info, why);
	if (rc == -EBADMSG)
		return spoil(path, why);
	if (rc < 0)
		return rc;
	if (entry_nar_key(path->info, key) < 0)
		return spoil(path, "its URL is not one inside the cache");
	path->state = PULL_FOUND;
	return add_references(s, path);
}

static int take_result(struct survey *s, struct cache_result *result)
{
	struct pull_path *path = s->paths->items[result->tag];
	int rc = 0;

	switch (result->outcome) {
	case CACHE_OK:
		s->text_len += result->response.len;
		rc = s->text_len > SURVEY_TEXT_MAX
		             ? -E2BIG
		             : read_entry(s, path, result);
		break;
	case CACHE_MISSING:
		path->state = PULL_ABSENT;
		break;
	case CACHE_EXISTS: /* never of a GET */
	case CACHE_FAILED:
		(void)fail(s, 0, result->error);
		s->exit_status = result->exit_status;
		return -EIO;
	}
	return rc < 0 ? fail_errno(s, rc) : 0;
}

static int take_results(struct survey *s)
{
	struct cache_result result;
	int rc;

	while ((rc = cache_next(s->cache, &result)) == 1) {
		rc = take_result(s, &result);
		buffer_clear(&result.response);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? fail_errno(s, rc) : 0;
}

int survey_ask(struct survey *s)
{
	size_t asked = 0;
	int rc;

	do {
		size_t count = s->paths->count;

		rc = survey_check_store(s);
		if (rc < 0)
			return rc;
		rc = ask_needed(s, asked);
		if (rc == 0 && cache_pending(s->cache) > 0)
			rc = cache_wait(s->cache, NULL, 0, -1);
		if (rc < 0)
			return fail_errno(s, rc);
		asked = count;
		rc = take_results(s);
	} while (rc == 0 &&
	         (asked < s->paths->count || cache_pending(s->cache) > 0));
	return rc;
}
