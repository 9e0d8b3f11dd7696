/* errand.h - questions to the caches, and what they came back with
 *
 * One errand may answer several questions: who asks for a small object that is
 * being fetched already waits for the same answer.
 */
#pragma once

#include "client/serve/shelf.h"
#include "client/serve/site.h"

#define ERRAND_SMALL_MAX     ((size_t)16 * 1024 * 1024)
#define ERRAND_WHY_MAX       1024
#define ERRAND_URL_SECONDS   300
#define ERRAND_RETRY_SECONDS 5 /* until an agent may be there again */

enum finding {
	FINDING_NONE, /* not asked */
	FINDING_ASKED,
	FINDING_HIT,
	FINDING_MISS,
	FINDING_TROUBLE,
};

struct visit;

/* What a visit wants to know of one cache.  Not to be moved while asked. */
struct question {
	struct visit *visit;
	struct errand *errand; /* while asked */
	struct question *next; /* of the same errand */
	enum finding finding;
	struct blob *blob;    /* a share; an object, or why there is trouble */
	uint64_t size;        /* of a NAR */
	char *url;            /* owned; a bearer token */
	unsigned status;      /* of trouble: 502 or 503 */
	unsigned retry_after; /* of trouble: seconds, 0: not said */
};

/* What the log, and a locked agent, should hear of. */
struct trouble {
	int exit_status; /* 0: none */
	char why[ERRAND_WHY_MAX];
};

struct errands;

/* site is borrowed.  NULL when out of memory. */
struct errands *errands_new(struct site *site);
/* After the upstreams were closed. */
void errands_free(struct errands *errands);

/* Each may have its finding at once, in question->finding; what fails for want
 * of memory is trouble. */
void errand_look_up(struct errands *errands, size_t cache, const char *key,
                    struct question *question); /* small; shared */
void errand_check(struct errands *errands, size_t cache, const char *key,
                  struct question *question);
void errand_locate(struct errands *errands, size_t cache, const char *key,
                   struct question *question);

/* Bytes go into the sink from now on; 0: length to the end. */
struct errand_stretch {
	uint64_t offset;
	uint64_t length;
	struct conduit *sink;
};
void errand_fetch(struct errands *errands, size_t cache, const char *key,
                  const struct errand_stretch *stretch,
                  struct question *question);

/* Ends the asking, and drops what was found.  is_called_off: a failure of what
 * is under way is nobody's trouble any more. */
void question_clear(struct question *question, bool is_called_off);

/* Takes an order that has come back and frees it.  Those whose question it
 * answers, linked through next. */
struct question *errand_settle(struct errands *errands, struct order *order,
                               struct trouble *ret_trouble);

/* A narinfo was stored or removed. */
void errands_forget(struct errands *errands, size_t cache, const char *key);
