#include "protocol/varlink/agent_presign.h"

#include "protocol/base/text.h"
#include "protocol/s3/object_key.h"
#include "protocol/varlink/interface.h"
#include "protocol/varlink/json_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void presign_call_clear(struct presign_call *presign)
{
	free(presign->requests);
	json_tree_put(presign->texts);
	*presign = (struct presign_call){ .requests = NULL };
}

/* An empty text is the same as none. */
static struct bytes get_text(struct record *record, size_t field, size_t max)
{
	struct bytes text = record_text(record, field, max);

	return text.len > 0 ? text : (struct bytes){ NULL, 0 };
}

static void get_content(struct record *record,
                        struct s3_object_request *request)
{
	struct bytes md5 = record_text(record, OBJECT_FIELD_CONTENT_MD5,
	                               TEXT_BASE64_SIZE(S3_MD5_LEN));

	request->has_content_length =
		record_has(record, OBJECT_FIELD_CONTENT_LENGTH);
	request->content_length =
		(uint64_t)record_int(record, OBJECT_FIELD_CONTENT_LENGTH, 0,
	                             (int64_t)S3_CONTENT_MAX, 0);
	request->if_none_match =
		record_bool(record, OBJECT_FIELD_IF_NONE_MATCH);

	request->has_content_md5 = record_has(record, OBJECT_FIELD_CONTENT_MD5);
	if (request->has_content_md5 &&
	    text_unbase64((const char *)md5.data, md5.len, request->content_md5,
	                  S3_MD5_LEN) < 0)
		record_refuse(record, OBJECT_FIELD_CONTENT_MD5);
}

static void get_listing(struct record *record,
                        struct s3_object_request *request)
{
	request->prefix = get_text(record, OBJECT_FIELD_PREFIX, OBJECT_KEY_MAX);
	request->start_after =
		get_text(record, OBJECT_FIELD_START_AFTER, OBJECT_KEY_MAX);
	request->continuation_token =
		get_text(record, OBJECT_FIELD_CONTINUATION_TOKEN, S3_TOKEN_MAX);
	request->key_marker =
		get_text(record, OBJECT_FIELD_KEY_MARKER, OBJECT_KEY_MAX);
	request->upload_id_marker = get_text(
		record, OBJECT_FIELD_UPLOAD_ID_MARKER, S3_UPLOAD_ID_MAX);
	request->max_keys = (uint32_t)record_int(record, OBJECT_FIELD_MAX_KEYS,
	                                         1, S3_MAX_KEYS_MAX, 0);
}

/* 0 means "not given" in a request, so it may not be said. */
static int decode_request(const struct json_value *object,
                          struct record *record,
                          struct s3_object_request *request)
{
	struct bytes operation;

	record_read(record, &shape_object_request, object, RECORD_STRICT);
	operation =
		record_text(record, OBJECT_FIELD_OPERATION, VARLINK_NAME_MAX);
	if (!record->error &&
	    s3_operation_parse(operation, &request->operation) < 0)
		record_refuse(record, OBJECT_FIELD_OPERATION);

	request->key = get_text(record, OBJECT_FIELD_KEY, OBJECT_KEY_MAX);
	request->expires = (uint32_t)record_int(record, OBJECT_FIELD_EXPIRES, 1,
	                                        S3_EXPIRES_MAX, 0);
	request->upload_id =
		get_text(record, OBJECT_FIELD_UPLOAD_ID, S3_UPLOAD_ID_MAX);
	request->part_number = (uint32_t)record_int(
		record, OBJECT_FIELD_PART_NUMBER, 1, S3_PART_MAX, 0);
	request->part_number_marker = (uint32_t)record_int(
		record, OBJECT_FIELD_PART_NUMBER_MARKER, 0, S3_PART_MAX, 0);
	get_content(record, request);
	get_listing(record, request);
	return record_end(record);
}

static int decode_requests(struct record *batch, struct record *item,
                           struct presign_call *presign)
{
	size_t count = record_list(batch, BATCH_FIELD_ITEMS, AGENT_BATCH_MAX);

