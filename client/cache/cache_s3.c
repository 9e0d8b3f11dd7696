#include "client/cache/cache_s3.h"

#include "client/cache/s3_outcome.h"
#include "client/cache/uploads.h"
#include "protocol/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct cache_s3 {
	const struct agent_cache *cache;
	char prefix[STORE_URI_PART_MAX + 1];
	struct s3_queue *queue;
	struct s3_step *steps;
};

DEFINE_CLEANUP(struct cache_s3 *, cache_s3_close)
#define cleanup_bucket cleanup(cache_s3_close_at)

int cache_s3_open(const struct agent_cache *cache, struct agent *agent,
                  const struct store_uri *uri, unsigned connections,
                  struct cache_s3 **ret_s3)
{
	cleanup_bucket struct cache_s3 *s3 = calloc(1, sizeof(*s3));
	int rc;

	if (!s3)
		return -ENOMEM;
	s3->cache = cache;
	memcpy(s3->prefix, uri->prefix, sizeof(s3->prefix));
	rc = s3_queue_open(agent, cache->name, connections, &s3->queue);
	if (rc < 0)
		return rc;
	*ret_s3 = take_ptr(s3);
	return 0;
}

void cache_s3_close(struct cache_s3 *s3)
{
	struct s3_step *next;

	if (!s3)
		return;
	/* First: it reads the bodies. */
	s3_queue_close(s3->queue);
	for (struct s3_step *s = s3->steps; s; s = next) {
		next = s->next;
		if (s->step.type == CACHE_FETCH) {
			conduit_end(s->step.sink, -ECANCELED,
			            "the cache was closed");
		}
		s3_step_free(s);
	}
	free(s3);
}

static void link_step(struct cache_s3 *s3, struct s3_step *s)
{
	s->next = s3->steps;
	if (s->next)
		s->next->previous = s;
	s3->steps = s;
}

static void unlink_step(struct cache_s3 *s3, struct s3_step *s)
{
	if (s->next)
		s->next->previous = s->previous;
	if (s->previous) {
		s->previous->next = s->next;
	} else {
		s3->steps = s->next;
	}
}

int cache_s3_submit(struct cache_s3 *s3, const struct cache_step *step)
{
	struct s3_step *s = NULL;
	struct s3_call call;
	int rc;

	rc = s3_step_new(step, &s, &call);
	if (rc < 0)
		return rc;
	rc = s3_queue_submit(s3->queue, &call);
	if (rc < 0) {
		s3_step_free(s);
		return rc;
	}
	link_step(s3, s);
	return 0;
}

size_t cache_s3_pending(const struct cache_s3 *s3)
{
	return s3_queue_pending(s3->queue);
}

int cache_s3_wait(struct cache_s3 *s3, struct pollfd *extra,
                  unsigned extra_count, int timeout_ms)
{
	return s3_queue_wait(s3->queue, extra, extra_count, timeout_ms);
}

uint64_t cache_s3_bytes_sent(const struct cache_s3 *s3)
{
	return s3_queue_bytes_sent(s3->queue);
}

/* What the reader of a download learns. */
static void end_sink(struct conduit *sink, const struct cache_result *result)
{
	switch (result->outcome) {
	case CACHE_OK:
		conduit_end(sink, 0, NULL);
		break;
	case CACHE_MISSING:
		conduit_end(sink, -ENOENT, "it is not in the cache");
		break;
	case CACHE_EXISTS: /* of a CACHE_PUT only */
	case CACHE_FAILED:
		conduit_end(sink, -EIO, result->error);
		break;
	}
}

static void finish(struct cache_s3 *s3, struct s3_step *s,
                   struct s3_reply *reply, struct cache_result *ret_result)
{
	struct cache_result result = {
		.type = s->step.type,
		.tag = s->step.tag,
		.outcome = CACHE_OK,
	};

	s3_outcome_read(s, s3->cache, s3->prefix, reply, &result);
	buffer_clear(&reply->result.response);
	if (s->step.type == CACHE_FETCH)
		end_sink(s->step.sink, &result);
	unlink_step(s3, s);
	s3_step_free(s);
	*ret_result = result;
}

int cache_s3_next(struct cache_s3 *s3, struct cache_result *ret_result)
{
	struct s3_reply reply;
	struct s3_call call;
	int rc;

	while ((rc = s3_queue_next(s3->queue, &reply)) == 1) {
		struct s3_step *s = reply.owner;

		if (!s3_step_verify(s, &reply, &call)) {
			finish(s3, s, &reply, ret_result);
			return 1;
		}
		buffer_clear(&reply.result.response);
		rc = s3_queue_submit(s3->queue, &call);
		if (rc < 0)
			return rc;
	}
	return rc;
}

int cache_s3_end_stale_uploads(struct cache_s3 *s3,
                               const struct strings *sorted_keys,
                               size_t *ret_count, char *why, size_t why_size)
{
	struct uploads_search search = {
		.queue = s3->queue,
		.cache = s3->cache,
		.prefix = s3->prefix,
		.sorted_keys = sorted_keys,
	};

	return uploads_end_stale(&search, ret_count, why, why_size);
}
