#include "protocol/varlink/call.h"

#include "protocol/base/cleanup.h"
#include "protocol/varlink/json_read.h"
#include "protocol/varlink/json_write.h"
#include "protocol/varlink/record.h"

#include <errno.h>

enum call_field {
	CALL_FIELD_METHOD,
	CALL_FIELD_PARAMETERS,
	CALL_FIELD_ONEWAY,
	CALL_FIELD_MORE,
	CALL_FIELD_UPGRADE,
};

static const struct field call_fields[] = {
	[CALL_FIELD_METHOD] = { "method", "string", FIELD_TEXT },
	[CALL_FIELD_PARAMETERS] = { "parameters", "?object", FIELD_OBJECT },
	[CALL_FIELD_ONEWAY] = { "oneway", "?bool", FIELD_BOOL },
	[CALL_FIELD_MORE] = { "more", "?bool", FIELD_BOOL },
	[CALL_FIELD_UPGRADE] = { "upgrade", "?bool", FIELD_BOOL },
};

static const struct shape call_shape = {
	"call", call_fields, sizeof(call_fields) / sizeof(call_fields[0])
};

enum reply_field {
	REPLY_FIELD_PARAMETERS,
	REPLY_FIELD_CONTINUES,
	REPLY_FIELD_ERROR,
};

static const struct field reply_fields[] = {
	[REPLY_FIELD_PARAMETERS] = { "parameters", "?object", FIELD_OBJECT },
	[REPLY_FIELD_CONTINUES] = { "continues", "?bool", FIELD_BOOL },
	[REPLY_FIELD_ERROR] = { "error", "?string", FIELD_TEXT },
};

static const struct shape reply_shape = {
	"reply", reply_fields, sizeof(reply_fields) / sizeof(reply_fields[0])
};

static int parse_json(struct bytes frame, struct json_tree **ret_tree)
{
	if (frame.len >= VARLINK_FRAME_MAX)
		return -EBADMSG;
	return json_read(frame, ret_tree);
}

int call_decode(struct bytes frame, struct varlink_call *ret_call)
{
	cleanup_json struct json_tree *tree = NULL;
	struct varlink_call call = { .parameters = NULL };
	struct record record;
	int rc;

	rc = parse_json(frame, &tree);
	if (rc < 0)
		return rc;

	record_read(&record, &call_shape, json_tree_root(tree), RECORD_STRICT);
	record_copy_text(&record, CALL_FIELD_METHOD, call.method,
	                 sizeof(call.method));
	call.is_oneway = record_bool(&record, CALL_FIELD_ONEWAY);
	call.wants_more = record_bool(&record, CALL_FIELD_MORE);
	call.wants_upgrade = record_bool(&record, CALL_FIELD_UPGRADE);
	if (record_end(&record) < 0 || (call.is_oneway && call.wants_more))
		return -EBADMSG;

	call.parameters = record_object(&record, CALL_FIELD_PARAMETERS);
	call.tree = take_ptr(tree);
	*ret_call = call;
	return 0;
}

void call_clear(struct varlink_call *call)
{
	json_tree_put(call->tree);
	*call = (struct varlink_call){ .parameters = NULL };
}

int reply_decode(struct bytes frame, struct varlink_reply *ret_reply)
{
	cleanup_json struct json_tree *tree = NULL;
	struct varlink_reply reply = { .parameters = NULL };
	struct record record;
	int rc;

	rc = parse_json(frame, &tree);
	if (rc < 0)
		return rc;

	record_read(&record, &reply_shape, json_tree_root(tree),
	            RECORD_LENIENT);
	record_copy_text(&record, REPLY_FIELD_ERROR, reply.error,
	                 sizeof(reply.error));
	reply.continues = record_bool(&record, REPLY_FIELD_CONTINUES);
	if (record_end(&record) < 0)
		return -EBADMSG;

	reply.parameters = record_object(&record, REPLY_FIELD_PARAMETERS);
	reply.tree = take_ptr(tree);
	*ret_reply = reply;
	return 0;
}

void reply_clear(struct varlink_reply *reply)
{
	json_tree_put(reply->tree);
	*reply = (struct varlink_reply){ .parameters = NULL };
}

static void begin_parameters(struct buffer *out)
{
	json_put_key(out, "parameters");
	buffer_append_char(out, '{');
}

size_t call_begin(struct buffer *out, const char *method, bool wants_more)
{
	size_t mark = out->len;

	buffer_append_char(out, '{');
	json_put_text_member(out, "method", bytes_of_text(method));
	if (wants_more)
		json_put_true_member(out, "more");
	begin_parameters(out);
	return mark;
}

size_t call_begin_reply(struct buffer *out, bool continues)
{
	size_t mark = out->len;

	buffer_append_char(out, '{');
	if (continues)
		json_put_true_member(out, "continues");
	begin_parameters(out);
	return mark;
}

size_t call_begin_error(struct buffer *out, const char *error)
{
	size_t mark = out->len;

	buffer_append_char(out, '{');
	json_put_text_member(out, "error", bytes_of_text(error));
	begin_parameters(out);
	return mark;
}

int call_end(struct buffer *out, size_t mark)
{
	buffer_append_text(out, "}}");
	return frame_end(out, mark);
}
