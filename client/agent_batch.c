#include "client/agent_exchange.h"
#include "client/agent_sentence.h"
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

static int ask_for_urls(struct agent *agent, const struct presign_order *batch,
                        enum agent_patience patience,
                        struct varlink_reply *ret_reply,
                        struct agent_error *error)
{
	int rc;

	buffer_rewind(&agent->out);
	rc = presign_call_encode(batch->cache, batch->requests, batch->count,
	                         &batch->pressure, &agent->out);
	return agent_exchange_any(agent, rc, patience, ret_reply, error);
}

/* True of an agent from before there was a pressure. */
static bool is_unknown_there(const struct varlink_reply *reply)
{
	struct error_reply error;

	return reply->error[0] != '\0' &&
	       error_reply_decode(reply, &error) == 0 &&
	       error.error == ERROR_INVALID_PARAMETER &&
	       strcmp(error.text, "pressure") == 0;
}

static int presign_batch(struct agent *agent, struct presign_order *batch,
                         struct agent_signed_request *ret_requests,
                         struct agent_pace *ret_pace, struct agent_error *error)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	enum agent_patience patience;
	int rc;

	rc = agent_exchange_prepare(agent, batch->cache, &patience, error);
	if (rc != AGENT_OK)
		return rc;
	if (agent->is_too_old)
		batch->pressure = (struct agent_pressure){ .slow_downs = 0 };
	rc = ask_for_urls(agent, batch, patience, &reply, error);
	if (rc == AGENT_OK && is_unknown_there(&reply)) {
		agent->is_too_old = true;
		batch->pressure = (struct agent_pressure){ .slow_downs = 0 };
		reply_clear(&reply);
		rc = ask_for_urls(agent, batch, patience, &reply, error);
	}
	if (rc != AGENT_OK)
		return rc;
	if (reply.error[0] != '\0')
		return agent_sentence_reply(&reply, error);
	rc = presign_reply_decode(&reply, batch->count, ret_requests, ret_pace);
	return rc < 0 ? agent_exchange_fail(agent, rc, error) : AGENT_OK;
}

int agent_presign(struct agent *agent, const struct presign_order *order,
                  struct agent_signed_request *ret_requests,
                  struct agent_pace *ret_pace, struct agent_error *error)
{
	struct presign_order batch = *order;
	size_t done = 0;

	while (done < order->count) {
		int rc;

		batch.requests = order->requests + done;
		batch.count =
			count_requests(batch.requests, order->count - done);
		rc = presign_batch(agent, &batch, ret_requests + done, ret_pace,
		                   error);
		if (rc != AGENT_OK) {
			for (size_t i = 0; i < done; i++)
				agent_signed_request_clear(&ret_requests[i]);
			return rc;
		}
		/* It is said once. */
		batch.pressure = (struct agent_pressure){ .slow_downs = 0 };
		done += batch.count;
	}
	return AGENT_OK;
}
