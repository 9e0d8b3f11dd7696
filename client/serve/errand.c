/* Theory of Operation
 *
 * An errand is one order and the questions that wait for it.  It lives until
 * its order comes back, also when nobody waits any more, for the order borrows
 * its key from it.  An errand for a small object answers all who ask for that
 * object while it is out; a narinfo, or that there is none, then goes to the
 * shelf, unless one was stored meanwhile (is_stale).
 */
#include "client/serve/errand.h"

#include "client/catalog/entry.h"
#include "client/pack/decompress.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHELF_SIZE_MAX     ((size_t)32 * 1024 * 1024)
#define STATUS_BAD_GATEWAY 502
#define STATUS_UNAVAILABLE 503

struct errand {
	struct errand *next;
	struct errand *previous;
	struct question *questions;
	size_t cache;
	bool is_stale;
	bool is_called_off;
	struct conduit *sink; /* a share */
	char key[OBJECT_KEY_MAX + 1];
};

struct errands {
	struct site *site;
	struct shelf *shelf;
	struct errand *out;
};

struct errands *errands_new(struct site *site)
{
	struct errands *errands = calloc(1, sizeof(*errands));

	if (!errands)
		return NULL;
	errands->site = site;
	errands->shelf = shelf_new(SHELF_SIZE_MAX);
	if (errands->shelf)
		return errands;
	free(errands);
	return NULL;
}

static void errand_free(struct errands *errands, struct errand *errand)
{
	if (errand->next)
		errand->next->previous = errand->previous;
	if (errand->previous) {
		errand->previous->next = errand->next;
	} else {
		errands->out = errand->next;
	}
	if (errand->sink)
		conduit_release(errand->sink);
	free(errand);
}

void errands_free(struct errands *errands)
{
	if (!errands)
		return;
	while (errands->out)
		errand_free(errands, errands->out);
	shelf_free(errands->shelf);
	free(errands);
}

static void wait_for(struct errand *errand, struct question *question)
{
	question->finding = FINDING_ASKED;
	question->errand = errand;
	question->next = errand->questions;
	errand->questions = question;
}

/* text is copied. */
static void trouble(struct question *question, int exit_status,
                    struct blob *why)
{
	bool is_agent = exit_status == EXIT_LOCKED ||
	                exit_status == EXIT_NO_AGENT ||
	                exit_status == EXIT_SOURCE;

	question->finding = FINDING_TROUBLE;
	question->status = is_agent ? STATUS_UNAVAILABLE : STATUS_BAD_GATEWAY;
	question->retry_after = is_agent ? ERRAND_RETRY_SECONDS : 0;
	question->blob = why ? blob_share(why) : NULL;
}

/* An order for an errand that is linked; NULL when out of memory. */
static struct order *begin(struct errands *errands, enum order_type type,
                           size_t cache, const char *key,
                           struct question *question)
{
	struct errand *errand = calloc(1, sizeof(*errand));
	struct order *order = order_new(type, NULL);

	if (!errand || !order) {
		free(errand);
		order_free(order);
		trouble(question, EXIT_FAILED, NULL);
		return NULL;
	}
	errand->cache = cache;
	(void)snprintf(errand->key, sizeof(errand->key), "%s", key);
	errand->next = errands->out;
	if (errand->next)
		errand->next->previous = errand;
	errands->out = errand;
	wait_for(errand, question);

	order->errand = errand;
	order->step.key = errand->key;
	return order;
}

static struct errand *find_lookup(struct errands *errands, size_t cache,
                                  const char *key)
{
	struct errand *errand = errands->out;

	while (errand && (errand->cache != cache || errand->is_stale ||
	                  strcmp(errand->key, key) != 0))
		errand = errand->next;
	return errand;
}

static bool is_narinfo(const char *key)
{
	return object_key_kind(key, strlen(key)) == OBJECT_KEY_NARINFO;
}

static bool find_on_shelf(struct errands *errands, size_t cache,
                          const char *key, struct question *question)
{
	const struct shelf_place place = { .cache = cache, .hash_part = key };
	struct blob *blob;

	switch (shelf_find(errands->shelf, &place, clock_boot_ms(), &blob)) {
	case SHELF_UNKNOWN:
		return false;
	case SHELF_MISSING:
		question->finding = FINDING_MISS;
		return true;
	case SHELF_FOUND:
		question->finding = FINDING_HIT;
		question->blob = blob_share(blob);
		return true;
	}
	return false;
}

void errand_look_up(struct errands *errands, size_t cache, const char *key,
                    struct question *question)
{
	struct errand *errand;
	struct order *order;

