/* presence.h - which narinfos a cache has, as fast as the way to it allows */
#pragma once

#include "client/cache/cache.h"
#include "client/journal/journal.h"

struct presence_question {
	struct cache *cache; /* with nothing under way */
	const char *store;   /* its URI, as the agent says it */
	const struct strings *bases;
	struct journal *journal; /* may be NULL */
	/* What the journal saw in the cache so lately is not asked again, in
	 * seconds; 0: everything is asked. */
	int64_t max_age_s;
	/* A step to send along with the first requests, if there are any: NULL,
	 * or a CACHE_GET. */
	const struct cache_step *along;
};

struct presence_answer {
	bool *present; /* the caller's: one for each of bases, all false */
	size_t known;  /* by the journal */
	size_t checks; /* requests sent, of S3's class B */
	size_t lists;  /* of class C */
	bool has_along;
	struct cache_result along; /* has_along; owned by the caller */
	/* Empty, or a sentence: why that took so long. */
	char notice[1024];
};

/* present[i] then says whether the narinfo of bases[i] is there; a path is said
 * to be there only if its very narinfo was seen.  What was found goes into the
 * journal.  0; -errno; > 0: the cache has failed, and *ret_failure says how:
 * then it may only be closed. */
must_check int presence_ask(const struct presence_question *question,
                            struct presence_answer *answer,
                            struct cache_result *ret_failure);
