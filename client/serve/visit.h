/* visit.h - one GET or HEAD, from its path to what is answered */
#pragma once

#include "client/serve/errand.h"
#include "client/serve/range.h"
#include "client/serve/route.h"

struct visit_request {
	const struct route *route;
	bool is_head;
	bool has_range;
	struct range range;
};

enum visit_state {
	VISIT_WAITS,
	VISIT_TEXT,     /* status, body and content_type */
	VISIT_REDIRECT, /* location */
	VISIT_STREAM,   /* bytes from the stream, of a NAR */
	VISIT_NO_RANGE, /* size: there are no such bytes */
};

/* What is to be answered; everything is borrowed from the visit. */
struct visit_answer {
	enum visit_state state;
	unsigned status;
	unsigned retry_after; /* seconds; 0: not said */
	const char *content_type;
	const struct blob *body;
	const char *url_prefix; /* to go into a narinfo at body->url_at, with a
	                           slash; NULL: none */
	const char *location;   /* a bearer token */
	struct conduit *stream; /* NULL for a HEAD */
	uint64_t offset;
	uint64_t length;
	uint64_t size; /* of the whole NAR */
};

struct visit;

/* owner is the caller's.  0 or -ENOMEM. */
must_check int visit_begin(struct errands *errands, const struct site *site,
                           const struct visit_request *request, void *owner,
                           struct visit **ret_visit);

void visit_answer(const struct visit *visit, struct visit_answer *ret_answer);
void *visit_owner(const struct visit *visit);

/* A question of the visit has got its finding. */
void visit_step(struct visit *visit);

/* is_called_off: the client went away, so that a stream which ends early is
 * nobody's trouble. */
void visit_free(struct visit *visit, bool is_called_off);
