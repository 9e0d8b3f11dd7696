/* Theory of Operation
 *
 * Two lists of orders under one lock: asked (by the loop) and done (for the
 * loop).  The thread empties the first, gives steps to its cache, asks the
 * agent for all URLs that are wanted in one call and for signatures path by
 * path, and waits in cache_wait(), where its own eventfd wakes it.  An order
 * that the cache has is known by its address, which is the step's tag inside.
 *
 * The thread is the only one that touches its cache and its agent connection
 * once it runs.
 */
#include "client/serve/upstream.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define WAIT_AGAIN_MS 60000
#define SENTENCE_MAX  768
#define URLS_MAX      64 /* in one call to the agent */

struct orders {
	struct order *first;
	struct order *last;
};

struct upstream {
	const struct agent_cache *config;
	unsigned connections;
	struct agent *agent;
	struct cache *cache; /* NULL: to be opened anew */
	int done_fd;         /* borrowed */
	int wake_fd;
	bool has_thread;
	pthread_t thread;
	size_t pending; /* the loop's count */

	pthread_mutex_t lock; /* of what follows */
	struct orders asked;
	struct orders done;
	bool is_ending;

	/* The thread's. */
	struct order *held; /* with the cache; a list through next */
	struct s3_object_request asked_for[URLS_MAX];
	struct agent_signed_request given[URLS_MAX];
};

static void append(struct orders *list, struct order *order)
{
	order->next = NULL;
	if (list->last) {
		list->last->next = order;
	} else {
		list->first = order;
	}
	list->last = order;
}

static struct order *pop(struct orders *list)
{
	struct order *order = list->first;

	if (!order)
		return NULL;
	list->first = order->next;
	if (!list->first)
		list->last = NULL;
	order->next = NULL;
	return order;
}

struct order *order_new(enum order_type type, void *owner)
{
	struct order *order = calloc(1, sizeof(*order));

	if (order) {
		order->type = type;
		order->owner = owner;
	}
	return order;
}

void order_free(struct order *order)
{
	if (!order)
		return;
	buffer_clear(&order->result.response);
	cache_listing_free(order->result.listing);
	if (order->url) {
		explicit_bzero(order->url, strlen(order->url));
		free(order->url);
	}
	strings_clear(&order->signatures);
	free(order);
}

static void free_orders(struct orders *list)
{
	struct order *order;

	while ((order = pop(list)))
		order_free(order);
}

static void wake(int fd)
{
	const uint64_t one = 1;
	ssize_t written = write(fd, &one, sizeof(one));

	/* A counter that is full has its reader awake. */
	(void)written;
}

static void give_back(struct upstream *u, struct order *order)
{
	(void)pthread_mutex_lock(&u->lock);
	append(&u->done, order);
	(void)pthread_mutex_unlock(&u->lock);
	wake(u->done_fd);
}

static void fail(struct upstream *u, struct order *order, int exit_status,
                 const char *why)
{
	order->result.type = order->step.type;
	order->result.tag = order->step.tag;
	order->result.outcome = CACHE_FAILED;
	order->result.exit_status = exit_status;
	(void)snprintf(order->result.error, sizeof(order->result.error), "%s",
	               why);
	if (order->type == ORDER_STEP && order->step.sink)
		conduit_end(order->step.sink, -EIO, why);
	give_back(u, order);
}

static int open_cache(struct upstream *u, char *why, size_t why_size)
{
	const struct cache_options options = {
		.agent = u->agent,
		.connections = u->connections,
	};

	return cache_open(u->config, &options, &u->cache, why, why_size);
}

static void begin_step(struct upstream *u, struct order *order)
{
	struct cache_step step = order->step;
	char why[SENTENCE_MAX];
	int rc = u->cache ? 0 : open_cache(u, why, sizeof(why));

	if (rc < 0) {
		fail(u, order, EXIT_FAILED, why);
		return;
	}
	step.tag = (uint64_t)(uintptr_t)order;
	rc = cache_submit(u->cache, &step);
	if (rc < 0) {
		fail(u, order, EXIT_FAILED, strerror(-rc));
		return;
	}
	order->next = u->held;
	u->held = order;
}

