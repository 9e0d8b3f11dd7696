/* Theory of operation
 *
 * What the journal does not know is asked of the cache: of a bucket by lists
 * and lookups (HEAD) as presence_plan.h has it, of a folder by lookups alone.
 * Names are kept in the order of their keys, so that those of a range stand
 * side by side.  A name is open until it is settled by one of these:
 *
 *   its key is in a list                                    there
 *   a list without gaps went by where it would have been    not there
 *   its lookup is answered                                  there or not
 *
 * A list that cannot be had (a key may lack the right to list, and so may a
 * socket of the agent), or that is not what was asked for, settles nothing but
 * what is in it; the rest of its range is looked up, and no more is listed.
 */
#include "client/push/presence.h"

#include "client/cache/names.h"
#include "client/push/presence_plan.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY_CHECKS 1000 /* a second and more at 50 ms */

struct name {
	char key[NAMES_NARINFO_SIZE];
	uint64_t position;
	size_t index; /* in bases */
	bool is_settled;
};

/* A list request; its texts are lent to the cache. */
struct list {
	struct presence_range range;
	char prefix[PRESENCE_TEXT_SIZE];
	char after[PRESENCE_TEXT_SIZE];
};

struct inquiry {
	const struct presence_question *question;
	struct presence_answer *answer;
	struct name *names; /* owned; in the order of their keys */
	size_t count;
	struct list **lists; /* owned */
	size_t list_count;
	char why_no_lists[sizeof(((struct cache_result *)NULL)->error)];
};

static void inquiry_clear(struct inquiry *q)
{
	for (size_t i = 0; i < q->list_count; i++)
		free(q->lists[i]);
	free(q->lists);
	free(q->names);
}

static int compare_names(const void *a, const void *b)
{
	const struct name *one = a, *other = b;

	return strcmp(one->key, other->key);
}

/* Those that are not present already. */
static int make_names(struct inquiry *q)
{
	const struct strings *bases = q->question->bases;

	q->names = calloc(bases->count + 1, sizeof(*q->names));
	if (!q->names)
		return -ENOMEM;
	for (size_t i = 0; i < bases->count; i++) {
		struct name *name = &q->names[q->count];

		if (q->answer->present[i])
			continue;
		names_format_narinfo(bases->items[i], name->key);
		name->position = presence_position(name->key);
		name->index = i;
		q->count++;
	}
	qsort(q->names, q->count, sizeof(*q->names), compare_names);
	return 0;
}

