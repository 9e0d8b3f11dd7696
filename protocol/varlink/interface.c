#include "protocol/varlink/interface.h"

#include "protocol/varlink/service.h"

#define SHAPE(title, list)                                 \
	{                                                  \
		.name = (title), .fields = (list),         \
		.count = sizeof(list) / sizeof((list)[0]), \
	}

static const struct field measure_fields[] = {
	[MEASURE_FIELD_NAME] = { "name", "string", FIELD_TEXT },
	[MEASURE_FIELD_PROCESS] = { "process", "string", FIELD_TEXT },
	[MEASURE_FIELD_STATE] = { "state", "(held, weaker, absent)",
	                          FIELD_TEXT },
	[MEASURE_FIELD_DETAIL] = { "detail", "string", FIELD_TEXT },
};

const struct shape shape_measure = SHAPE("Measure", measure_fields);

static const struct field cache_fields[] = {
	[CACHE_FIELD_NAME] = { "name", "string", FIELD_TEXT },
	[CACHE_FIELD_STORE] = { "store", "string", FIELD_TEXT },
	[CACHE_FIELD_STORE_DIR] = { "storeDir", "string", FIELD_TEXT },
	[CACHE_FIELD_PUBLIC_KEYS] = { "publicKeys", "[]string", FIELD_LIST },
	[CACHE_FIELD_UPSTREAM_KEYS] = { "upstreamKeys", "[]string",
	                                FIELD_LIST },
	[CACHE_FIELD_COMPRESSION] = { "compression", "string", FIELD_TEXT },
	[CACHE_FIELD_COMPRESSION_LEVEL] = { "compressionLevel", "?int",
	                                    FIELD_INT },
	[CACHE_FIELD_PRIORITY] = { "priority", "?int", FIELD_INT },
	[CACHE_FIELD_SIGN_POLICY] = { "signPolicy", "SignPolicy", FIELD_TEXT },
	[CACHE_FIELD_CONFIRM] = { "confirm", "[]Confirmation", FIELD_LIST },
	[CACHE_FIELD_IN_FLIGHT] = { "inFlight", "?int", FIELD_INT },
};

static const struct field audit_fields[] = {
	[AUDIT_FIELD_PATH] = { "path", "string", FIELD_TEXT },
	[AUDIT_FIELD_SEQUENCE] = { "sequence", "int", FIELD_INT },
	[AUDIT_FIELD_HEAD] = { "head", "string", FIELD_TEXT },
	[AUDIT_FIELD_FAILURE] = { "failure", "?string", FIELD_TEXT },
};

const struct shape shape_audit = SHAPE("Audit", audit_fields);

const struct shape shape_cache = SHAPE("Cache", cache_fields);

static const struct field path_info_fields[] = {
	[PATH_INFO_FIELD_STORE_PATH] = { "storePath", "string", FIELD_TEXT },
	[PATH_INFO_FIELD_NAR_HASH] = { "narHash", "string", FIELD_TEXT },
	[PATH_INFO_FIELD_NAR_SIZE] = { "narSize", "int", FIELD_INT },
	[PATH_INFO_FIELD_REFERENCES] = { "references", "[]string", FIELD_LIST },
};

const struct shape shape_path_info = SHAPE("PathInfo", path_info_fields);

static const struct field path_signatures_fields[] = {
	[PATH_SIGNATURES_FIELD_STORE_PATH] = { "storePath", "string",
	                                       FIELD_TEXT },
	[PATH_SIGNATURES_FIELD_SIGNATURES] = { "signatures", "[]string",
	                                       FIELD_LIST },
};

const struct shape shape_path_signatures =
	SHAPE("PathSignatures", path_signatures_fields);

