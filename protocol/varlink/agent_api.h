/* agent_api.h - the values of io.nixcache.Agent that both programs share */
#pragma once

#include "protocol/base/digest.h"
#include "protocol/nix/path_info.h"
#include "protocol/s3/operation.h"

#define AGENT_INTERFACE      "io.nixcache.Agent"
#define AGENT_BATCH_MAX      256
#define AGENT_CACHE_NAME_MAX 64
#define AGENT_CACHES_MAX     64
#define AGENT_KEYS_MAX       8 /* signing keys of one cache */
#define AGENT_URL_MAX        8192

enum agent_state {
	AGENT_LOCKED,
	AGENT_UNLOCKING,
	AGENT_UNLOCKED,
};

enum source_failure {
	SOURCE_NOT_SIGNED_IN,
	SOURCE_DISMISSED,
	SOURCE_TIMED_OUT,
	SOURCE_APP_UNREACHABLE,
	SOURCE_NOT_FOUND,
	SOURCE_RATE_LIMITED,
	SOURCE_NOT_INSTALLED,
	SOURCE_UNSAFE,
	SOURCE_SPENT,
	SOURCE_MALFORMED,
	SOURCE_KEY_MISMATCH,
	SOURCE_FAILED,
};

enum measure_state {
	MEASURE_HELD,
	MEASURE_WEAKER,
	MEASURE_ABSENT,
};

enum sign_policy {
	SIGN_IN_STORE,
	SIGN_BUILT_HERE,
	SIGN_ANY,
};

enum confirmation {
	CONFIRM_SIGN,
	CONFIRM_PRESIGN_PUT,
	CONFIRM_UNLOCK,
	CONFIRM_COUNT,
};

/* PERMIT_OBJECT + an enum s3_operation stands for presigning that one. */
enum permission {
	PERMIT_UNLOCK,
	PERMIT_LOCK,
	PERMIT_QUIT,
	PERMIT_SIGN,
	PERMIT_OBJECT,
	PERMIT_COUNT = PERMIT_OBJECT + S3_OPERATION_COUNT,
};

/* "locked", "notSignedIn", "held", ...: the words of the interface. */
const char *agent_state_name(enum agent_state state);
const char *source_failure_name(enum source_failure kind);
const char *measure_state_name(enum measure_state state);
const char *sign_policy_name(enum sign_policy policy);
const char *confirmation_name(enum confirmation confirmation);
const char *permission_name(enum permission permission);

struct agent_measure {
	char name[40];
	char process[16];
	enum measure_state state;
	char detail[160];
};

struct agent_cache {
	char *name;  /* owned, as the others */
	char *store; /* Nix store URI */
	char *store_dir;
	char *compression;
	int compression_level;        /* -1: the compressor's usual one */
	int priority;                 /* -1: not said */
	struct strings public_keys;   /* name:base64 */
	struct strings upstream_keys; /* name:base64 */
	enum sign_policy sign_policy;
	uint32_t confirm;   /* bits of enum confirmation */
	uint32_t in_flight; /* of all clients; 0: the server sets no limit */
};

/* Where the audit log is. */
#define AGENT_AUDIT_HEAD_SIZE (2 * DIGEST_SHA256_LEN + 1)
struct agent_audit {
	char *path; /* owned; NULL: none is kept */
	uint64_t sequence;
	char head[AGENT_AUDIT_HEAD_SIZE];
	char *failure; /* owned; NULL: it can be written */
};

struct agent_status {
	char *version;
	int64_t pid;
	enum agent_state state;
	struct agent_cache *caches; /* owned */
	size_t cache_count;
	int64_t lifetime_left; /* seconds, -1: none */
	int64_t idle_left;
	uint64_t signature_count;
	uint64_t url_count;
	uint64_t source_runs;
	struct agent_measure *measures; /* owned */
	size_t measure_count;
	char *scope; /* owned; of the connection that asked */
	struct agent_audit audit;
};

void agent_status_clear(struct agent_status *status);

/* A header that must be sent with a presigned request. */
#define AGENT_HEADERS_MAX 4
struct agent_header {
	char name[32];
	char value[64];
};

/* A bearer token: never logged, wiped by agent_signed_request_clear(). */
struct agent_signed_request {
	char method[8];
	char *url; /* owned */
	struct agent_header headers[AGENT_HEADERS_MAX];
	size_t header_count;
	int64_t expires_at; /* seconds since the epoch */
};

/* What a cache's server has answered a client since it last said so; all 0:
 * nothing to say. */
#define AGENT_ANSWERS_MAX 1000000
#define AGENT_PAUSE_MAX   60000
struct agent_pressure {
	uint32_t slow_downs; /* 429 and 503; at most AGENT_ANSWERS_MAX */
	uint32_t successes;  /* likewise */
	uint32_t pause_ms; /* that it still asks for; at most AGENT_PAUSE_MAX */
};

/* What a client should have under way at a cache's server. */
#define AGENT_IN_FLIGHT_MAX 64 /* of one client */
struct agent_pace {
	uint32_t in_flight; /* 0: as much as it likes, and pause_ms is 0 too */
	uint32_t pause_ms;  /* at most AGENT_PAUSE_MAX: nothing new before */
};

void agent_signed_request_clear(struct agent_signed_request *request);
