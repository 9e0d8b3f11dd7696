/* upstream.h - a cache's own thread, which does what the HTTP loop orders
 *
 * Orders in, orders out; the agent and S3 may keep this thread waiting, the
 * HTTP loop never.  It asks the agent only for what needs no person: when the
 * agent is locked, orders come back with EXIT_LOCKED at once, and the fetch is
 * started beside.
 */
#pragma once

#include "client/cache/cache.h"

enum order_type {
	ORDER_STEP, /* a step of cache.h */
	ORDER_URL,  /* a presigned URL to GET step.key */
	ORDER_SIGN, /* signatures of a path */
};

/* Owned by whoever has it: the loop, then the upstream, then the loop again. */
struct order {
	enum order_type type;
	struct cache_step step;       /* what it points to lives as long */
	const struct path_info *path; /* ORDER_SIGN; likewise */
	uint32_t expires;             /* ORDER_URL; seconds */
	void *owner;                  /* a receipt, or NULL */
	struct errand *errand;        /* the loop's own, or NULL */

	/* When it has come back.  outcome, exit_status and error are used by
	 * all types. */
	struct cache_result result;
	char *url;                 /* owned; wiped by order_free() */
	struct strings signatures; /* owned */
	struct order *next;
};

struct order *order_new(enum order_type type, void *owner);
void order_free(struct order *order);

struct upstream;

struct upstream_options {
	const struct agent_cache *config; /* borrowed for its life */
	unsigned connections;
	bool needs_no_agent; /* a folder, and only steps */
	int done_fd; /* an eventfd, written to when an order has come back */
};

/* 0, or an exit status with a sentence: no agent, a store it cannot open. */
must_check int upstream_open(const struct upstream_options *options,
                             struct upstream **ret_upstream, char *why,
                             size_t why_size);
/* Gives up what is under way, ends the thread, and frees the orders that nobody
 * took: what they point to may be freed after it. */
void upstream_close(struct upstream *upstream);

/* Never waits. */
void upstream_submit(struct upstream *upstream, struct order *order);

/* One that has come back, or NULL.  Every order comes back. */
struct order *upstream_next(struct upstream *upstream);

/* Orders that were submitted and not yet taken back. */
size_t upstream_pending(const struct upstream *upstream);
