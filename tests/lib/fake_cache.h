/* fake_cache.h - a cache that notes what it is asked and answers as it is told
 *
 * A program that links this has no other cache_submit() and so on.  Either the
 * test answers each step by itself (fake_cache_result), or cache_next() answers
 * what is pending in a random order.
 */
#pragma once

#include "client/cache/cache.h"

#define FAKE_CACHE_BODY_MAX 2048

/* How a list is wrong. */
enum fake_list {
	FAKE_LIST_HONEST,
	FAKE_LIST_REFUSED,       /* CACHE_FAILED */
	FAKE_LIST_LOCKED,        /* likewise: there is no agent to be asked */
	FAKE_LIST_FROM_START,    /* after is ignored */
	FAKE_LIST_UNORDERED,     /* a page has any names */
	FAKE_LIST_SHORT,         /* one name a page, and always a token */
	FAKE_LIST_EMPTY,         /* none, and always a token */
	FAKE_LIST_FIRST_REFUSED, /* the first of them only */
};

struct fake_step {
	struct cache_step step; /* what it borrows may be gone when answered */
	char key[128];
	char after[128];
	char upload_id[32];
	char body[FAKE_CACHE_BODY_MAX]; /* its beginning, as text */
	char etags[256];                /* "a,b," */
	uint64_t submitted_at;          /* on the cache's own clock, from 1 */
	uint64_t answered_at;           /* 0: not yet */
	enum cache_outcome outcome;
};

struct cache {
	struct fake_step *steps; /* owned; all that ever came, in order */
	size_t count;
	size_t pending;
	uint64_t now;
	unsigned random;

	/* Set by the test. */
	unsigned fail_percent;         /* of all steps but CHECK and ABORT */
	unsigned present_percent;      /* CHECK: of the objects are there */
	const struct strings *objects; /* sorted; what CHECK and LIST find, NULL:
	                                * CHECK goes by present_percent */
	enum fake_list list;
	bool is_folder;
	const char *failing_key; /* whatever is asked of it; NULL: none */
	const char *text;        /* what a GET brings; NULL: nothing there */
	int submit_error;        /* of cache_submit(); 0: none */
	unsigned raise_after;    /* so many waits comes SIGTERM; 0: never */
	unsigned waits;
	unsigned waits_in_vain; /* since the last answer */
	bool lent_and_lost;     /* a borrowed pointer did not last */
};

struct cache *fake_cache_new(unsigned seed);
void fake_cache_free(struct cache *cache);

/* The next number that is not random at all. */
unsigned fake_cache_random(unsigned *state, unsigned below);

/* The newest step, or NULL. */
const struct fake_step *fake_cache_last(const struct cache *cache);

/* How many steps of that type came; key NULL: of any. */
size_t fake_cache_count(const struct cache *cache, enum cache_step_type type,
                        const char *key);

/* Answers the step at that index; the result is the caller's. */
struct cache_result fake_cache_result(struct cache *cache, size_t index,
                                      enum cache_outcome outcome,
                                      const char *text);
