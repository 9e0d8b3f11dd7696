/* agent_method.h - the methods that the agent answers, by full name */
#pragma once

#include "protocol/varlink/error_reply.h"

enum agent_method {
	AGENT_METHOD_STATUS,
	AGENT_METHOD_UNLOCK,
	AGENT_METHOD_LOCK,
	AGENT_METHOD_QUIT,
	AGENT_METHOD_SIGN,
	AGENT_METHOD_PRESIGN,
	AGENT_METHOD_NARROW,
	AGENT_METHOD_GET_INFO,                  /* org.varlink.service */
	AGENT_METHOD_GET_INTERFACE_DESCRIPTION, /* org.varlink.service */
	AGENT_METHOD_COUNT,
};

/* "io.nixcache.Agent.Status" and so on. */
const char *agent_method_name(enum agent_method method);

/* "status", "sign", "getInfo": as the audit log has it. */
const char *agent_method_event(enum agent_method method);

/* CALL_OK, or CALL_E_REFUSED: InterfaceNotFound or MethodNotFound. */
must_check int agent_method_find(const char *name,
                                 enum agent_method *ret_method,
                                 struct error_reply *ret_error);

/* For a method without parameters.  CALL_OK, or CALL_E_REFUSED. */
must_check int agent_method_check_empty(const struct varlink_call *call,
                                        struct error_reply *ret_error);

/* Appends a whole call of a method without parameters.  As frame_end(). */
must_check int agent_method_encode(enum agent_method method, bool wants_more,
                                   struct buffer *out);

/* Appends the reply without parameters (Lock, Quit).  As frame_end(). */
must_check int agent_method_encode_empty_reply(struct buffer *out);
