/* object_table.h - objects in memory, in the order of their keys
 *
 * Safe for many threads.  What is replaced or removed stays in memory until
 * the process ends: somebody may still be reading it.
 */
#pragma once

#include "protocol/base/bytes.h"

#include <pthread.h>

#define ETAG_LEN        32 /* without the quotes */
#define OBJECT_PAGE_MAX 1000

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
/* All whose keys begin with prefix. */
void object_table_remove_all(struct object_table *table, const char *prefix);

struct object_page {
	const struct object *objects[OBJECT_PAGE_MAX];
	size_t count;
	bool is_cut; /* there are more */
};

/* The objects whose keys begin with prefix and come after the key after (may
 * be ""), at most max of them, itself at most OBJECT_PAGE_MAX. */
void object_table_list(struct object_table *table, const char *prefix,
                       const char *after, size_t max,
                       struct object_page *ret_page);
