#include "protocol/varlink/agent_status.h"

#include "protocol/varlink/interface.h"
#include "protocol/varlink/json_write.h"
#include "protocol/varlink/words.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define TEXT_MAX     4096 /* of one text in a status */
#define KEY_LIST_MAX 1024
#define MEASURES_MAX 256
#define COUNTER_MAX  999999999999999999 /* what SCAN_DIGITS_MAX can say */

/* -1 is not said. */
static void put_int_if(struct buffer *out, const char *key, int64_t value)
{
	if (value >= 0)
		json_put_int_member(out, key, value);
}

static void put_counter(struct buffer *out, const char *key, uint64_t value)
{
	json_put_int_member(out, key,
	                    value < COUNTER_MAX ? (int64_t)value : COUNTER_MAX);
}

static void put_confirmations(struct buffer *out, uint32_t confirm)
{
	json_put_key(out, "confirm");
	buffer_append_char(out, '[');
	for (int i = 0; i < CONFIRM_COUNT; i++) {
		if (!(confirm & (1U << i)))
			continue;
		json_put_next(out);
		json_put_text(out, bytes_of_text(confirmation_name(
					   (enum confirmation)i)));
	}
	buffer_append_char(out, ']');
}

static void put_audit(struct buffer *out, const struct agent_audit *audit)
{
	json_put_key(out, "audit");
	buffer_append_char(out, '{');
	json_put_text_member(out, "path", bytes_of_text(audit->path));
	put_counter(out, "sequence", audit->sequence);
	json_put_text_member(out, "head", bytes_of_text(audit->head));
	if (audit->failure) {
		json_put_text_member(out, "failure",
		                     bytes_of_text(audit->failure));
	}
	buffer_append_char(out, '}');
}

static void put_cache(struct buffer *out, const struct agent_cache *cache)
{
	buffer_append_char(out, '{');
	json_put_text_member(out, "name", bytes_of_text(cache->name));
	json_put_text_member(out, "store", bytes_of_text(cache->store));
	json_put_text_member(out, "storeDir", bytes_of_text(cache->store_dir));
	json_put_texts_member(out, "publicKeys", &cache->public_keys);
	json_put_texts_member(out, "upstreamKeys", &cache->upstream_keys);
	json_put_text_member(out, "compression",
	                     bytes_of_text(cache->compression));
	put_int_if(out, "compressionLevel", cache->compression_level);
	put_int_if(out, "priority", cache->priority);
	json_put_text_member(
		out, "signPolicy",
		bytes_of_text(sign_policy_name(cache->sign_policy)));
	put_confirmations(out, cache->confirm);
	if (cache->in_flight > 0)
		json_put_int_member(out, "inFlight", cache->in_flight);
	buffer_append_char(out, '}');
}

static void put_measure(struct buffer *out, const struct agent_measure *measure)
{
	buffer_append_char(out, '{');
	json_put_text_member(out, "name", bytes_of_text(measure->name));
	json_put_text_member(out, "process", bytes_of_text(measure->process));
	json_put_text_member(out, "state",
	                     bytes_of_text(measure_state_name(measure->state)));
	json_put_text_member(out, "detail", bytes_of_text(measure->detail));
	buffer_append_char(out, '}');
}

static void put_members(struct buffer *out, const struct agent_status *status)
{
	json_put_text_member(out, "version", bytes_of_text(status->version));
	json_put_int_member(out, "pid", status->pid);
	json_put_text_member(out, "state",
	                     bytes_of_text(agent_state_name(status->state)));
	json_put_key(out, "caches");
	buffer_append_char(out, '[');
	for (size_t i = 0; i < status->cache_count; i++) {
		json_put_next(out);
		put_cache(out, &status->caches[i]);
	}
	buffer_append_char(out, ']');
	put_int_if(out, "lifetimeLeft", status->lifetime_left);
	put_int_if(out, "idleLeft", status->idle_left);
	put_counter(out, "signatures", status->signature_count);
	put_counter(out, "urls", status->url_count);
	put_counter(out, "sourceRuns", status->source_runs);
	json_put_key(out, "hardening");
	buffer_append_char(out, '[');
	for (size_t i = 0; i < status->measure_count; i++) {
		json_put_next(out);
		put_measure(out, &status->measures[i]);
	}
	buffer_append_char(out, ']');
	json_put_text_member(out, "scope", bytes_of_text(status->scope));
	if (status->audit.path)
		put_audit(out, &status->audit);
}

