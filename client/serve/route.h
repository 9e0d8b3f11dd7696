/* route.h - which cache and which object the path of a request means */
#pragma once

#include "protocol/base/strings.h"
#include "protocol/s3/object_key.h"

#include <stdint.h>

#define ROUTE_ROOT SIZE_MAX /* no cache is named: all are meant */

struct route {
	size_t cache; /* index of names, or ROUTE_ROOT */
	enum object_key_kind kind;
	char key[OBJECT_KEY_MAX + 1];
};

/* raw: the request target as it was sent, "/KEY" or "/CACHE/KEY", with or
 * without a query.  False if it means no object that a cache may have. */
bool route_parse(const char *raw, const struct strings *names,
                 struct route *ret_route);
