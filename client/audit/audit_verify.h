/* audit_verify.h - whether an audit log is as it was written */
#pragma once

#include "protocol/base/strings.h"

#include <stdbool.h>

struct audit_verify_request {
	const char *path;                  /* NULL: as place_find() */
	const struct strings *public_keys; /* name:base64; besides the agent's */
	bool is_json;
};

/* Returns an exit status; what was found has been told. */
int audit_verify_run(const struct audit_verify_request *request);
