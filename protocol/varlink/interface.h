/* interface.h - the types and methods of the .varlink files, as tables
 *
 * A test holds these against the files, both ways.  The enums are indices of
 * the fields in their shape.
 */
#pragma once

#include "protocol/varlink/agent_method.h"
#include "protocol/varlink/record.h"

enum measure_field {
	MEASURE_FIELD_NAME,
	MEASURE_FIELD_PROCESS,
	MEASURE_FIELD_STATE,
	MEASURE_FIELD_DETAIL,
};

enum cache_field {
	CACHE_FIELD_NAME,
	CACHE_FIELD_STORE,
	CACHE_FIELD_STORE_DIR,
	CACHE_FIELD_PUBLIC_KEYS,
	CACHE_FIELD_UPSTREAM_KEYS,
	CACHE_FIELD_COMPRESSION,
	CACHE_FIELD_COMPRESSION_LEVEL,
	CACHE_FIELD_PRIORITY,
	CACHE_FIELD_SIGN_POLICY,
	CACHE_FIELD_CONFIRM,
	CACHE_FIELD_IN_FLIGHT,
};

enum path_info_field {
	PATH_INFO_FIELD_STORE_PATH,
	PATH_INFO_FIELD_NAR_HASH,
	PATH_INFO_FIELD_NAR_SIZE,
	PATH_INFO_FIELD_REFERENCES,
};

enum path_signatures_field {
	PATH_SIGNATURES_FIELD_STORE_PATH,
	PATH_SIGNATURES_FIELD_SIGNATURES,
};

enum object_request_field {
	OBJECT_FIELD_OPERATION,
	OBJECT_FIELD_KEY,
	OBJECT_FIELD_EXPIRES,
	OBJECT_FIELD_CONTENT_LENGTH,
	OBJECT_FIELD_CONTENT_MD5,
	OBJECT_FIELD_IF_NONE_MATCH,
	OBJECT_FIELD_UPLOAD_ID,
	OBJECT_FIELD_PART_NUMBER,
	OBJECT_FIELD_PART_NUMBER_MARKER,
	OBJECT_FIELD_PREFIX,
	OBJECT_FIELD_START_AFTER,
	OBJECT_FIELD_CONTINUATION_TOKEN,
	OBJECT_FIELD_KEY_MARKER,
	OBJECT_FIELD_UPLOAD_ID_MARKER,
	OBJECT_FIELD_MAX_KEYS,
};

enum signed_request_field {
	SIGNED_FIELD_METHOD,
	SIGNED_FIELD_URL,
	SIGNED_FIELD_HEADERS,
	SIGNED_FIELD_EXPIRES_AT,
};

enum status_field {
	STATUS_FIELD_VERSION,
	STATUS_FIELD_PID,
	STATUS_FIELD_STATE,
	STATUS_FIELD_CACHES,
	STATUS_FIELD_LIFETIME_LEFT,
	STATUS_FIELD_IDLE_LEFT,
	STATUS_FIELD_SIGNATURES,
	STATUS_FIELD_URLS,
	STATUS_FIELD_SOURCE_RUNS,
	STATUS_FIELD_HARDENING,
	STATUS_FIELD_SCOPE,
	STATUS_FIELD_AUDIT,
};

enum audit_field {
	AUDIT_FIELD_PATH,
	AUDIT_FIELD_SEQUENCE,
	AUDIT_FIELD_HEAD,
	AUDIT_FIELD_FAILURE,
};

enum narrow_field {
	NARROW_FIELD_SCOPE,
	NARROW_FIELD_ALLOW,
	NARROW_FIELD_CACHES,
	NARROW_FIELD_KEYS,
	NARROW_FIELD_STORE_PATHS,
	NARROW_FIELD_MAX_COUNT,
	NARROW_FIELD_MAX_BYTES,
	NARROW_FIELD_MAX_EXPIRES,
	NARROW_FIELD_UNTIL,
};

/* Sign and Presign: the cache, and the list of items. */
enum batch_field {
	BATCH_FIELD_CACHE,
	BATCH_FIELD_ITEMS,
	BATCH_FIELD_PRESSURE, /* Presign */
};

enum presigned_field {
	PRESIGNED_FIELD_RESPONSES,
	PRESIGNED_FIELD_PACE,
};

enum pressure_field {
	PRESSURE_FIELD_SLOW_DOWNS,
	PRESSURE_FIELD_SUCCESSES,
	PRESSURE_FIELD_PAUSE_MS,
};

enum pace_field {
	PACE_FIELD_IN_FLIGHT,
	PACE_FIELD_PAUSE_MS,
};

extern const struct shape shape_measure;
extern const struct shape shape_cache;
extern const struct shape shape_audit;
extern const struct shape shape_path_info;
extern const struct shape shape_path_signatures;
extern const struct shape shape_object_request;
extern const struct shape shape_signed_request;
extern const struct shape shape_pressure;
extern const struct shape shape_pace;

struct method {
	const char *name; /* with its interface */
	struct shape call;
	struct shape reply;
};

const struct method *interface_method(enum agent_method method);

/* The name with its interface, and the fields. */
const struct shape *interface_error(enum varlink_error error);

/* The .varlink files, embedded by embed_text.py; ended by a NUL. */
extern const char interface_agent_text[];
extern const char interface_service_text[];
