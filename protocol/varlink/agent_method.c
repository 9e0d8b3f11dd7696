#include "protocol/varlink/agent_method.h"

#include "protocol/varlink/interface.h"
#include "protocol/varlink/service.h"

#include <stdio.h>
#include <string.h>

const char *agent_method_name(enum agent_method method)
{
	return interface_method(method)->name;
}

const char *agent_method_event(enum agent_method method)
{
	switch (method) {
	case AGENT_METHOD_STATUS:
		return "status";
	case AGENT_METHOD_UNLOCK:
		return "unlock";
	case AGENT_METHOD_LOCK:
		return "lock";
	case AGENT_METHOD_QUIT:
		return "quit";
	case AGENT_METHOD_SIGN:
		return "sign";
	case AGENT_METHOD_PRESIGN:
		return "presign";
	case AGENT_METHOD_NARROW:
		return "narrow";
	case AGENT_METHOD_GET_INFO:
	case AGENT_METHOD_GET_INTERFACE_DESCRIPTION:
	case AGENT_METHOD_COUNT:
		break;
	}
	return "other";
}

/* What is wrong with a name that is no method of ours. */
static struct error_reply explain_unknown(const char *name)
{
	char interface[VARLINK_NAME_MAX + 1] = "";
	const char *dot = strrchr(name, '.');
	size_t len = dot ? (size_t)(dot - name) : strlen(name);

	(void)snprintf(interface, sizeof(interface), "%.*s", (int)len, name);
	if (dot && service_find_description(interface))
		return error_reply_make(ERROR_METHOD_NOT_FOUND, name);
	return error_reply_make(ERROR_INTERFACE_NOT_FOUND, interface);
}

int agent_method_find(const char *name, enum agent_method *ret_method,
                      struct error_reply *ret_error)
{
	for (size_t i = 0; i < AGENT_METHOD_COUNT; i++) {
		enum agent_method method = (enum agent_method)i;

		if (strcmp(agent_method_name(method), name) == 0) {
			*ret_method = method;
			return CALL_OK;
		}
	}

	*ret_error = explain_unknown(name);
	return CALL_E_REFUSED;
}

int agent_method_check_empty(const struct varlink_call *call,
                             struct error_reply *ret_error)
{
	const struct shape empty = { .name = "" };
	struct record record;

	record_read(&record, &empty, call->parameters, RECORD_STRICT);
	if (record_end(&record) < 0) {
		*ret_error =
			error_reply_make(ERROR_INVALID_PARAMETER, record.bad);
		return CALL_E_REFUSED;
	}
	return CALL_OK;
}

int agent_method_encode(enum agent_method method, bool wants_more,
                        struct buffer *out)
{
	return call_end(out,
	                call_begin(out, agent_method_name(method), wants_more));
}

int agent_method_encode_empty_reply(struct buffer *out)
{
	return call_end(out, call_begin_reply(out, false));
}