	if (is_narinfo(key) && find_on_shelf(errands, cache, key, question))
		return;
	errand = find_lookup(errands, cache, key);
	if (errand) {
		wait_for(errand, question);
		return;
	}
	order = begin(errands, ORDER_STEP, cache, key, question);
	if (!order)
		return;
	order->step.type = CACHE_GET;
	upstream_submit(errands->site->caches[cache].upstream, order);
}

void errand_check(struct errands *errands, size_t cache, const char *key,
                  struct question *question)
{
	struct order *order = begin(errands, ORDER_STEP, cache, key, question);

	if (!order)
		return;
	order->step.type = CACHE_CHECK;
	upstream_submit(errands->site->caches[cache].upstream, order);
}

void errand_locate(struct errands *errands, size_t cache, const char *key,
                   struct question *question)
{
	struct order *order = begin(errands, ORDER_URL, cache, key, question);

	if (!order)
		return;
	order->expires = ERRAND_URL_SECONDS;
	upstream_submit(errands->site->caches[cache].upstream, order);
}

void errand_fetch(struct errands *errands, size_t cache, const char *key,
                  const struct errand_stretch *stretch,
                  struct question *question)
{
	struct order *order = begin(errands, ORDER_STEP, cache, key, question);

	if (!order)
		return;
	order->errand->sink = conduit_share(stretch->sink);
	order->step.type = CACHE_FETCH;
	order->step.sink = stretch->sink;
	order->step.offset = stretch->offset;
	order->step.length = stretch->length;
	upstream_submit(errands->site->caches[cache].streams, order);
}

void question_clear(struct question *question, bool is_called_off)
{
	struct errand *errand = question->errand;

	if (errand) {
		struct question **at = &errand->questions;

		while (*at != question)
			at = &(*at)->next;
		*at = question->next;
		errand->is_called_off = is_called_off && !errand->questions;
	}
	blob_release(question->blob);
	if (question->url) {
		explicit_bzero(question->url, strlen(question->url));
		free(question->url);
	}
	*question = (struct question){ .finding = FINDING_NONE };
}

/* The narinfo as Nix gets it: what is not well-formed in it was dropped, and
 * its URL is a key of ours. */
static int rewrite(struct narinfo *info, const char *store_dir,
                   struct blob **ret_blob, char why[ENTRY_WHY_MAX])
{
	static const char line[] = "\nURL: ";
	cleanup_buffer struct buffer text = { .data = NULL };
	char key[OBJECT_KEY_MAX + 1];
	char *url, *at;
	int rc;

	if (entry_nar_key(info, key) < 0) {
		(void)snprintf(
			why, ENTRY_WHY_MAX,
			"%.32s.narinfo: names a NAR that lies where none "
			"may lie in a cache",
			info->path.base);
		return -EBADMSG;
	}
	url = strdup(key);
	if (!url)
		return -ENOMEM;
	free(info->url);
	info->url = url;

	buffer_init(&text, NARINFO_SIZE_MAX);
	rc = narinfo_format(info, store_dir, &text);
	if (rc < 0 || !buffer_text(&text))
		return rc < 0 ? rc : -ENOMEM;
	*ret_blob = blob_new(buffer_bytes(&text));
	if (!*ret_blob)
		return -ENOMEM;
	at = strstr((const char *)text.data, line);
	if (at) {
		(*ret_blob)->url_at =
			(size_t)(at - (char *)text.data) + strlen(line);
	}
	return 0;
}

static int read_narinfo(const struct errands *errands,
                        const struct errand *errand,
                        const struct cache_result *answer,
                        struct blob **ret_blob, char why[ENTRY_WHY_MAX])
{
	const struct agent_cache *config =
		errands->site->caches[errand->cache].config;
	char hash_part[STORE_PATH_HASH_LEN + 1];
	const struct entry_question asked = {
		.hash_part = hash_part,
		.store_dir = config->store_dir,
	};
	struct narinfo info;
	int rc;

	memcpy(hash_part, errand->key, STORE_PATH_HASH_LEN);
	hash_part[STORE_PATH_HASH_LEN] = '\0';
	rc = entry_read(answer, &asked, &info, why);
	if (rc < 0)
		return rc;
	rc = rewrite(&info, config->store_dir, ret_blob, why);
	narinfo_clear(&info);
	return rc;
}

static int read_small(const struct cache_result *answer, const char *key,
                      struct blob **ret_blob, char why[ENTRY_WHY_MAX])
{
	cleanup_buffer struct buffer text = { .data = NULL };
	int rc;