static void sign(struct upstream *u, struct order *order)
{
	struct agent_error error;
	int rc = agent_sign(u->agent, u->config, &order->path, 1,
	                    &order->signatures, &error);

	if (rc < 0) {
		fail(u, order, EXIT_FAILED, strerror(-rc));
	} else if (rc != AGENT_OK) {
		fail(u, order, error.exit_status, error.text);
	} else {
		order->result.outcome = CACHE_OK;
		give_back(u, order);
	}
}

static int presign(struct upstream *u, struct order *const *orders,
                   size_t count, struct agent_error *error)
{
	const struct presign_order order = { .cache = u->config->name,
		                             .requests = u->asked_for,
		                             .count = count };
	struct agent_pace pace;
	int rc;

	for (size_t i = 0; i < count; i++) {
		u->asked_for[i] = (struct s3_object_request){
			.operation = S3_GET_OBJECT,
			.key = bytes_of_text(orders[i]->step.key),
			.expires = orders[i]->expires,
		};
	}
	rc = agent_presign(u->agent, &order, u->given, &pace, error);
	if (rc < 0) {
		error->exit_status = EXIT_FAILED;
		(void)snprintf(error->text, sizeof(error->text), "agent: %s",
		               strerror(-rc));
	}
	if (rc != AGENT_OK)
		return rc;
	for (size_t i = 0; i < count; i++) {
		orders[i]->url = take_ptr(u->given[i].url);
		agent_signed_request_clear(&u->given[i]);
		orders[i]->result.outcome = CACHE_OK;
		give_back(u, orders[i]);
	}
	return 0;
}

/* All are answered or none; what the agent does not like about one must not
 * cost the others their URLs. */
static void locate(struct upstream *u, struct order *const *orders,
                   size_t count)
{
	struct agent_error error;
	int rc = count > 0 ? presign(u, orders, count, &error) : 0;
	bool is_about_one = rc == AGENT_E_POLICY || rc == AGENT_E_REFUSED;

	for (size_t i = 0; i < count && rc != 0; i++) {
		if (is_about_one && count > 1 &&
		    presign(u, orders + i, 1, &error) == 0)
			continue;
		fail(u, orders[i], error.exit_status, error.text);
	}
}

static void begin_all(struct upstream *u, struct orders *asked)
{
	struct order *urls[URLS_MAX];
	struct order *order;
	size_t url_count = 0;

	while ((order = pop(asked))) {
		switch (order->type) {
		case ORDER_STEP:
			begin_step(u, order);
			break;
		case ORDER_SIGN:
			sign(u, order);
			break;
		case ORDER_URL:
			urls[url_count++] = order;
			break;
		}
		if (url_count == URLS_MAX) {
			locate(u, urls, url_count);
			url_count = 0;
		}
	}
	locate(u, urls, url_count);
}

static struct order *take_held(struct upstream *u, uint64_t tag)
{
	for (struct order **at = &u->held; *at; at = &(*at)->next) {
		struct order *order = *at;

		if ((uint64_t)(uintptr_t)order == tag) {
			*at = order->next;
			return order;
		}
	}
	return NULL;
}

static int collect(struct upstream *u)
{
	struct cache_result result;
	int rc;

	while ((rc = cache_next(u->cache, &result)) == 1) {
		struct order *order = take_held(u, result.tag);

		assert(order);
		result.tag = order->step.tag;
		order->result = result;
		give_back(u, order);
	}
	return rc;
}

/* A cache that cannot go on (out of memory, a broken poll) is the end of what
 * it holds; the next order meets a new one. */
static void start_anew(struct upstream *u, int rc)
{
	struct order *order;

	/* First, for it still reads what the orders point to. */
	cache_close(take_ptr(u->cache));
	while ((order = u->held)) {
		u->held = order->next;
		fail(u, order, EXIT_FAILED, strerror(-rc));
	}
}

/* The orders that wait, or that it is time to end (false). */
static bool take_asked(struct upstream *u, struct orders *ret_asked)
{
	bool goes_on;

	(void)pthread_mutex_lock(&u->lock);
	*ret_asked = u->asked;
	u->asked = (struct orders){ .first = NULL };
	goes_on = !u->is_ending;
	(void)pthread_mutex_unlock(&u->lock);
	return goes_on;
}

