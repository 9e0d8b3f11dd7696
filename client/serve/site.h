/* site.h - the caches that are served, in the order in which they are asked */
#pragma once

#include "client/serve/receive.h"
#include "client/serve/upstream.h"

#define SITE_PRIORITY_USUAL 50 /* Nix's, for a cache that does not say */
#define SITE_WHY_MAX        1024

struct site_cache {
	const struct agent_cache *config; /* borrowed from status */
	struct upstream *upstream;        /* owned */
	struct upstream *streams;         /* owned; for NARs that pass through
	                                     us, so that slow readers of them
	                                     keep nothing else waiting */
	struct receiver *receiver;        /* owned; NULL: nothing is taken */
	bool redirects;                   /* NARs by presigned URL */
};

struct site {
	struct agent_status status; /* owned */
	struct site_cache *caches;  /* owned */
	size_t count;
	struct strings names; /* of the caches, in their order */
	int priority;         /* of the whole */
};

struct site_options {
	const struct strings *wanted; /* names or URIs; none: all */
	int priority;                 /* -1: the first cache's */
	int done_fd;                  /* see upstream.h */
	int wake_fd;                  /* see receive.h */
	bool takes;                   /* PUT */
	bool is_proxy;
};

/* 0, or an exit status with a sentence; site_close() in both cases. */
must_check int site_open(const struct site_options *options,
                         struct site *ret_site, char why[SITE_WHY_MAX]);
void site_close(struct site *site);

/* The text of nix-cache-info, of one cache or (SIZE_MAX) of the whole. */
void site_format_info(const struct site *site, size_t cache,
                      struct buffer *out);

/* An order that has come back from one of the caches, or NULL. */
struct order *site_next(struct site *site);
size_t site_pending(const struct site *site);
