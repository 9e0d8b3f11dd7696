/* blob.h - bytes that several answers share, in one thread */
#pragma once

#include "protocol/base/bytes.h"

struct blob {
	unsigned shares;
	size_t url_at; /* of a narinfo: where the value of its URL line begins */
	size_t len;
	uint8_t bytes[];
};

/* A copy, with one share; NULL when out of memory. */
struct blob *blob_new(struct bytes bytes);
struct blob *blob_of_text(const char *text);
struct blob *blob_share(struct blob *blob);
void blob_release(struct blob *blob); /* NULL is allowed */

/* For cleanup_blob on a local struct blob *. */
#define cleanup_blob __attribute__((__cleanup__(blob_release_at)))
static inline void blob_release_at(struct blob **slot)
{
	blob_release(*slot);
}
