/* service.h - org.varlink.service: what every varlink service answers */
#pragma once

#include "protocol/varlink/agent_method.h"

#define SERVICE_INTERFACE "org.varlink.service"

/* The text of an interface (io.nixcache.Agent, org.varlink.service), or NULL if
 * there is none of that name. */
const char *service_find_description(const char *interface);

/* GetInfo: who answers.  All texts are borrowed. */
struct service_info {
	const char *vendor;
	const char *product;
	const char *version;
	const char *url;
};

/* As frame_end(). */
must_check int service_info_encode(const struct service_info *info,
                                   struct buffer *out);

/* GetInterfaceDescription: reads the call, appends the reply.  CALL_OK,
 * CALL_E_REFUSED (InvalidParameter, InterfaceNotFound), or as frame_end(). */
must_check int service_describe(const struct varlink_call *call,
                                struct buffer *out,
                                struct error_reply *ret_error);
