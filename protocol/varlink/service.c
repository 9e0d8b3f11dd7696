#include "protocol/varlink/service.h"

#include "protocol/varlink/interface.h"
#include "protocol/varlink/json_write.h"

#include <string.h>

static const struct {
	const char *name;
	const char *text;
} interfaces[] = {
	{ AGENT_INTERFACE, interface_agent_text },
	{ SERVICE_INTERFACE, interface_service_text },
};

#define INTERFACE_COUNT (sizeof(interfaces) / sizeof(interfaces[0]))

const char *service_find_description(const char *interface)
{
	for (size_t i = 0; i < INTERFACE_COUNT; i++) {
		if (strcmp(interfaces[i].name, interface) == 0)
			return interfaces[i].text;
	}
	return NULL;
}

int service_info_encode(const struct service_info *info, struct buffer *out)
{
	size_t mark = call_begin_reply(out, false);

	json_put_text_member(out, "vendor", bytes_of_text(info->vendor));
	json_put_text_member(out, "product", bytes_of_text(info->product));
	json_put_text_member(out, "version", bytes_of_text(info->version));
	json_put_text_member(out, "url", bytes_of_text(info->url));
	json_put_key(out, "interfaces");
	buffer_append_char(out, '[');
	for (size_t i = 0; i < INTERFACE_COUNT; i++) {
		json_put_next(out);
		json_put_text(out, bytes_of_text(interfaces[i].name));
	}
	buffer_append_char(out, ']');
	return call_end(out, mark);
}

int service_describe(const struct varlink_call *call, struct buffer *out,
                     struct error_reply *ret_error)
{
	char interface[VARLINK_NAME_MAX + 1];
	const char *description;
	struct record record;
	size_t mark;

	record_read(
		&record,
		&interface_method(AGENT_METHOD_GET_INTERFACE_DESCRIPTION)->call,
		call->parameters, RECORD_STRICT);
	record_copy_text(&record, 0, interface, sizeof(interface));
	if (record_end(&record) < 0) {
		*ret_error =
			error_reply_make(ERROR_INVALID_PARAMETER, record.bad);
		return CALL_E_REFUSED;
	}

	description = service_find_description(interface);
	if (!description) {
		*ret_error =
			error_reply_make(ERROR_INTERFACE_NOT_FOUND, interface);
		return CALL_E_REFUSED;
	}

	mark = call_begin_reply(out, false);
	json_put_text_member(out, "description", bytes_of_text(description));
	return call_end(out, mark);
}