	if (count == 0) {
		record_refuse(batch, BATCH_FIELD_ITEMS);
		return record_end(batch);
	}
	presign->requests = calloc(count, sizeof(*presign->requests));
	if (!presign->requests)
		return -ENOMEM;

	presign->count = count;
	for (size_t i = 0; i < count; i++) {
		const struct json_value *object =
			record_item(batch, BATCH_FIELD_ITEMS, i);
		int rc;

		if (!object)
			return record_end(batch);
		rc = decode_request(object, item, &presign->requests[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int decode_pressure(struct record *batch, struct record *item,
                           struct agent_pressure *pressure)
{
	const struct json_value *object =
		record_object(batch, BATCH_FIELD_PRESSURE);

	if (!object)
		return record_end(batch);
	record_read(item, &shape_pressure, object, RECORD_STRICT);
	pressure->slow_downs = (uint32_t)record_int(
		item, PRESSURE_FIELD_SLOW_DOWNS, 0, AGENT_ANSWERS_MAX, 0);
	pressure->successes = (uint32_t)record_int(
		item, PRESSURE_FIELD_SUCCESSES, 0, AGENT_ANSWERS_MAX, 0);
	pressure->pause_ms = (uint32_t)record_int(item, PRESSURE_FIELD_PAUSE_MS,
	                                          0, AGENT_PAUSE_MAX, 0);
	return record_end(item);
}

int presign_call_decode(const struct varlink_call *call,
                        struct presign_call *ret_presign,
                        struct error_reply *ret_error)
{
	struct presign_call presign = { .texts = NULL };
	struct record batch, item = { .bad = NULL };
	int rc;

	record_read(&batch, &interface_method(AGENT_METHOD_PRESIGN)->call,
	            call->parameters, RECORD_STRICT);
	record_copy_text(&batch, BATCH_FIELD_CACHE, presign.cache,
	                 sizeof(presign.cache));
	rc = record_end(&batch);
	if (rc == 0)
		rc = decode_requests(&batch, &item, &presign);
	if (rc == 0)
		rc = decode_pressure(&batch, &item, &presign.pressure);
	if (rc == 0) {
		presign.texts = json_tree_get(call->tree);
		*ret_presign = presign;
		return CALL_OK;
	}

	presign_call_clear(&presign);
	if (rc != -EINVAL)
		return rc;
	*ret_error = error_reply_make(ERROR_INVALID_PARAMETER,
	                              batch.bad ? batch.bad : item.bad);
	return CALL_E_REFUSED;
}

static void put_text_if(struct buffer *out, const char *key, struct bytes text)
{
	if (text.len > 0)
		json_put_text_member(out, key, text);
}

static void put_int_if(struct buffer *out, const char *key, uint32_t value)
{
	if (value > 0)
		json_put_int_member(out, key, value);
}

static void put_content(struct buffer *out,
                        const struct s3_object_request *request)
{
	if (request->has_content_length) {
		json_put_int_member(out, "contentLength",
		                    (int64_t)request->content_length);
	}
	if (request->has_content_md5) {
		char md5[TEXT_BASE64_SIZE(S3_MD5_LEN)];

		text_base64(request->content_md5, S3_MD5_LEN, md5);
		json_put_text_member(out, "contentMd5", bytes_of_text(md5));
	}
	if (request->if_none_match)
		json_put_true_member(out, "ifNoneMatch");
}

static void put_request(struct buffer *out,
                        const struct s3_object_request *request)
{
	buffer_append_char(out, '{');
	json_put_text_member(
		out, "operation",
		bytes_of_text(s3_operation_name(request->operation)));
	put_text_if(out, "key", request->key);
	put_int_if(out, "expires", request->expires);
	put_content(out, request);
	put_text_if(out, "uploadId", request->upload_id);
	put_int_if(out, "partNumber", request->part_number);
	put_int_if(out, "partNumberMarker", request->part_number_marker);
	put_text_if(out, "prefix", request->prefix);
	put_text_if(out, "startAfter", request->start_after);
	put_text_if(out, "continuationToken", request->continuation_token);
	put_text_if(out, "keyMarker", request->key_marker);
	put_text_if(out, "uploadIdMarker", request->upload_id_marker);
	put_int_if(out, "maxKeys", request->max_keys);
	buffer_append_char(out, '}');
}

static void put_pressure(struct buffer *out,
                         const struct agent_pressure *pressure)
{
	if (pressure->slow_downs == 0 && pressure->successes == 0 &&
	    pressure->pause_ms == 0)
		return;
	json_put_key(out, "pressure");
	buffer_append_char(out, '{');
	json_put_int_member(out, "slowDowns", pressure->slow_downs);
	json_put_int_member(out, "successes", pressure->successes);
	json_put_int_member(out, "pauseMs", pressure->pause_ms);
	buffer_append_char(out, '}');
}

int presign_call_encode(const char *cache,
                        const struct s3_object_request *requests, size_t count,
                        const struct agent_pressure *pressure,
                        struct buffer *out)
{
	size_t mark =
		call_begin(out, agent_method_name(AGENT_METHOD_PRESIGN), false);

	json_put_text_member(out, "cache", bytes_of_text(cache));
	json_put_key(out, "requests");
	buffer_append_char(out, '[');
	for (size_t i = 0; i < count; i++) {
		json_put_next(out);
		put_request(out, &requests[i]);
	}
	buffer_append_char(out, ']');
	put_pressure(out, pressure);
	return call_end(out, mark);
}

size_t presign_reply_begin(struct buffer *out)
{
	size_t mark = call_begin_reply(out, false);

	json_put_key(out, "responses");
	buffer_append_char(out, '[');
	return mark;
}

void presign_reply_add(struct buffer *out,
                       const struct presign_response *response)
{
	json_put_next(out);
	buffer_append_char(out, '{');
	json_put_text_member(out, "method", bytes_of_text(response->method));
	json_put_text_member(out, "url", response->url);
	json_put_key(out, "headers");
	buffer_append_char(out, '{');
	for (size_t i = 0; i < response->header_count; i++) {
		json_put_text_member(out, response->headers[i].name,
		                     response->headers[i].value);
	}
	buffer_append_char(out, '}');
	json_put_int_member(out, "expiresAt", response->expires_at);
	buffer_append_char(out, '}');
}

static void put_pace(struct buffer *out, const struct agent_pace *pace)
{
	if (pace->in_flight == 0)
		return;
	json_put_key(out, "pace");
	buffer_append_char(out, '{');
	json_put_int_member(out, "inFlight", pace->in_flight);
	json_put_int_member(out, "pauseMs", pace->pause_ms);
	buffer_append_char(out, '}');
}

int presign_reply_end(struct buffer *out, size_t mark,
                      const struct agent_pace *pace)
{
	buffer_append_char(out, ']');
	put_pace(out, pace);
	return call_end(out, mark);
}

static struct presign_response
response_of(const struct agent_signed_request *request)
{
	struct presign_response response = {
		.method = request->method,
		.url = bytes_of_text(request->url),
		.header_count = request->header_count,
		.expires_at = request->expires_at,
	};

	for (size_t i = 0; i < request->header_count; i++) {
		response.headers[i] = (struct presign_header){
			request->headers[i].name,
			bytes_of_text(request->headers[i].value),
		};
	}
	return response;
}

int presign_reply_encode(const struct agent_signed_request *responses,
                         size_t count, const struct agent_pace *pace,
                         struct buffer *out)
{
	size_t mark = presign_reply_begin(out);

	for (size_t i = 0; i < count; i++) {
		const struct presign_response response =
			response_of(&responses[i]);

		presign_reply_add(out, &response);
	}
	return presign_reply_end(out, mark, pace);
}

/* Printable ASCII without spaces, so that it can be put into a request line or
 * a header as it is. */
static bool is_visible(const char *text, bool may_space)
{
	for (; *text != '\0'; text++) {
		if (*text < (may_space ? ' ' : '!') || *text > '~')
			return false;
	}
	return true;
}

static void get_header(struct record *record, const struct json_value *member,
                       struct agent_signed_request *response)
{
	struct agent_header *header =
		&response->headers[response->header_count];
	const char *text;

	if (response->header_count == AGENT_HEADERS_MAX ||
	    member->kind != JSON_TEXT) {
		record_refuse(record, SIGNED_FIELD_HEADERS);
		return;
	}

	text = member->text;
	if (member->name_len == 0 || member->name_len >= sizeof(header->name) ||
	    member->count >= sizeof(header->value) ||
	    !is_visible(member->name, false) || strchr(member->name, ':') ||
	    !is_visible(text, true)) {
		record_refuse(record, SIGNED_FIELD_HEADERS);
		return;
	}
	memcpy(header->name, member->name, member->name_len + 1);
	memcpy(header->value, text, member->count + 1);
	response->header_count++;
}

static void get_headers(struct record *record,
                        struct agent_signed_request *response)
{
	const struct json_value *map = record->values[SIGNED_FIELD_HEADERS];
	const struct json_value *member = json_first(map);

	for (uint32_t i = 0; i < map->count; i++) {
		get_header(record, member, response);
		member = json_after(member);
	}
}

/* 0, -ENOMEM, -EINVAL; on failure response may be half filled. */
static int decode_response(const struct json_value *object,
                           struct agent_signed_request *response)
{
	struct record record;

	record_read(&record, &shape_signed_request, object, RECORD_LENIENT);
	record_copy_text(&record, SIGNED_FIELD_METHOD, response->method,
	                 sizeof(response->method));
	response->expires_at =
		record_int(&record, SIGNED_FIELD_EXPIRES_AT, 0, INT64_MAX, 0);
	response->url =
		record_dup_text(&record, SIGNED_FIELD_URL, AGENT_URL_MAX);
	if (record_end(&record) < 0)
		return record_end(&record);

	if (response->url[0] == '\0' || !is_visible(response->url, false))
		record_refuse(&record, SIGNED_FIELD_URL);
	if (response->method[0] == '\0' || !is_visible(response->method, false))
		record_refuse(&record, SIGNED_FIELD_METHOD);
	get_headers(&record, response);
	return record_end(&record);
}

static int decode_pace(struct record *record, struct agent_pace *ret_pace)
{
	const struct json_value *object =
		record_object(record, PRESIGNED_FIELD_PACE);
	struct agent_pace pace = { .in_flight = 0 };
	struct record r;

	*ret_pace = pace;
	if (!object)
		return record_end(record);
	record_read(&r, &shape_pace, object, RECORD_LENIENT);
	pace.in_flight = (uint32_t)record_int(&r, PACE_FIELD_IN_FLIGHT, 1,
	                                      AGENT_IN_FLIGHT_MAX, 0);
	pace.pause_ms = (uint32_t)record_int(&r, PACE_FIELD_PAUSE_MS, 0,
	                                     AGENT_PAUSE_MAX, 0);
	if (record_end(&r) == 0)
		*ret_pace = pace;
	return record_end(&r);
}

int presign_reply_decode(const struct varlink_reply *reply, size_t count,
                         struct agent_signed_request *ret_responses,
                         struct agent_pace *ret_pace)
{
	struct record record;
	int rc;

	for (size_t i = 0; i < count; i++)
		ret_responses[i] = (struct agent_signed_request){ .url = NULL };
	record_read(&record, &interface_method(AGENT_METHOD_PRESIGN)->reply,
	            reply->parameters, RECORD_LENIENT);
	if (record_list(&record, PRESIGNED_FIELD_RESPONSES, count) != count)
		record_refuse(&record, PRESIGNED_FIELD_RESPONSES);
	rc = decode_pace(&record, ret_pace);

	for (size_t i = 0; i < count && rc == 0; i++) {
		const struct json_value *item =
			record_item(&record, PRESIGNED_FIELD_RESPONSES, i);

		rc = item ? decode_response(item, &ret_responses[i])
		          : record_end(&record);
	}
	if (rc < 0) {
		for (size_t i = 0; i < count; i++)
			agent_signed_request_clear(&ret_responses[i]);
	}
	return rc == -EINVAL ? -EBADMSG : rc;
}