/* Waits, unless there is no cache to wait for: then only to be woken. */
static int wait_for_news(struct upstream *u)
{
	struct pollfd woken = { .fd = u->wake_fd, .events = POLLIN };
	uint64_t count;
	ssize_t got;
	int rc;

	if (u->cache) {
		rc = cache_wait(u->cache, &woken, 1, WAIT_AGAIN_MS);
	} else {
		rc = poll(&woken, 1, WAIT_AGAIN_MS) < 0 && errno != EINTR
		             ? -errno
		             : 0;
	}
	/* Empties the counter; it does not wait for one that is empty. */
	got = read(u->wake_fd, &count, sizeof(count));
	(void)got;
	return rc;
}

static void *run(void *argument)
{
	struct upstream *u = argument;
	struct orders asked;

	while (take_asked(u, &asked)) {
		int rc;

		begin_all(u, &asked);
		/* A folder has its results at once. */
		rc = u->cache ? collect(u) : 0;
		if (rc >= 0)
			rc = wait_for_news(u);
		if (rc >= 0 && u->cache)
			rc = collect(u);
		if (rc < 0)
			start_anew(u, rc);
	}
	free_orders(&asked);
	return NULL;
}

/* Signals are for the loop. */
static int start_thread(struct upstream *u)
{
	sigset_t all, before;
	int rc;

	(void)sigfillset(&all);
	rc = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (rc == 0) {
		rc = pthread_create(&u->thread, NULL, run, u);
		(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	u->has_thread = rc == 0;
	return -rc;
}

static int open_agent(struct upstream *u, char *why, size_t why_size)
{
	struct agent_error error;

	if (agent_open(NULL, &u->agent, &error) != AGENT_OK) {
		(void)snprintf(why, why_size, "%s", error.text);
		return error.exit_status;
	}
	agent_never_wait(u->agent);
	return 0;
}

static int set_up(struct upstream *u, bool needs_no_agent, char *why,
                  size_t why_size)
{
	int rc = needs_no_agent ? 0 : open_agent(u, why, why_size);

	if (rc != 0)
		return rc;
	if (open_cache(u, why, why_size) < 0)
		return EXIT_FAILED;
	u->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = u->wake_fd < 0 ? -errno : start_thread(u);
	if (rc < 0) {
		(void)snprintf(why, why_size, "cache %s: %s", u->config->name,
		               strerror(-rc));
	}
	return rc < 0 ? EXIT_FAILED : 0;
}

int upstream_open(const struct upstream_options *options,
                  struct upstream **ret_upstream, char *why, size_t why_size)
{
	struct upstream *u = calloc(1, sizeof(*u));
	int rc;

	if (!u) {
		(void)snprintf(why, why_size, "%s", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	u->config = options->config;
	u->connections = options->connections;
	u->done_fd = options->done_fd;
	u->wake_fd = -1;
	/* Cannot fail with default attributes (pthread_mutex_init(3)). */
	(void)pthread_mutex_init(&u->lock, NULL);
	rc = set_up(u, options->needs_no_agent, why, why_size);
	if (rc != 0) {
		upstream_close(u);
		return rc;
	}
	*ret_upstream = u;
	return 0;
}

static void end_thread(struct upstream *u)
{
	if (!u->has_thread)
		return;
	(void)pthread_mutex_lock(&u->lock);
	u->is_ending = true;
	(void)pthread_mutex_unlock(&u->lock);
	wake(u->wake_fd);
	(void)pthread_join(u->thread, NULL);
}

void upstream_close(struct upstream *upstream)
{
	struct order *order;

	if (!upstream)
		return;
	end_thread(upstream);
	cache_close(upstream->cache);
	agent_close(upstream->agent);
	while ((order = upstream->held)) {
		upstream->held = order->next;
		order_free(order);
	}
	free_orders(&upstream->asked);
	free_orders(&upstream->done);
	if (upstream->wake_fd >= 0)
		(void)close(upstream->wake_fd);
	(void)pthread_mutex_destroy(&upstream->lock);
	free(upstream);
}

void upstream_submit(struct upstream *upstream, struct order *order)
{
	upstream->pending++;
	(void)pthread_mutex_lock(&upstream->lock);
	append(&upstream->asked, order);
	(void)pthread_mutex_unlock(&upstream->lock);
	wake(upstream->wake_fd);
}

struct order *upstream_next(struct upstream *upstream)
{
	struct order *order;

	(void)pthread_mutex_lock(&upstream->lock);
	order = pop(&upstream->done);
	(void)pthread_mutex_unlock(&upstream->lock);
	if (order)
		upstream->pending--;
	return order;
}

size_t upstream_pending(const struct upstream *upstream)
{
	return upstream->pending;
}