	buffer_init(&text, ERRAND_SMALL_MAX);
	rc = decompress_whole(answer->encoding, buffer_bytes(&answer->response),
	                      &text);
	if (rc < 0) {
		(void)snprintf(why, ENTRY_WHY_MAX, "%s: decode %s: %s", key,
		               answer->encoding, strerror(-rc));
		return rc;
	}
	*ret_blob = blob_new(buffer_bytes(&text));
	return *ret_blob ? 0 : -ENOMEM;
}

static void shelve(struct errands *errands, const struct errand *errand,
                   struct blob *blob)
{
	const struct shelf_place place = { .cache = errand->cache,
		                           .hash_part = errand->key };

	if (is_narinfo(errand->key) && !errand->is_stale)
		shelf_put(errands->shelf, &place, blob, clock_boot_ms());
}

/* What a GET brought: an object, or what is wrong with it. */
static int read_object(struct errands *errands, const struct errand *errand,
                       const struct cache_result *answer,
                       struct blob **ret_blob, struct trouble *ret_trouble)
{
	char why[ENTRY_WHY_MAX] = "";
	int rc = is_narinfo(errand->key)
	                 ? read_narinfo(errands, errand, answer, ret_blob, why)
	                 : read_small(answer, errand->key, ret_blob, why);

	if (rc == 0) {
		shelve(errands, errand, *ret_blob);
		return 0;
	}
	ret_trouble->exit_status = EXIT_FAILED;
	(void)snprintf(ret_trouble->why, sizeof(ret_trouble->why),
	               "cache %s: %s",
	               errands->site->caches[errand->cache].config->name,
	               why[0] ? why : strerror(-rc));
	return rc;
}

static void note_failure(const struct errands *errands,
                         const struct errand *errand,
                         const struct cache_result *answer,
                         struct trouble *ret_trouble)
{
	if (errand->is_called_off && errand->sink)
		return;
	ret_trouble->exit_status = answer->exit_status ? answer->exit_status
	                                               : EXIT_FAILED;
	(void)snprintf(ret_trouble->why, sizeof(ret_trouble->why),
	               "cache %s: %s",
	               errands->site->caches[errand->cache].config->name,
	               answer->error);
}

static void answer_all(struct errand *errand, enum finding finding,
                       struct order *order, struct blob *blob)
{
	for (struct question *q = errand->questions; q; q = q->next) {
		q->errand = NULL;
		q->finding = finding;
		q->size = order->result.size;
		q->blob = blob ? blob_share(blob) : NULL;
		/* Only one asks for a URL. */
		if (!q->url)
			q->url = take_ptr(order->url);
	}
}

static enum finding judge(struct errands *errands, struct errand *errand,
                          struct order *order, struct blob **ret_blob,
                          struct trouble *ret_trouble)
{
	const struct cache_result *answer = &order->result;
	bool is_get = order->type == ORDER_STEP &&
	              order->step.type == CACHE_GET;

	switch (answer->outcome) {
	case CACHE_OK:
	case CACHE_EXISTS:
		if (is_get && read_object(errands, errand, answer, ret_blob,
		                          ret_trouble) < 0)
			return FINDING_TROUBLE;
		return FINDING_HIT;
	case CACHE_MISSING:
		if (is_get)
			shelve(errands, errand, NULL);
		return FINDING_MISS;
	case CACHE_FAILED:
		note_failure(errands, errand, answer, ret_trouble);
		return FINDING_TROUBLE;
	}
	return FINDING_TROUBLE;
}

struct question *errand_settle(struct errands *errands, struct order *order,
                               struct trouble *ret_trouble)
{
	struct errand *errand = order->errand;
	struct question *questions = errand->questions;
	struct blob *blob = NULL;
	enum finding finding;

	*ret_trouble = (struct trouble){ .exit_status = 0 };
	finding = judge(errands, errand, order, &blob, ret_trouble);
	if (finding == FINDING_TROUBLE) {
		blob = blob_of_text(ret_trouble->why);
		for (struct question *q = questions; q; q = q->next) {
			q->errand = NULL;
			trouble(q, ret_trouble->exit_status, blob);
		}
	} else {
		answer_all(errand, finding, order, blob);
	}
	blob_release(blob);
	order_free(order);
	errand_free(errands, errand);
	return questions;
}

void errands_forget(struct errands *errands, size_t cache, const char *key)
{
	const struct shelf_place place = { .cache = cache, .hash_part = key };
	struct errand *errand;

	if (is_narinfo(key))
		shelf_forget(errands->shelf, &place);
	while ((errand = find_lookup(errands, cache, key)))
		errand->is_stale = true;
}
