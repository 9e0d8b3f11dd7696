#include "agent/vault/presign.h"

#include "protocol/base/cursor.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* A server whose clock runs behind ours refuses a date in its future; the
 * grace is added to the lifetime again, so the promised end holds. */
#define CLOCK_GRACE     30               /* seconds */
#define EXPIRES_CEILING (7U * 24 * 3600) /* AWS: X-Amz-Expires at most 604800 */

static struct s3_place place_of(const struct store_uri *store)
{
	return (struct s3_place){
		.is_plain_http = store->is_plain_http,
		.is_virtual_host = store->addressing == ADDRESSING_VIRTUAL,
		.endpoint = store->endpoint,
		.bucket = store->bucket,
		.prefix = store->prefix,
		.region = store->region,
	};
}

static uint32_t lifetime_of(const struct s3_object_request *request)
{
	uint32_t asked = request->expires > 0 ? request->expires
	                                      : S3_EXPIRES_USUAL;

	return asked < EXPIRES_CEILING - CLOCK_GRACE
	               ? asked
	               : EXPIRES_CEILING - CLOCK_GRACE;
}

/* Deriving is four HMACs; within a day it is done once. */
static const struct sigv4_key *day_key(struct credentials *credentials,
                                       const struct sigv4_scope *scope)
{
	struct sigv4_key *day = &credentials->day;

	if (memcmp(day->date, scope->amz_date, SIGV4_DAY_LEN) != 0) {
		sigv4_key_derive(day,
		                 (struct bytes){ credentials->secret,
		                                 credentials->secret_len },
		                 scope->amz_date, scope->region,
		                 scope->service);
	}
	return day;
}

/* Appends the URL.  0 or -errno. */
static int append_url(struct credentials *credentials,
                      const struct store_uri *store,
                      const struct s3_object_request *request, int64_t now,
                      struct buffer *out)
{
	const struct s3_place place = place_of(store);
	struct sigv4_scope scope = {
		.access_key_id = { credentials->id, credentials->id_len },
		.session_token = { credentials->token, credentials->token_len },
		.region = place.region,
		.service = "s3",
		.expires = lifetime_of(request) + CLOCK_GRACE,
	};
	struct sigv4_request canonical;
	left_unfilled struct s3_scratch scratch;
	int rc;

	sigv4_format_date(now - CLOCK_GRACE, scope.amz_date);
	rc = s3_object_request_build(&place, request, &scratch, &canonical);
	if (rc < 0)
		return rc;

	return sigv4_presign(day_key(credentials, &scope), &canonical, &scope,
	                     out);
}

/* A whole VAULT_URL frame.  The URL's length is filled in when it is known.
 * 0, or -errno with out as it was. */
static int append_reply(struct desk *desk, uint16_t cache,
                        const struct s3_object_request *request, uint64_t tag,
                        struct buffer *out)
{
	const size_t start = out->len;
	const struct store_uri *store = &desk->config->caches[cache].store;
	size_t mark, url_at, len;
	struct timespec now;
	int rc;

	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		return -EIO;

	mark = wire_begin(out, VAULT_URL, tag);
	buffer_put_u64(out, (uint64_t)now.tv_sec + lifetime_of(request));
	buffer_put_u16(out, 0);
	url_at = out->len;
	rc = append_url(keyring_find_credentials(desk->keyring, cache), store,
	                request, now.tv_sec, out);
	len = out->len - url_at;
	if (rc < 0 || len > AGENT_URL_MAX) {
		buffer_rewind(out);
		out->len = start;
		return rc < 0 ? rc : -EMSGSIZE;
	}

	out->data[url_at - 2] = (uint8_t)(len >> 8);
	out->data[url_at - 1] = (uint8_t)len;
	wire_finish(out, mark);
	return 0;
}

enum vault_outcome presign_answer(struct desk *desk,
                                  const struct wire_frame *frame,
                                  struct buffer *out,
                                  struct vault_fault *ret_fault)
{
	struct s3_object_request request;
	const struct credentials *credentials;
	const char *wrong;
	uint16_t cache;

	if (!desk->keyring->is_loaded) {
		ret_fault->detail = "no secrets are loaded";
		return OUTCOME_NOT_LOADED;
	}
	if (wire_get_presign(frame->body, &cache, &request) < 0 ||
	    cache >= desk->config->cache_count) {
		ret_fault->detail = "not a presign request";
		return OUTCOME_BAD_REQUEST;
	}
	wrong = s3_object_request_check(&request);
	if (wrong) {
		ret_fault->detail = wrong;
		return OUTCOME_BAD_REQUEST;
	}
	credentials = keyring_find_credentials(desk->keyring, cache);
	if (desk->config->caches[cache].store.kind != STORE_URI_S3 ||
	    !credentials || credentials->id_len == 0 ||
	    credentials->secret_len == 0) {
		ret_fault->detail = "the cache has no S3 credentials";
		return OUTCOME_NO_SUCH_SECRET;
	}
	if (append_reply(desk, cache, &request, frame->tag, out) < 0) {
		ret_fault->detail = "the URL would be too long";
		return OUTCOME_BAD_REQUEST;
	}
	return OUTCOME_DONE;
}
