/* cache.h - a binary cache to push into: one interface over bucket and folder
 *
 * Asynchronous: the conductor submits steps, waits, takes results.  Presigned
 * URLs are asked of the agent in batches, retries and expired URLs are dealt
 * with inside.  An object is visible to readers only when it is whole.
 */
#pragma once

#include "client/agent_call.h"
#include "client/pipe/conduit.h"
#include "protocol/nix/store_uri.h"

#include <poll.h>

enum cache_step_type {
	CACHE_CHECK,       /* is the object there? */
	CACHE_GET,         /* small objects: narinfo, nix-cache-info */
	CACHE_FETCH,       /* an object of any size, into a conduit */
	CACHE_LIST,        /* one page of names; result: listing */
	CACHE_PUT,         /* a whole object from memory */
	CACHE_DELETE,      /* also of one that is not there */
	CACHE_BEGIN,       /* a multipart upload; result: upload_id */
	CACHE_FIND_UPLOAD, /* is that multipart upload still there? */
	CACHE_PART,        /* result: etag */
	CACHE_COMPLETE,    /* with all etags */
	CACHE_ABORT,
};

struct cache_step {
	enum cache_step_type type;
	uint64_t tag;
	const char *key; /* borrowed until the result, as all pointers */

	/* CACHE_FETCH: shared until the result, and ended with it.  A broken
	 * connection is taken up where it broke. */
	struct conduit *sink;
	uint64_t offset; /* of the first byte wanted */
	uint64_t length; /* 0: to the end */

	/* CACHE_LIST: key is what names begin with, "" for all; after is what
	 * the first name comes after, NULL: none. */
	const char *after;
	const char *token;  /* of the page before; NULL: the first */
	uint32_t page_size; /* 0: the usual one; a bucket has at most 1000 */

	bool only_if_absent; /* CACHE_PUT: If-None-Match: * */
	const uint8_t *body;
	size_t body_len;
	const uint8_t *md5; /* of the body, 16 bytes; NULL: computed */
	const char *upload_id;
	unsigned part_number;
	const struct strings *etags; /* CACHE_COMPLETE: part 1 first */
};

enum cache_outcome {
	CACHE_OK = 0,
	CACHE_MISSING, /* CHECK, GET, FETCH: not there; PART: no such upload */
	CACHE_EXISTS,  /* only_if_absent, and it is there */
	CACHE_FAILED,  /* error says what and what to do */
};

struct cache_object {
	char *key;        /* owned; relative to the cache */
	uint64_t size;    /* bytes */
	int64_t modified; /* seconds since the epoch; 0: not known */
};

struct cache_listing {
	struct cache_object *objects; /* owned; in the order of their keys */
	size_t count;
	char *token; /* owned; for the next page; NULL: this was the last */
	/* They came in order and were all asked for: then what is not among
	 * them, up to the last one, was not there. */
	bool is_gapless;
};

struct cache_result {
	uint64_t tag;
	enum cache_step_type type;
	enum cache_outcome outcome;
	uint64_t size;          /* CHECK, GET; FETCH: of the whole object */
	struct buffer response; /* GET; owned by the taker */
	char encoding[16];      /* GET, CHECK: Content-Encoding, or empty */
	int64_t server_time;    /* seconds since the epoch, 0: not said */
	struct cache_listing *listing; /* LIST; owned by the taker */
	int exit_status; /* CACHE_FAILED: what the program should end with */
	char error[768];
	char text[S3_UPLOAD_ID_MAX + 1]; /* upload_id or etag */
};

void cache_listing_free(struct cache_listing *listing);

struct cache;

struct cache_options {
	struct agent *agent; /* a folder needs none */
	unsigned connections;
};

/* cache and the agent are borrowed for the cache's life.  0, or -EINVAL/-errno
 * with a sentence in why. */
must_check int cache_open(const struct agent_cache *cache,
                          const struct cache_options *options,
                          struct cache **ret_cache, char *why, size_t why_size);
void cache_close(struct cache *cache);

/* True for a bucket: asking it takes time. */
bool cache_is_remote(const struct cache *cache);

must_check int cache_submit(struct cache *cache, const struct cache_step *step);
size_t cache_pending(const struct cache *cache);
must_check int cache_wait(struct cache *cache, struct pollfd *extra,
                          unsigned extra_count, int timeout_ms);
must_check int cache_next(struct cache *cache, struct cache_result *ret_result);
uint64_t cache_bytes_sent(const struct cache *cache);

/* One step from start to end, nothing else going on. */
must_check int cache_run(struct cache *cache, const struct cache_step *step,
                         struct cache_result *ret_result);

/* Ends multipart uploads that died: those of the given keys (sorted) at once,
 * any other of nar/ that began more than a day ago.  Best effort: *ret_count
 * is how many were ended. */
must_check int cache_end_stale_uploads(struct cache *cache,
                                       const struct strings *sorted_keys,
                                       size_t *ret_count, char *why,
                                       size_t why_size);
