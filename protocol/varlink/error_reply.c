#include "protocol/varlink/error_reply.h"

#include "protocol/varlink/interface.h"
#include "protocol/varlink/json_write.h"
#include "protocol/varlink/service.h"
#include "protocol/varlink/words.h"

#include <errno.h>
#include <string.h>

#define RETRY_AFTER_MAX 604800 /* a week */

/* The first field of each is what error_reply.text stands for. */
static const struct field reason_fields[] = {
	{ "reason", "string", FIELD_TEXT },
};
static const struct field rule_fields[] = {
	{ "rule", "string", FIELD_TEXT },
};
static const struct field cache_fields[] = {
	{ "cache", "string", FIELD_TEXT },
};
static const struct field interface_fields[] = {
	{ "interface", "string", FIELD_TEXT },
};
static const struct field method_fields[] = {
	{ "method", "string", FIELD_TEXT },
};
static const struct field parameter_fields[] = {
	{ "parameter", "string", FIELD_TEXT },
};

enum source_field {
	SOURCE_FIELD_DETAIL,
	SOURCE_FIELD_KIND,
	SOURCE_FIELD_RETRY_AFTER,
};

static const struct field source_fields[] = {
	[SOURCE_FIELD_DETAIL] = { "detail", "string", FIELD_TEXT },
	[SOURCE_FIELD_KIND] = { "kind", "SourceFailure", FIELD_TEXT },
	[SOURCE_FIELD_RETRY_AFTER] = { "retryAfterSeconds", "?int", FIELD_INT },
};

enum support_field {
	SUPPORT_FIELD_REASON,
	SUPPORT_FIELD_CACHE,
};

static const struct field support_fields[] = {
	[SUPPORT_FIELD_REASON] = { "reason", "string", FIELD_TEXT },
	[SUPPORT_FIELD_CACHE] = { "cache", "string", FIELD_TEXT },
};

enum store_field {
	STORE_FIELD_REASON,
	STORE_FIELD_STORE_PATH,
};

static const struct field store_fields[] = {
	[STORE_FIELD_REASON] = { "reason", "string", FIELD_TEXT },
	[STORE_FIELD_STORE_PATH] = { "storePath", "string", FIELD_TEXT },
};

enum rate_field {
	RATE_FIELD_REASON,
	RATE_FIELD_RETRY_AFTER,
};

static const struct field rate_fields[] = {
	[RATE_FIELD_REASON] = { "reason", "string", FIELD_TEXT },
	[RATE_FIELD_RETRY_AFTER] = { "retryAfterSeconds", "?int", FIELD_INT },
};

#define ERROR(full_name, list)                                        \
	{                                                             \
		(full_name), (list), sizeof(list) / sizeof((list)[0]) \
	}

static const struct shape errors[ERROR_COUNT] = {
	[ERROR_LOCKED] = ERROR(AGENT_INTERFACE ".Locked", reason_fields),
	[ERROR_UNKNOWN_CACHE] =
		ERROR(AGENT_INTERFACE ".UnknownCache", cache_fields),
	[ERROR_POLICY_DENIED] =
		ERROR(AGENT_INTERFACE ".PolicyDenied", rule_fields),
	[ERROR_SOURCE_FAILED] =
		ERROR(AGENT_INTERFACE ".SourceFailed", source_fields),
	[ERROR_VAULT_FAILED] =
		ERROR(AGENT_INTERFACE ".VaultFailed", reason_fields),
	[ERROR_NOT_SUPPORTED] =
		ERROR(AGENT_INTERFACE ".NotSupported", support_fields),
	[ERROR_NOT_IN_STORE] =
		ERROR(AGENT_INTERFACE ".NotInStore", store_fields),
	[ERROR_USER_DENIED] =
		ERROR(AGENT_INTERFACE ".UserDenied", reason_fields),
	[ERROR_RATE_LIMITED] =
		ERROR(AGENT_INTERFACE ".RateLimited", rate_fields),
	[ERROR_AUDIT_FAILED] =
		ERROR(AGENT_INTERFACE ".AuditFailed", reason_fields),
	[ERROR_INTERFACE_NOT_FOUND] =
		ERROR(SERVICE_INTERFACE ".InterfaceNotFound", interface_fields),
	[ERROR_METHOD_NOT_FOUND] =
		ERROR(SERVICE_INTERFACE ".MethodNotFound", method_fields),
	[ERROR_METHOD_NOT_IMPLEMENTED] =
		ERROR(SERVICE_INTERFACE ".MethodNotImplemented", method_fields),
	[ERROR_INVALID_PARAMETER] =
		ERROR(SERVICE_INTERFACE ".InvalidParameter", parameter_fields),
	[ERROR_PERMISSION_DENIED] = { SERVICE_INTERFACE ".PermissionDenied",
	                              NULL, 0 },
	[ERROR_EXPECTED_MORE] = { SERVICE_INTERFACE ".ExpectedMore", NULL, 0 },
};

