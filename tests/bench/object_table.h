/* object_table.h - objects in memory, in the order of their keys
 *
 * Safe for many threads.  What is replaced or removed stays in memory until
 * the process ends: somebody may still be reading it.
 */
#pragma once

#include "protocol/base/bytes.h"

#include <pthread.h>

#define ETAG_LEN 32 /* without the quotes */

/* bytes is NULL if only the size was kept. */
struct body {
	uint8_t *bytes;
	uint64_t size;
};

struct object {
	const char *key;
	struct body body;
	char etag[ETAG_LEN + 1];
};

struct object_table {
	pthread_mutex_t lock;
	struct object **objects; /* sorted by key */
	size_t count;
	size_t capacity;
	uint64_t versions;
};

void object_table_init(struct object_table *table);

/* An ETag that was never given before.  It names a version, as S3's own do
 * where objects are encrypted or of several parts; it is no MD5. */
void object_table_make_etag(struct object_table *table,
                            char ret_etag[ETAG_LEN + 1]);

/* Takes the body over.  0 or -ENOMEM. */
must_check int object_table_put(struct object_table *table, const char *key,
                                struct body body, char ret_etag[ETAG_LEN + 1]);

/* NULL if there is none.  Lives as long as the process. */
const struct object *object_table_find(struct object_table *table,
                                       const char *key);

void object_table_remove(struct object_table *table, const char *key);

/* The objects whose keys begin with prefix and come after the key after (may
 * be ""), at most max of them.  Returns their count; *ret_is_cut: there are
 * more. */
size_t object_table_list(struct object_table *table, const char *prefix,
                         const char *after, const struct object **ret_objects,
                         size_t max, bool *ret_is_cut);
