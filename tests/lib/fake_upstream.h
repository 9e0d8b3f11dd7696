/* fake_upstream.h - a cache in memory that does what it is ordered, when told
 *
 * A program that links this has no other upstream_submit() and so on.  What it
 * holds is looked at through fake_upstream_find() and the counts.
 */
#pragma once

#include "client/serve/upstream.h"

#define FAKE_OBJECTS_MAX 256
#define FAKE_UPLOADS_MAX 32
#define FAKE_STEP_TYPES  (CACHE_ABORT + 1)

struct fake_object {
	char key[128]; /* empty: none */
	struct buffer body;
};

struct fake_upload {
	char id[32]; /* empty: none */
	char key[128];
	unsigned parts;
	struct buffer body;
};

struct upstream {
	struct order *first; /* waiting */
	struct order *last;
	struct fake_object objects[FAKE_OBJECTS_MAX];
	struct fake_upload uploads[FAKE_UPLOADS_MAX];
	unsigned upload_count; /* ever */
	size_t counts[FAKE_STEP_TYPES];
	size_t largest_part;
	size_t signed_count;
	struct path_info last_signed; /* only what needs no memory */

	/* Set by the test. */
	bool fails;
	enum cache_step_type failing;
	bool loses_parts; /* says that there is no such upload */
	int exit_status;  /* of what fails, also of a refusal to sign */
	bool refuses_to_sign;
	unsigned fail_percent; /* of all orders, by chance */
	unsigned random;
};

struct upstream *fake_upstream_new(void);
void fake_upstream_free(struct upstream *upstream);

/* Carries out the order at that place of those waiting; NULL: there is none. */
struct order *fake_upstream_step(struct upstream *upstream, size_t at);
size_t fake_upstream_waiting(const struct upstream *upstream);

/* NULL: no such object. */
const struct fake_object *fake_upstream_find(const struct upstream *upstream,
                                             const char *key);
/* Drops every object. */
void fake_upstream_empty(struct upstream *upstream);
void fake_upstream_add(struct upstream *upstream, const char *key,
                       struct bytes body);
size_t fake_upstream_objects(const struct upstream *upstream);
size_t fake_upstream_uploads(const struct upstream *upstream);

/* The next number that is not random at all. */
unsigned fake_upstream_random(struct upstream *upstream, unsigned below);
