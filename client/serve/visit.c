/* Theory of Operation
 *
 * A visit asks every cache that is meant, all at once, and takes what the first
 * of them in order has; trouble in one cache counts only if no other has it.
 *
 *   FINDING   the caches are asked: for a small object itself, for a NAR
 *             whether and how large it is;
 *   LOCATING  a presigned URL is asked for;
 *   READY     the answer can be given.
 *
 * Where one cache alone is meant, a redirect needs no asking first (S3 says
 * itself that a NAR is not there), and a NAR that is to pass through us is
 * fetched while its size is still asked for.
 */
#include "client/serve/visit.h"

#include "client/cache/names.h"
#include "protocol/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_LIMIT       ((size_t)1024 * 1024) /* held of one NAR */
#define STATUS_OK          200
#define STATUS_PARTIAL     206
#define STATUS_REDIRECT    307
#define STATUS_MISSING     404
#define STATUS_NO_RANGE    416
#define STATUS_BAD_GATEWAY 502

enum phase {
	PHASE_FINDING,
	PHASE_LOCATING,
	PHASE_READY,
};

struct visit {
	struct errands *errands;
	const struct site *site;
	struct route route;
	bool is_head;
	bool has_range;
	struct range range;
	void *owner;
	enum phase phase;
	struct visit_answer answer;
	struct conduit *stream; /* owned share */
	uint64_t offset;        /* of the stream's first byte */
	struct question url;
	struct question fetch;
	size_t first; /* cache of candidates[0] */
	size_t count;
	struct question candidates[];
};

static void finish_trouble(struct visit *v, struct question *from)
{
	v->phase = PHASE_READY;
	v->answer.state = VISIT_TEXT;
	v->answer.status = from->status ? from->status : STATUS_BAD_GATEWAY;
	v->answer.retry_after = from->retry_after;
	v->answer.body = from->blob;
	v->answer.content_type = "text/plain; charset=utf-8";
}

static void finish_missing(struct visit *v)
{
	v->phase = PHASE_READY;
	v->answer.state = VISIT_TEXT;
	v->answer.status = STATUS_MISSING;
	v->answer.content_type = "text/plain; charset=utf-8";
}

static void finish_small(struct visit *v, size_t index)
{
	v->phase = PHASE_READY;
	v->answer.state = VISIT_TEXT;
	v->answer.status = STATUS_OK;
	v->answer.body = v->candidates[index].blob;
	v->answer.content_type = names_content_type(v->route.key);
	if (v->route.kind == OBJECT_KEY_NARINFO && v->count > 1)
		v->answer.url_prefix = v->site->names.items[v->first + index];
}

static void locate(struct visit *v, size_t cache)
{
	v->phase = PHASE_LOCATING;
	v->url.visit = v;
	errand_locate(v->errands, cache, v->route.key, &v->url);
}

/* 0 or -ENOMEM. */
static int start_stream(struct visit *v, size_t cache, uint64_t offset,
                        uint64_t length)
{
	struct errand_stretch stretch = { .offset = offset, .length = length };
	int rc = conduit_new(STREAM_LIMIT, &v->stream);

	if (rc < 0)
		return rc;
	stretch.sink = v->stream;
	v->offset = offset;
	v->fetch.visit = v;
	errand_fetch(v->errands, cache, v->route.key, &stretch, &v->fetch);
	if (v->fetch.finding == FINDING_TROUBLE)
		return -ENOMEM;
	return 0;
}

static void finish_stream(struct visit *v, size_t index)
{
	struct visit_answer *answer = &v->answer;
	struct question *candidate = &v->candidates[index];
	int rc = 0;

	v->phase = PHASE_READY;
	answer->state = VISIT_STREAM;
	answer->status = STATUS_OK;
	answer->size = candidate->size;
	answer->length = candidate->size;
	answer->content_type = names_content_type(v->route.key);
	if (v->is_head)
		return;
	if (v->has_range) {
		answer->status = STATUS_PARTIAL;
		if (!range_resolve(&v->range, answer->size, &answer->offset,
		                   &answer->length)) {
			answer->state = VISIT_NO_RANGE;
			answer->status = STATUS_NO_RANGE;
			return;
		}
	}
	if (!v->stream && answer->length > 0) {
		rc = start_stream(v, v->first + index, answer->offset,
		                  v->has_range ? answer->length : 0);
	}
	if (rc < 0)
		finish_trouble(v, &v->fetch);
	answer->stream = v->stream;
}