const struct shape *interface_error(enum varlink_error error)
{
	return &errors[error];
}

const char *error_reply_name(enum varlink_error error)
{
	return errors[error].name;
}

struct error_reply error_reply_make(enum varlink_error error, const char *text)
{
	struct error_reply reply = { .error = error, .failure = SOURCE_FAILED };
	size_t len = text ? strlen(text) : 0;

	if (len >= sizeof(reply.text))
		len = sizeof(reply.text) - 1;
	if (len > 0)
		memcpy(reply.text, text, len);
	return reply;
}

int error_reply_encode(const struct error_reply *error, struct buffer *out)
{
	const struct shape *shape = &errors[error->error];
	size_t mark = call_begin_error(out, shape->name);

	if (shape->count > 0) {
		json_put_text_member(out, shape->fields[0].name,
		                     bytes_of_text(error->text));
	}
	if (error->error == ERROR_NOT_SUPPORTED)
		json_put_text_member(out, "cache", bytes_of_text(error->cache));
	if (error->error == ERROR_SOURCE_FAILED) {
		json_put_text_member(
			out, "kind",
			bytes_of_text(source_failure_name(error->failure)));
	}
	if (error->error == ERROR_NOT_IN_STORE) {
		json_put_text_member(out, "storePath",
		                     bytes_of_text(error->store_path));
	}
	if ((error->error == ERROR_SOURCE_FAILED ||
	     error->error == ERROR_RATE_LIMITED) &&
	    error->retry_after > 0) {
		json_put_int_member(out, "retryAfterSeconds",
		                    error->retry_after);
	}
	return call_end(out, mark);
}

/* Cut rather than refused: a mended text is longer than it was. */
static void read_text(struct record *record, char out[ERROR_TEXT_MAX])
{
	struct bytes text = record_text(record, 0, VARLINK_FRAME_MAX);
	size_t len = text.len < ERROR_TEXT_MAX ? text.len : ERROR_TEXT_MAX - 1;

	if (len > 0)
		memcpy(out, text.data, len);
	out[len] = '\0';
}

static void read_source_failure(struct record *record,
                                struct error_reply *error)
{
	struct bytes kind =
		record_text(record, SOURCE_FIELD_KIND, VARLINK_NAME_MAX);

	/* A later agent may know more kinds; its detail still helps. */
	if (words_find_source_failure(kind, &error->failure) < 0)
		error->failure = SOURCE_FAILED;
	error->retry_after = (uint32_t)record_int(
		record, SOURCE_FIELD_RETRY_AFTER, 0, RETRY_AFTER_MAX, 0);
}

int error_reply_decode(const struct varlink_reply *reply,
                       struct error_reply *ret_error)
{
	struct error_reply error = { .failure = SOURCE_FAILED };
	const struct shape *shape = NULL;
	struct record record;

	for (size_t i = 0; i < ERROR_COUNT; i++) {
		if (strcmp(errors[i].name, reply->error) == 0) {
			shape = &errors[i];
			error.error = (enum varlink_error)i;
		}
	}
	if (!shape)
		return -ENOENT;

	record_read(&record, shape, reply->parameters, RECORD_LENIENT);
	if (shape->count > 0)
		read_text(&record, error.text);
	if (error.error == ERROR_NOT_SUPPORTED) {
		record_copy_text(&record, SUPPORT_FIELD_CACHE, error.cache,
		                 sizeof(error.cache));
	}
	if (error.error == ERROR_NOT_IN_STORE) {
		record_copy_text(&record, STORE_FIELD_STORE_PATH,
		                 error.store_path, sizeof(error.store_path));
	}
	if (error.error == ERROR_SOURCE_FAILED)
		read_source_failure(&record, &error);
	if (error.error == ERROR_RATE_LIMITED) {
		error.retry_after = (uint32_t)record_int(
			&record, RATE_FIELD_RETRY_AFTER, 0, RETRY_AFTER_MAX, 0);
	}
	if (record_end(&record) < 0)
		return -EBADMSG;

	*ret_error = error;
	return 0;
}
