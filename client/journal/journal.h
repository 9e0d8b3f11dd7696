/* journal.h - what this machine remembers of caches from one run to the next
 *
 * Which paths a cache was seen to have, which uploads can be gone on with, and
 * how fast the way there was.  One SQLite file for all caches of a user, used by
 * many processes at a time; nothing in it is secret, and nothing in it is
 * believed longer than it is fresh.  A push works without a journal: whoever
 * cannot open one goes on with NULL, and every function here takes that as a
 * journal in which nothing is written.
 *
 * Nothing waits longer than JOURNAL_WAIT_MS for another process, and an error
 * of any function leaves the journal usable: it means that this was not
 * remembered, or is not known.  For one thread, the conductor's; a child that
 * was forked does not touch it.
 *
 * A cache is named by its store URI as the agent says it, since names in the
 * configuration may come to mean another bucket.
 */
#pragma once

#include "client/agent_call.h"
#include "protocol/base/attributes.h"
#include "protocol/base/bytes.h"

#define JOURNAL_WHY_MAX 512
#define JOURNAL_WAIT_MS 500 /* for a lock; then it is -EBUSY */

/* What is older is dropped at an opening, at most once a day. */
#define JOURNAL_KEEP_S ((int64_t)7 * 24 * 60 * 60)

struct journal;

/* path NULL: the usual one, see state_path.h, with its folders, for us alone.
 * 0, or -errno with a sentence in why; a file that is damaged or of a later
 * version is put aside (FILE.aside) and begun anew, which is not a failure,
 * unless another process has it open. */
must_check int journal_open(const char *path, struct journal **ret_journal,
                            char why[JOURNAL_WHY_MAX]);
void journal_close(struct journal *journal);

/* For cleanup_journal on a local struct journal *. */
#define cleanup_journal __attribute__((__cleanup__(journal_close_at)))
static inline void journal_close_at(struct journal **slot)
{
	journal_close(*slot);
}

/* Presence.
 *
 * ret_known[i] says whether the cache was seen to have the narinfo of bases[i]
 * within the last max_age_s seconds; what is older, or dated in the future, is
 * not known.  0 or -errno (with nothing known). */
must_check int journal_find_known(struct journal *journal, const char *store,
                                  const struct strings *bases,
                                  int64_t max_age_s, bool *ret_known);

/* The cache was seen to have these, now.  One transaction: all or none. */
must_check int journal_add_known(struct journal *journal, const char *store,
                                 const struct strings *bases);

/* Nothing is known of what this cache has any more. */
must_check int journal_forget(struct journal *journal, const char *store);

/* Uploads.
 *
 * A multipart upload that a push began.  It belongs to the process that began
 * it as long as that lives, and to nobody thereafter. */
struct journal_upload {
	char upload_id[S3_UPLOAD_ID_MAX + 1];
	struct strings
		etags;   /* owned; of parts 1.., without a gap; may be none */
	uint64_t blocks; /* of the NAR that these parts hold (pack.h) */
	uint64_t bytes;  /* of these parts together */
	struct nix_hash so_far; /* of these blocks; if there are parts */
};
void journal_upload_clear(struct journal_upload *upload);

/* -EINVAL: an id of no length, or longer than S3_UPLOAD_ID_MAX. */
must_check int journal_begin_upload(struct journal *journal, const char *store,
                                    const char *key, const char *upload_id);

/* A part is stored; parts may come in any order.  -ENOENT: no such upload is
 * recorded. */
struct journal_part {
	unsigned number; /* 1.. */
	const char *etag;
	uint64_t bytes;
	uint64_t blocks;        /* of the NAR, in this part and all before it */
	struct nix_hash so_far; /* of these blocks */
};
must_check int journal_add_part(struct journal *journal, const char *store,
                                const char *upload_id,
                                const struct journal_part *part);

/* 1: *ret_upload is what a dead process has left of this object, begun within
 * the last max_age_s seconds, the one with most bytes; it is ours from now on,
 * and no other process is given it.  Parts behind a gap are forgotten.  0:
 * there is none.  -errno. */
must_check int journal_adopt_upload(struct journal *journal, const char *store,
                                    const char *key, int64_t max_age_s,
                                    struct journal_upload *ret_upload);

/* It is complete, aborted or lost. */
must_check int journal_end_upload(struct journal *journal, const char *store,
                                  const char *upload_id);

/* The link: how fast pushes to this cache were lately. */
struct journal_link {
	uint64_t bytes_per_s; /* while the link was what was waited for */
	uint32_t latency_ms;  /* of a small request */
	int64_t measured_at;  /* seconds since the epoch */
};

/* 1: *ret_link is filled in; 0: never measured. */
must_check int journal_find_link(struct journal *journal, const char *store,
                                 struct journal_link *ret_link);
must_check int journal_set_link(struct journal *journal, const char *store,
                                uint64_t bytes_per_s, uint32_t latency_ms);

/* Packing: what compressing took on this machine, whatever the cache, of late;
 * a method is a compressor and its level, in any words. */
struct journal_work {
	uint64_t nar_bytes;  /* what was compressed */
	uint64_t file_bytes; /* to what */
	uint64_t cpu_ms;     /* of all processors together */
};

/* 1: *ret_work is filled in, ->nar_bytes is not 0; 0: never measured. */
must_check int journal_find_work(struct journal *journal, const char *method,
                                 struct journal_work *ret_work);
/* Adds to it; what is long ago counts less and less. */
must_check int journal_add_work(struct journal *journal, const char *method,
                                const struct journal_work *work);