static void take_found(struct visit *v, size_t index)
{
	size_t cache = v->first + index;

	if (v->route.kind != OBJECT_KEY_NAR) {
		finish_small(v, index);
	} else if (v->is_head || !v->site->caches[cache].redirects) {
		finish_stream(v, index);
	} else {
		locate(v, cache);
	}
}

static void step_finding(struct visit *v)
{
	struct question *trouble = NULL;

	for (size_t i = 0; i < v->count; i++) {
		struct question *candidate = &v->candidates[i];

		switch (candidate->finding) {
		case FINDING_NONE:
		case FINDING_ASKED:
			return;
		case FINDING_HIT:
			take_found(v, i);
			return;
		case FINDING_MISS:
			break;
		case FINDING_TROUBLE:
			trouble = trouble ? trouble : candidate;
			break;
		}
	}
	if (trouble) {
		finish_trouble(v, trouble);
	} else {
		finish_missing(v);
	}
}

static void step_locating(struct visit *v)
{
	switch (v->url.finding) {
	case FINDING_NONE:
	case FINDING_ASKED:
		return;
	case FINDING_HIT:
		v->phase = PHASE_READY;
		v->answer.state = VISIT_REDIRECT;
		v->answer.status = STATUS_REDIRECT;
		v->answer.location = v->url.url;
		if (v->url.url)
			return;
		break;
	case FINDING_MISS:
	case FINDING_TROUBLE:
		break;
	}
	finish_trouble(v, &v->url);
}

void visit_step(struct visit *visit)
{
	if (visit->phase == PHASE_FINDING)
		step_finding(visit);
	if (visit->phase == PHASE_LOCATING)
		step_locating(visit);
}

static int begin(struct visit *v)
{
	bool is_nar = v->route.kind == OBJECT_KEY_NAR;
	bool is_early = is_nar && v->count == 1 && !v->is_head;
	int rc = 0;

	if (is_early && v->site->caches[v->first].redirects) {
		locate(v, v->first);
		visit_step(v);
		return 0;
	}
	/* A range may be none; that is known once the size is. */
	if (is_early && !v->has_range)
		rc = start_stream(v, v->first, 0, 0);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < v->count; i++) {
		v->candidates[i].visit = v;
		if (is_nar) {
			errand_check(v->errands, v->first + i, v->route.key,
			             &v->candidates[i]);
		} else {
			errand_look_up(v->errands, v->first + i, v->route.key,
			               &v->candidates[i]);
		}
	}
	visit_step(v);
	return 0;
}

int visit_begin(struct errands *errands, const struct site *site,
                const struct visit_request *request, void *owner,
                struct visit **ret_visit)
{
	bool is_root = request->route->cache == ROUTE_ROOT;
	size_t count = is_root ? site->count : 1;
	struct visit *v =
		calloc(1, sizeof(*v) + count * sizeof(struct question));
	int rc;

	if (!v)
		return -ENOMEM;
	v->errands = errands;
	v->site = site;
	v->route = *request->route;
	v->is_head = request->is_head;
	v->has_range = request->has_range && !request->is_head;
	v->range = request->range;
	v->owner = owner;
	v->first = is_root ? 0 : request->route->cache;
	v->count = count;
	rc = begin(v);
	if (rc < 0) {
		visit_free(v, true);
		return rc;
	}
	*ret_visit = v;
	return 0;
}

void visit_answer(const struct visit *visit, struct visit_answer *ret_answer)
{
	*ret_answer = visit->answer;
}

void *visit_owner(const struct visit *visit)
{
	return visit->owner;
}

void visit_free(struct visit *visit, bool is_called_off)
{
	if (!visit)
		return;
	for (size_t i = 0; i < visit->count; i++)
		question_clear(&visit->candidates[i], is_called_off);
	question_clear(&visit->url, is_called_off);
	question_clear(&visit->fetch, is_called_off);
	if (visit->stream) {
		conduit_abandon(visit->stream);
		conduit_release(visit->stream);
	}
	free(visit);
}
