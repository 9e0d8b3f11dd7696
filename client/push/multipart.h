/* multipart.h - one NAR's parts: which wait, which are stored, and what an
 * earlier run has left
 *
 * Holds the bytes of parts until the cache has them, and their ETags for the
 * completion; writes down in the journal what another run can go on with.
 * Submits the steps of a multipart upload; upload.c decides when.
 */
#pragma once

#include "client/cache/cache.h"
#include "client/journal/journal.h"
#include "client/pack/pack.h"

/* An upload that is older is not gone on with: others end it (uploads.h). */
#define MULTIPART_AGE_MAX_S (24LL * 60 * 60)

struct multipart_place {
	struct cache *cache;
	struct journal *journal; /* NULL: nothing is remembered */
	const char *store;       /* the cache's URI, for the journal */
	const char *key;         /* of the NAR */
	uint64_t tag;            /* of steps; a part's number is added */
};

/* One part: its bytes until they are stored, then its ETag. */
struct multipart_part {
	struct pack_part *part; /* owned, or NULL */
	uint64_t bytes;
	uint64_t blocks; /* see pack.h, as the next two */
	struct nix_hash so_far;
	bool is_last;
	char *etag;   /* owned, or NULL */
	bool is_lent; /* the cache has the bytes until it answers */
};

struct multipart {
	char *upload_id;              /* owned; NULL: none yet */
	bool is_over;                 /* nothing of it is left to be ended */
	bool is_begun;                /* asked for, or adopted */
	bool is_written;              /* the journal knows of it */
	struct multipart_part *parts; /* owned; by part number - 1 */
	size_t capacity;
	size_t count;
	size_t stored_count;
	struct pack_start start; /* of it; zeroes if nothing was left */
	struct strings etags;    /* for the completion */
};

void multipart_clear(struct multipart *m);

/* 1: an earlier run has left an upload of this object, and m goes on with it;
 * 0: there is none, or m is as it was; -ENOMEM. */
must_check int multipart_adopt(struct multipart *m,
                               const struct multipart_place *place);

/* The upload that was adopted is not there any more: m is as new. */
void multipart_disown(struct multipart *m, const struct multipart_place *place);

/* Asks whether the upload is still there; begins one.  0 or -errno. */
must_check int multipart_ask(const struct multipart *m,
                             const struct multipart_place *place);
must_check int multipart_begin(struct multipart *m,
                               const struct multipart_place *place);

/* The upload has a name now: sends the parts that have waited for it.  0 or
 * -errno. */
must_check int multipart_take_begun(struct multipart *m,
                                    const struct multipart_place *place,
                                    const char *upload_id);

/* Takes the next part, which is the multipart's in any case, and sends it if
 * the upload has begun.  0 or -errno. */
must_check int multipart_add(struct multipart *m,
                             const struct multipart_place *place,
                             struct pack_part *part);

/* The cache has answered for a part: its bytes are needed no more. */
void multipart_take_back(struct multipart *m, unsigned number);
/* The part is stored.  0 or -ENOMEM. */
must_check int multipart_note_stored(struct multipart *m,
                                     const struct multipart_place *place,
                                     unsigned number, const char *etag);

static inline bool multipart_is_stored(const struct multipart *m)
{
	return m->stored_count == m->count;
}

/* Once all parts are stored.  0 or -errno. */
must_check int multipart_complete(struct multipart *m,
                                  const struct multipart_place *place);

/* The server has no such upload any more: complete, aborted or lost. */
void multipart_note_ended(struct multipart *m,
                          const struct multipart_place *place);

/* Nothing more of it is sent: gives bytes back, and has the server end what was
 * begun.  An abort that cannot even be queued is left to later pushes. */
void multipart_abandon(struct multipart *m,
                       const struct multipart_place *place);

/* The upload has got its name only now that it is abandoned. */
void multipart_take_late(struct multipart *m,
                         const struct multipart_place *place,
                         const char *upload_id);