/* The first name at or after that position. */
static size_t find_name(const struct inquiry *q, uint64_t position)
{
	size_t low = 0, high = q->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (q->names[middle].position < position) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static void settle(struct inquiry *q, size_t index, bool is_present)
{
	struct name *name = &q->names[index];

	name->is_settled = true;
	q->answer->present[name->index] = is_present;
}

/* Looks up what is open between two positions. */
static int check_names(struct inquiry *q, uint64_t from, uint64_t to)
{
	size_t end = find_name(q, to);
	int rc = 0;

	for (size_t i = find_name(q, from); i < end && rc == 0; i++) {
		const struct cache_step step = { .type = CACHE_CHECK,
			                         .tag = i,
			                         .key = q->names[i].key };

		if (q->names[i].is_settled)
			continue;
		rc = cache_submit(q->question->cache, &step);
		q->answer->checks += rc == 0;
	}
	return rc;
}

static int submit_list(struct inquiry *q, const struct presence_range *range)
{
	struct list **lists = reallocarray(q->lists, q->list_count + 1,
	                                   sizeof(struct list *));
	struct list *list = calloc(1, sizeof(*list));
	struct cache_step step = { .type = CACHE_LIST, .tag = q->list_count };
	int rc;

	if (lists)
		q->lists = lists;
	if (!lists || !list) {
		free(list);
		return -ENOMEM;
	}
	q->lists[q->list_count++] = list;
	list->range = *range;
	presence_range_format(range, list->prefix, list->after);
	step.key = list->prefix;
	step.after = list->after[0] ? list->after : NULL;
	step.page_size = range->page_size;
	rc = cache_submit(q->question->cache, &step);
	q->answer->lists += rc == 0;
	return rc;
}

/* Both are in the order of their keys. */
static void settle_seen(struct inquiry *q, const struct presence_range *range,
                        const struct cache_listing *listing)
{
	size_t i = find_name(q, range->from);

	for (size_t k = 0; k < listing->count; k++) {
		const char *key = listing->objects[k].key;

		while (i < q->count && strcmp(q->names[i].key, key) < 0)
			i++;
		for (; i < q->count && strcmp(q->names[i].key, key) == 0; i++)
			settle(q, i, true);
	}
}

/* How far the page tells what is not there. */
static uint64_t find_reached(const struct presence_range *range,
                             const struct cache_listing *listing)
{
	uint64_t reached;

	if (!listing->is_gapless || (listing->token && listing->count == 0))
		return range->from;
	if (!listing->token)
		return range->to;
	reached = presence_position(listing->objects[listing->count - 1].key);
	return reached < range->to ? reached : range->to;
}

static size_t count_root_names(const struct cache_listing *listing)
{
	size_t count = 0;

	for (size_t i = 0; i < listing->count; i++)
		count += strchr(listing->objects[i].key, '/') == NULL;
	return count;
}

/* Settles what was passed by, and returns how many are open behind that. */
static size_t settle_passed(struct inquiry *q,
                            const struct presence_range *range,
                            uint64_t reached)
{
	size_t end = find_name(q, range->to), open = 0;

	for (size_t i = find_name(q, range->from); i < end; i++) {
		if (q->names[i].is_settled)
			continue;
		if (q->names[i].position < reached) {
			settle(q, i, false);
		} else {
			open++;
		}
	}
	return open;
}

static int go_on(struct inquiry *q, const struct presence_range *range,
                 const struct presence_page *page)
{
	size_t parts = q->why_no_lists[0] ? 0 : presence_plan_rest(range, page);
	int rc = 0;

	if (parts == 0)
		return check_names(q, page->reached, range->to);
	for (size_t i = 0; i < parts && rc == 0; i++) {
		struct presence_range part =
			presence_plan_part(range, page, parts, i);

		rc = submit_list(q, &part);
	}
	return rc;
}

static int take_page(struct inquiry *q, const struct presence_range *range,
                     const struct cache_listing *listing)
{
	struct presence_page page = {
		.names = count_root_names(listing),
		.reached = find_reached(range, listing),
	};

	if (!listing->is_gapless) {
		(void)snprintf(q->why_no_lists, sizeof(q->why_no_lists),
		               "the server's list is not in order, or not what "
		               "was asked for");
	}
	settle_seen(q, range, listing);
	page.wanted = settle_passed(q, range, page.reached);
	return page.wanted > 0 ? go_on(q, range, &page) : 0;
}

/* Of what the server or a rule refuses; where there is no agent or no key,
 * another request would only ask a person again. */
static bool can_do_without(const struct cache_result *result)
{
	return result->exit_status == EXIT_FAILED ||
	       result->exit_status == EXIT_POLICY;
}

static int take_list(struct inquiry *q, struct cache_result *result,
                     struct cache_result *ret_failure)
{
	const struct presence_range *range;

	assert(result->tag < q->list_count);
	range = &q->lists[result->tag]->range;
	if (result->outcome == CACHE_OK) {
		int rc = take_page(q, range, result->listing);

		cache_listing_free(result->listing);
		return rc;
	}
	if (!can_do_without(result)) {
		*ret_failure = *result;
		return 1;
	}
	memcpy(q->why_no_lists, result->error, sizeof(q->why_no_lists));
	return check_names(q, range->from, range->to);
}

/* 1: it has failed. */
static int take_result(struct inquiry *q, struct cache_result *result,
                       struct cache_result *ret_failure)
{
	if (result->type == CACHE_LIST)
		return take_list(q, result, ret_failure);
	if (result->outcome == CACHE_FAILED) {
		*ret_failure = *result;
		return 1;
	}
	if (result->type == CACHE_GET) {
		q->answer->along = *result;
		q->answer->has_along = true;
	} else {
		settle(q, result->tag, result->outcome == CACHE_OK);
	}
	return 0;
}

static int take_results(struct inquiry *q, struct cache_result *ret_failure)
{
	struct cache *cache = q->question->cache;
	struct cache_result result;
	int rc = 0;

	while (cache_pending(cache) > 0 && rc == 0) {
		rc = cache_wait(cache, NULL, 0, -1);
		while (rc == 0 && (rc = cache_next(cache, &result)) == 1)
			rc = take_result(q, &result, ret_failure);
	}
	return rc;
}

static int submit_first(struct inquiry *q)
{
	struct presence_range ranges[PRESENCE_FIRST_MAX];
	size_t count = 0;
	int rc = 0;

	if (q->question->along)
		rc = cache_submit(q->question->cache, q->question->along);
	/* A folder's list is a scan of it all. */
	if (cache_is_remote(q->question->cache))
		count = presence_plan_first(q->count, ranges);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = submit_list(q, &ranges[i]);
	if (count == 0 && rc == 0)
		rc = check_names(q, 0, PRESENCE_END);
	return rc;
}

static int note_found(const struct inquiry *q)
{
	cleanup_strings struct strings found = { .items = NULL };
	int rc = 0;

	for (size_t i = 0; i < q->count && rc == 0; i++) {
		size_t index = q->names[i].index;
		const char *base = q->question->bases->items[index];

		if (q->answer->present[index])
			rc = strings_add(&found, base, strlen(base));
	}
	if (rc == 0 && found.count > 0) {
		rc = journal_add_known(q->question->journal, q->question->store,
		                       &found);
	}
	return rc;
}

/* Without its journal a push is slower, not wrong. */
static void ask_journal(const struct presence_question *question,
                        struct presence_answer *answer)
{
	size_t count = question->bases->count;

	if (question->max_age_s <= 0)
		return;
	if (journal_find_known(question->journal, question->store,
	                       question->bases, question->max_age_s,
	                       answer->present) < 0)
		memset(answer->present, 0, count * sizeof(*answer->present));
	for (size_t i = 0; i < count; i++)
		answer->known += answer->present[i];
}

int presence_ask(const struct presence_question *question,
                 struct presence_answer *answer,
                 struct cache_result *ret_failure)
{
	cleanup(inquiry_clear) struct inquiry q = { .question = question,
		                                    .answer = answer };
	int rc;

	ask_journal(question, answer);
	rc = make_names(&q);
	if (rc == 0 && q.count > 0)
		rc = submit_first(&q);
	if (rc == 0)
		rc = take_results(&q, ret_failure);
	if (rc != 0)
		return rc;
	if (q.why_no_lists[0] && answer->checks >= MANY_CHECKS) {
		(void)snprintf(answer->notice, sizeof(answer->notice),
		               "the cache cannot be listed, so %zu paths were "
		               "asked for one by one: %s",
		               answer->checks, q.why_no_lists);
	}
	(void)note_found(&q);
	return 0;
}
