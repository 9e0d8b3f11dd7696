/* places.h - where in a cache the objects are that a person names */
#pragma once

#include "client/cache/session.h"
#include "protocol/s3/object_key.h"

/* An object that is there, or why there is none. */
struct place {
	const char *word;                /* borrowed */
	char base[STORE_PATH_BASE_SIZE]; /* empty: word is a key */
	char key[OBJECT_KEY_MAX + 1];
	char *error;     /* owned; NULL: it is there */
	int exit_status; /* with error */
};

enum places_kind {
	PLACES_NAR,     /* of a store path its NAR */
	PLACES_NARINFO, /* its narinfo */
};

/* words: store paths, paths inside of one, symbolic links to either, or keys of
 * the cache; borrowed.  *ret_places: one for each.  0 or -errno; also then
 * places_free() when it is set, but after the cache, which borrows from it. */
must_check int places_find(const struct session *session,
                           const struct strings *words, enum places_kind kind,
                           struct place **ret_places);
void places_free(struct place *places, size_t count);