void status_put_object(const struct agent_status *status, struct buffer *out)
{
	buffer_append_char(out, '{');
	put_members(out, status);
	buffer_append_char(out, '}');
}

int status_reply_encode(const struct agent_status *status, struct buffer *out)
{
	size_t mark = call_begin_reply(out, false);

	put_members(out, status);
	return call_end(out, mark);
}

static void decode_confirmations(struct record *r, struct agent_cache *cache)
{
	size_t count = record_list(r, CACHE_FIELD_CONFIRM, CONFIRM_COUNT);

	for (size_t i = 0; i < count; i++) {
		struct bytes word =
			record_item_text(r, CACHE_FIELD_CONFIRM, i, TEXT_MAX);
		enum confirmation confirmation;

		/* A later agent may ask about more. */
		if (words_find_confirmation(word, &confirmation) == 0)
			cache->confirm |= 1U << confirmation;
	}
}

static int decode_cache(const struct json_value *object,
                        struct agent_cache *cache)
{
	struct bytes policy;
	struct record r;

	record_read(&r, &shape_cache, object, RECORD_LENIENT);
	cache->name =
		record_dup_text(&r, CACHE_FIELD_NAME, AGENT_CACHE_NAME_MAX);
	cache->store = record_dup_text(&r, CACHE_FIELD_STORE, TEXT_MAX);
	cache->store_dir = record_dup_text(&r, CACHE_FIELD_STORE_DIR, TEXT_MAX);
	cache->compression =
		record_dup_text(&r, CACHE_FIELD_COMPRESSION, TEXT_MAX);
	cache->compression_level = (int)record_int(
		&r, CACHE_FIELD_COMPRESSION_LEVEL, 0, INT_MAX, -1);
	cache->priority =
		(int)record_int(&r, CACHE_FIELD_PRIORITY, 0, INT_MAX, -1);
	(void)record_list(&r, CACHE_FIELD_PUBLIC_KEYS, KEY_LIST_MAX);
	record_add_texts(&r, CACHE_FIELD_PUBLIC_KEYS, TEXT_MAX,
	                 &cache->public_keys);
	(void)record_list(&r, CACHE_FIELD_UPSTREAM_KEYS, KEY_LIST_MAX);
	record_add_texts(&r, CACHE_FIELD_UPSTREAM_KEYS, TEXT_MAX,
	                 &cache->upstream_keys);
	policy = record_text(&r, CACHE_FIELD_SIGN_POLICY, TEXT_MAX);
	if (words_find_sign_policy(policy, &cache->sign_policy) < 0)
		record_refuse(&r, CACHE_FIELD_SIGN_POLICY);
	decode_confirmations(&r, cache);
	cache->in_flight =
		(uint32_t)record_int(&r, CACHE_FIELD_IN_FLIGHT, 1, INT_MAX, 0);
	return record_end(&r);
}

static int decode_caches(struct record *record, struct agent_status *status)
{
	size_t count =
		record_list(record, STATUS_FIELD_CACHES, AGENT_CACHES_MAX);
	int rc = record_end(record);

	if (rc < 0 || count == 0)
		return rc;

	status->caches = calloc(count, sizeof(*status->caches));
	if (!status->caches)
		return -ENOMEM;
	status->cache_count = count;
	for (size_t i = 0; i < count && rc == 0; i++) {
		const struct json_value *item =
			record_item(record, STATUS_FIELD_CACHES, i);

		rc = item ? decode_cache(item, &status->caches[i])
		          : record_end(record);
	}
	return rc;
}

static int decode_measure(const struct json_value *object,
                          struct agent_measure *measure)
{
	struct record r;
	struct bytes state;

	record_read(&r, &shape_measure, object, RECORD_LENIENT);
	record_copy_text(&r, MEASURE_FIELD_NAME, measure->name,
	                 sizeof(measure->name));
	record_copy_text(&r, MEASURE_FIELD_PROCESS, measure->process,
	                 sizeof(measure->process));
	record_copy_text(&r, MEASURE_FIELD_DETAIL, measure->detail,
	                 sizeof(measure->detail));
	state = record_text(&r, MEASURE_FIELD_STATE, TEXT_MAX);
	if (words_find_measure_state(state, &measure->state) < 0)
		record_refuse(&r, MEASURE_FIELD_STATE);
	return record_end(&r);
}

