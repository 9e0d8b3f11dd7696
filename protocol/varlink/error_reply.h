/* error_reply.h - every error that a call may be answered with */
#pragma once

#include "protocol/varlink/agent_api.h"
#include "protocol/varlink/call.h"

enum varlink_error {
	/* io.nixcache.Agent, and the field that text stands for */
	ERROR_LOCKED,        /* reason */
	ERROR_UNKNOWN_CACHE, /* cache */
	ERROR_POLICY_DENIED, /* rule */
	ERROR_SOURCE_FAILED, /* detail; failure, retry_after */
	ERROR_VAULT_FAILED,  /* reason */
	ERROR_NOT_SUPPORTED, /* reason; cache */
	ERROR_NOT_IN_STORE,  /* reason; store_path */
	ERROR_USER_DENIED,   /* reason */
	ERROR_RATE_LIMITED,  /* reason; retry_after */
	ERROR_AUDIT_FAILED,  /* reason */
	/* org.varlink.service */
	ERROR_INTERFACE_NOT_FOUND,    /* interface */
	ERROR_METHOD_NOT_FOUND,       /* method */
	ERROR_METHOD_NOT_IMPLEMENTED, /* method */
	ERROR_INVALID_PARAMETER,      /* parameter */
	ERROR_PERMISSION_DENIED,
	ERROR_EXPECTED_MORE,
	ERROR_COUNT,
};

#define ERROR_TEXT_MAX 512

struct error_reply {
	enum varlink_error error;
	char text[ERROR_TEXT_MAX];
	char cache[AGENT_CACHE_NAME_MAX + 1]; /* ERROR_NOT_SUPPORTED */
	enum source_failure failure;          /* ERROR_SOURCE_FAILED */
	uint32_t retry_after; /* seconds, 0: not said; ERROR_SOURCE_FAILED,
	                       * ERROR_RATE_LIMITED */
	char store_path[STORE_PATH_SIZE]; /* ERROR_NOT_IN_STORE */
};

/* "io.nixcache.Agent.Locked" and so on. */
const char *error_reply_name(enum varlink_error error);

/* An error with its text (cut to fit); text may be NULL where there is none. */
struct error_reply error_reply_make(enum varlink_error error, const char *text);

/* Appends a whole message.  Text that is not UTF-8 is mended.  As
 * frame_end(). */
must_check int error_reply_encode(const struct error_reply *error,
                                  struct buffer *out);

/* reply->error is not empty.  0; -ENOENT if it is none of ours; -EBADMSG if
 * its parameters are not as the interface says. */
must_check int error_reply_decode(const struct varlink_reply *reply,
                                  struct error_reply *ret_error);