static const struct field object_request_fields[] = {
	[OBJECT_FIELD_OPERATION] = { "operation", "Operation", FIELD_TEXT },
	[OBJECT_FIELD_KEY] = { "key", "?string", FIELD_TEXT },
	[OBJECT_FIELD_EXPIRES] = { "expires", "?int", FIELD_INT },
	[OBJECT_FIELD_CONTENT_LENGTH] = { "contentLength", "?int", FIELD_INT },
	[OBJECT_FIELD_CONTENT_MD5] = { "contentMd5", "?string", FIELD_TEXT },
	[OBJECT_FIELD_IF_NONE_MATCH] = { "ifNoneMatch", "?bool", FIELD_BOOL },
	[OBJECT_FIELD_UPLOAD_ID] = { "uploadId", "?string", FIELD_TEXT },
	[OBJECT_FIELD_PART_NUMBER] = { "partNumber", "?int", FIELD_INT },
	[OBJECT_FIELD_PART_NUMBER_MARKER] = { "partNumberMarker", "?int",
	                                      FIELD_INT },
	[OBJECT_FIELD_PREFIX] = { "prefix", "?string", FIELD_TEXT },
	[OBJECT_FIELD_START_AFTER] = { "startAfter", "?string", FIELD_TEXT },
	[OBJECT_FIELD_CONTINUATION_TOKEN] = { "continuationToken", "?string",
	                                      FIELD_TEXT },
	[OBJECT_FIELD_KEY_MARKER] = { "keyMarker", "?string", FIELD_TEXT },
	[OBJECT_FIELD_UPLOAD_ID_MARKER] = { "uploadIdMarker", "?string",
	                                    FIELD_TEXT },
	[OBJECT_FIELD_MAX_KEYS] = { "maxKeys", "?int", FIELD_INT },
};

const struct shape shape_object_request =
	SHAPE("ObjectRequest", object_request_fields);

static const struct field signed_request_fields[] = {
	[SIGNED_FIELD_METHOD] = { "method", "string", FIELD_TEXT },
	[SIGNED_FIELD_URL] = { "url", "string", FIELD_TEXT },
	[SIGNED_FIELD_HEADERS] = { "headers", "[string]string", FIELD_OBJECT },
	[SIGNED_FIELD_EXPIRES_AT] = { "expiresAt", "int", FIELD_INT },
};

const struct shape shape_signed_request =
	SHAPE("SignedRequest", signed_request_fields);

static const struct field pressure_fields[] = {
	[PRESSURE_FIELD_SLOW_DOWNS] = { "slowDowns", "int", FIELD_INT },
	[PRESSURE_FIELD_SUCCESSES] = { "successes", "int", FIELD_INT },
	[PRESSURE_FIELD_PAUSE_MS] = { "pauseMs", "int", FIELD_INT },
};

const struct shape shape_pressure = SHAPE("Pressure", pressure_fields);

static const struct field pace_fields[] = {
	[PACE_FIELD_IN_FLIGHT] = { "inFlight", "int", FIELD_INT },
	[PACE_FIELD_PAUSE_MS] = { "pauseMs", "int", FIELD_INT },
};

const struct shape shape_pace = SHAPE("Pace", pace_fields);

static const struct field status_reply[] = {
	[STATUS_FIELD_VERSION] = { "version", "string", FIELD_TEXT },
	[STATUS_FIELD_PID] = { "pid", "int", FIELD_INT },
	[STATUS_FIELD_STATE] = { "state", "State", FIELD_TEXT },
	[STATUS_FIELD_CACHES] = { "caches", "[]Cache", FIELD_LIST },
	[STATUS_FIELD_LIFETIME_LEFT] = { "lifetimeLeft", "?int", FIELD_INT },
	[STATUS_FIELD_IDLE_LEFT] = { "idleLeft", "?int", FIELD_INT },
	[STATUS_FIELD_SIGNATURES] = { "signatures", "int", FIELD_INT },
	[STATUS_FIELD_URLS] = { "urls", "int", FIELD_INT },
	[STATUS_FIELD_SOURCE_RUNS] = { "sourceRuns", "int", FIELD_INT },
	[STATUS_FIELD_HARDENING] = { "hardening", "[]Measure", FIELD_LIST },
	[STATUS_FIELD_SCOPE] = { "scope", "string", FIELD_TEXT },
	[STATUS_FIELD_AUDIT] = { "audit", "?Audit", FIELD_OBJECT },
};

