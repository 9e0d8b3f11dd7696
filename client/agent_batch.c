#include "client/agent_exchange.h"
#include "protocol/varlink/agent_presign.h"
#include "protocol/varlink/agent_sign.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * Batches are cut by number (AGENT_BATCH_MAX) and by an estimate of the larger
 * of message and reply, which both must stay below VARLINK_FRAME_MAX.
 */

#define MESSAGE_ROOM    (VARLINK_FRAME_MAX - 4096)
#define PATH_OVERHEAD   2048 /* of a path or its signatures, without texts */
#define URL_OVERHEAD    3072 /* a URL without the texts of its request */
#define ENCODED_MAX     3    /* bytes that one byte takes in a URL */
#define STRING_OVERHEAD 4    /* quotes, comma, slash */

struct sign_batch {
	const struct agent_cache *cache;
	const struct path_info *const *paths;
	size_t count;
	struct strings *signatures;
};

static size_t path_len(const struct path_info *path, size_t store_dir_len)
{
	size_t len = PATH_OVERHEAD + store_dir_len + strlen(path->base);

	for (size_t i = 0; i < path->references.count; i++) {
		len += store_dir_len + STRING_OVERHEAD +
		       strlen(path->references.items[i]);
	}
	return len;
}

/* How many of the paths go into one call: at least one. */
static size_t count_paths(const struct path_info *const *paths, size_t count,
                          const char *store_dir)
{
	size_t store_dir_len = strlen(store_dir);
	size_t n = 1, len = path_len(paths[0], store_dir_len);

	while (n < count && n < AGENT_BATCH_MAX) {
		len += path_len(paths[n], store_dir_len);
		if (len > MESSAGE_ROOM)
			break;
		n++;
	}
	return n;
}

static int sign_batch(struct agent *agent, const struct sign_batch *batch,
                      struct agent_error *error)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	enum agent_patience patience;
	int rc;

	rc = agent_exchange_prepare(agent, batch->cache->name, &patience,
	                            error);
	if (rc != AGENT_OK)
		return rc;
	buffer_rewind(&agent->out);
	rc = sign_call_encode(batch->cache->name, batch->cache->store_dir,
	                      batch->paths, batch->count, &agent->out);
	if (rc == -EMSGSIZE) {
		error->exit_status = 1;
		(void)snprintf(error->text, sizeof(error->text),
		               "%s: has too many references to be signed",
		               batch->paths[0]->base);
		return AGENT_E_REFUSED;
	}

	rc = agent_exchange(agent, rc, patience, &reply, error);
	if (rc != AGENT_OK)
		return rc;
	rc = sign_reply_decode(&reply, batch->cache->store_dir, batch->paths,
	                       batch->count, batch->signatures);
	return rc < 0 ? agent_exchange_fail(agent, rc, error) : AGENT_OK;
}

/* NOLINTNEXTLINE(readability-function-size): a batch, its results, the error */
int agent_sign(struct agent *agent, const struct agent_cache *cache,
               const struct path_info *const *paths, size_t count,
               struct strings *ret_signatures, struct agent_error *error)
{
	size_t done = 0;

	while (done < count) {
		struct sign_batch batch = {
			.cache = cache,
			.paths = paths + done,
			.count = count_paths(paths + done, count - done,
			                     cache->store_dir),
			.signatures = ret_signatures + done,
		};
		int rc = sign_batch(agent, &batch, error);

		if (rc != AGENT_OK) {
			for (size_t i = 0; i < done; i++)
				strings_clear(&ret_signatures[i]);
			return rc;
		}
		done += batch.count;
	}
	return AGENT_OK;
}

struct presign_batch {
	const char *cache;
	const struct s3_object_request *requests;
	size_t count;
	struct agent_signed_request *responses;
};

static size_t url_len(const struct s3_object_request *request)
{
	return URL_OVERHEAD +
	       ENCODED_MAX * (request->key.len + request->upload_id.len +
	                      request->prefix.len + request->start_after.len +
	                      request->continuation_token.len +
	                      request->key_marker.len +
	                      request->upload_id_marker.len);
}

static size_t count_requests(const struct s3_object_request *requests,
                             size_t count)
{
	size_t n = 1, len = url_len(&requests[0]);

	while (n < count && n < AGENT_BATCH_MAX) {
		len += url_len(&requests[n]);
		if (len > MESSAGE_ROOM)
			break;
		n++;
	}
	return n;
}

static int presign_batch(struct agent *agent, const struct presign_batch *batch,
                         struct agent_error *error)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	enum agent_patience patience;
	int rc;

	rc = agent_exchange_prepare(agent, batch->cache, &patience, error);
	if (rc != AGENT_OK)
		return rc;
	buffer_rewind(&agent->out);
	rc = presign_call_encode(batch->cache, batch->requests, batch->count,
	                         &agent->out);
	rc = agent_exchange(agent, rc, patience, &reply, error);
	if (rc != AGENT_OK)
		return rc;
	rc = presign_reply_decode(&reply, batch->count, batch->responses);
	return rc < 0 ? agent_exchange_fail(agent, rc, error) : AGENT_OK;
}

/* NOLINTNEXTLINE(readability-function-size): a batch, its results, the error */
int agent_presign(struct agent *agent, const char *cache,
                  const struct s3_object_request *requests, size_t count,
                  struct agent_signed_request *ret_requests,
                  struct agent_error *error)
{
	size_t done = 0;

	while (done < count) {
		struct presign_batch batch = {
			.cache = cache,
			.requests = requests + done,
			.count = count_requests(requests + done, count - done),
			.responses = ret_requests + done,
		};
		int rc = presign_batch(agent, &batch, error);

		if (rc != AGENT_OK) {
			for (size_t i = 0; i < done; i++)
				agent_signed_request_clear(&ret_requests[i]);
			return rc;
		}
		done += batch.count;
	}
	return AGENT_OK;
}
