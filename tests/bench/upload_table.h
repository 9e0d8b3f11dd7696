/* upload_table.h - multipart uploads that are under way
 *
 * Safe for many threads.
 */
#pragma once

#include "tests/bench/object_table.h"

#include <stdio.h>
#include <time.h>

#define UPLOAD_ID_LEN    16
#define UPLOAD_PARTS_MAX 10000

struct upload_part {
	struct body body;
	char etag[ETAG_LEN + 1]; /* empty: there is none */
};

struct upload {
	struct upload *next;
	char id[UPLOAD_ID_LEN + 1];
	char *key;
	time_t began;
	struct upload_part *parts; /* UPLOAD_PARTS_MAX of them */
};

struct upload_table {
	pthread_mutex_t lock;
	struct upload *head;
	uint64_t ids;
};

void upload_table_init(struct upload_table *table);

/* 0 or -ENOMEM. */
must_check int upload_table_begin(struct upload_table *table, const char *key,
                                  char ret_id[UPLOAD_ID_LEN + 1]);

/* Takes the body over.  0; -ENOENT: no such upload; -EINVAL: no number that a
 * part may have. */
must_check int upload_table_put_part(struct upload_table *table, const char *id,
                                     unsigned number, struct body body,
                                     const char *etag);

/* Puts together the parts that a CompleteMultipartUpload names, and ends the
 * upload.  *ret_body is owned; its bytes are NULL unless all were kept.  0;
 * -ENOENT; -EINVAL: no such part, or it has another ETag; -ENOMEM. */
must_check int upload_table_complete(struct upload_table *table, const char *id,
                                     const char *completion,
                                     struct body *ret_body);

void upload_table_abort(struct upload_table *table, const char *id);

/* Those whose keys begin with prefix, as XML elements Upload; of each key the
 * first skip bytes are left out. */
void upload_table_print(struct upload_table *table, const char *prefix,
                        size_t skip, FILE *out);

/* As XML elements Part.  -ENOENT if there is no such upload. */
must_check int upload_table_print_parts(struct upload_table *table,
                                        const char *id, FILE *out);