static const struct field narrow_call[] = {
	[NARROW_FIELD_SCOPE] = { "scope", "?string", FIELD_TEXT },
	[NARROW_FIELD_ALLOW] = { "allow", "?[]Permission", FIELD_LIST },
	[NARROW_FIELD_CACHES] = { "caches", "?[]string", FIELD_LIST },
	[NARROW_FIELD_KEYS] = { "keys", "?[]string", FIELD_LIST },
	[NARROW_FIELD_STORE_PATHS] = { "storePaths", "?[]string", FIELD_LIST },
	[NARROW_FIELD_MAX_COUNT] = { "maxCount", "?int", FIELD_INT },
	[NARROW_FIELD_MAX_BYTES] = { "maxBytes", "?int", FIELD_INT },
	[NARROW_FIELD_MAX_EXPIRES] = { "maxExpires", "?int", FIELD_INT },
	[NARROW_FIELD_UNTIL] = { "until", "?int", FIELD_INT },
};

static const struct field unlock_reply[] = {
	{ "state", "State", FIELD_TEXT },
};

static const struct field sign_call[] = {
	[BATCH_FIELD_CACHE] = { "cache", "string", FIELD_TEXT },
	[BATCH_FIELD_ITEMS] = { "paths", "[]PathInfo", FIELD_LIST },
};

static const struct field sign_reply[] = {
	{ "signatures", "[]PathSignatures", FIELD_LIST },
};

static const struct field presign_call[] = {
	[BATCH_FIELD_CACHE] = { "cache", "string", FIELD_TEXT },
	[BATCH_FIELD_ITEMS] = { "requests", "[]ObjectRequest", FIELD_LIST },
	[BATCH_FIELD_PRESSURE] = { "pressure", "?Pressure", FIELD_OBJECT },
};

static const struct field presign_reply[] = {
	[PRESIGNED_FIELD_RESPONSES] = { "responses", "[]SignedRequest",
	                                FIELD_LIST },
	[PRESIGNED_FIELD_PACE] = { "pace", "?Pace", FIELD_OBJECT },
};

static const struct field get_info_reply[] = {
	{ "vendor", "string", FIELD_TEXT },
	{ "product", "string", FIELD_TEXT },
	{ "version", "string", FIELD_TEXT },
	{ "url", "string", FIELD_TEXT },
	{ "interfaces", "[]string", FIELD_LIST },
};

static const struct field describe_call[] = {
	{ "interface", "string", FIELD_TEXT },
};

static const struct field describe_reply[] = {
	{ "description", "string", FIELD_TEXT },
};

#define EMPTY                                          \
	{                                              \
		.name = "", .fields = NULL, .count = 0 \
	}

static const struct method methods[AGENT_METHOD_COUNT] = {
	[AGENT_METHOD_STATUS] = { AGENT_INTERFACE ".Status", EMPTY,
	                          SHAPE("", status_reply) },
	[AGENT_METHOD_UNLOCK] = { AGENT_INTERFACE ".Unlock", EMPTY,
	                          SHAPE("", unlock_reply) },
	[AGENT_METHOD_LOCK] = { AGENT_INTERFACE ".Lock", EMPTY, EMPTY },
	[AGENT_METHOD_QUIT] = { AGENT_INTERFACE ".Quit", EMPTY, EMPTY },
	[AGENT_METHOD_SIGN] = { AGENT_INTERFACE ".Sign", SHAPE("", sign_call),
	                        SHAPE("", sign_reply) },
	[AGENT_METHOD_PRESIGN] = { AGENT_INTERFACE ".Presign",
	                           SHAPE("", presign_call),
	                           SHAPE("", presign_reply) },
	[AGENT_METHOD_NARROW] = { AGENT_INTERFACE ".Narrow",
	                          SHAPE("", narrow_call), EMPTY },
	[AGENT_METHOD_GET_INFO] = { SERVICE_INTERFACE ".GetInfo", EMPTY,
	                            SHAPE("", get_info_reply) },
	[AGENT_METHOD_GET_INTERFACE_DESCRIPTION] = { SERVICE_INTERFACE
	                                             ".GetInterfaceDescription",
	                                             SHAPE("", describe_call),
	                                             SHAPE("",
	                                                   describe_reply) },
};

const struct method *interface_method(enum agent_method method)
{
	return &methods[method];
}