static int decode_measures(struct record *record, struct agent_status *status)
{
	size_t count =
		record_list(record, STATUS_FIELD_HARDENING, MEASURES_MAX);
	int rc = record_end(record);

	if (rc < 0 || count == 0)
		return rc;

	status->measures = calloc(count, sizeof(*status->measures));
	if (!status->measures)
		return -ENOMEM;
	status->measure_count = count;
	for (size_t i = 0; i < count && rc == 0; i++) {
		const struct json_value *item =
			record_item(record, STATUS_FIELD_HARDENING, i);

		rc = item ? decode_measure(item, &status->measures[i])
		          : record_end(record);
	}
	return rc;
}

static int decode_audit(struct record *record, struct agent_audit *audit)
{
	const struct json_value *object =
		record_object(record, STATUS_FIELD_AUDIT);
	struct record r;

	if (!object)
		return record_end(record);
	record_read(&r, &shape_audit, object, RECORD_LENIENT);
	audit->path = record_dup_text(&r, AUDIT_FIELD_PATH, TEXT_MAX);
	audit->sequence = (uint64_t)record_int(&r, AUDIT_FIELD_SEQUENCE, 0,
	                                       COUNTER_MAX, 0);
	record_copy_text(&r, AUDIT_FIELD_HEAD, audit->head,
	                 sizeof(audit->head));
	if (record_has(&r, AUDIT_FIELD_FAILURE)) {
		audit->failure =
			record_dup_text(&r, AUDIT_FIELD_FAILURE, TEXT_MAX);
	}
	return record_end(&r);
}

static void decode_scalars(struct record *record, struct agent_status *status)
{
	struct bytes state = record_text(record, STATUS_FIELD_STATE, TEXT_MAX);

	if (words_find_state(state, &status->state) < 0)
		record_refuse(record, STATUS_FIELD_STATE);
	status->version =
		record_dup_text(record, STATUS_FIELD_VERSION, TEXT_MAX);
	status->scope = record_dup_text(record, STATUS_FIELD_SCOPE, TEXT_MAX);
	status->pid = record_int(record, STATUS_FIELD_PID, 0, INT_MAX, 0);
	status->lifetime_left = record_int(record, STATUS_FIELD_LIFETIME_LEFT,
	                                   0, COUNTER_MAX, -1);
	status->idle_left =
		record_int(record, STATUS_FIELD_IDLE_LEFT, 0, COUNTER_MAX, -1);
	status->signature_count = (uint64_t)record_int(
		record, STATUS_FIELD_SIGNATURES, 0, COUNTER_MAX, 0);
	status->url_count = (uint64_t)record_int(record, STATUS_FIELD_URLS, 0,
	                                         COUNTER_MAX, 0);
	status->source_runs = (uint64_t)record_int(
		record, STATUS_FIELD_SOURCE_RUNS, 0, COUNTER_MAX, 0);
}

int status_reply_decode(const struct varlink_reply *reply,
                        struct agent_status *ret_status)
{
	struct agent_status status = { .version = NULL };
	struct record record;
	int rc;

	record_read(&record, &interface_method(AGENT_METHOD_STATUS)->reply,
	            reply->parameters, RECORD_LENIENT);
	decode_scalars(&record, &status);
	rc = decode_caches(&record, &status);
	if (rc == 0)
		rc = decode_measures(&record, &status);
	if (rc == 0)
		rc = decode_audit(&record, &status.audit);
	if (rc < 0) {
		agent_status_clear(&status);
		return rc == -EINVAL ? -EBADMSG : rc;
	}

	/* gcc's analyzer does not see pointers move with a whole struct. */
	*ret_status = status;
	ret_status->caches = status.caches;
	ret_status->measures = status.measures;
	return 0;
}

int unlock_reply_encode(enum agent_state state, bool continues,
                        struct buffer *out)
{
	size_t mark = call_begin_reply(out, continues);

	json_put_text_member(out, "state",
	                     bytes_of_text(agent_state_name(state)));
	return call_end(out, mark);
}

int unlock_reply_decode(const struct varlink_reply *reply,
                        enum agent_state *ret_state)
{
	struct record record;
	struct bytes state;

	record_read(&record, &interface_method(AGENT_METHOD_UNLOCK)->reply,
	            reply->parameters, RECORD_LENIENT);
	state = record_text(&record, 0, TEXT_MAX);
	if (record_end(&record) < 0)
		return -EBADMSG;
	return words_find_state(state, ret_state) < 0 ? -EBADMSG : 0;
}
