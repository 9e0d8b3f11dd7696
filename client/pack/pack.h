/* pack.h - store paths in, compressed and hashed objects out, on threads
 *
 * A reader thread serialises a path as a NAR, hashes it and cuts it into
 * blocks; a pool of threads compresses blocks (each an independent zstd frame
 * or xz stream, or nothing) and hashes the result; the blocks of one path come
 * out in order, gathered into parts that S3 takes.  Memory is one budget: the
 * reader waits when it is spent.
 *
 * The conductor submits jobs, waits on the descriptor, and takes events.  All
 * functions are for one thread, the conductor's.
 */
#pragma once

#include "protocol/base/digest.h"
#include "protocol/nix/path_info.h"

#define PACK_BLOCK_SIZE \
	((size_t)16 * 1024 * 1024) /* uncompressed, of a frame */
#define PACK_SINGLE_MAX ((size_t)16 * 1024 * 1024) /* compressed, of one PUT */
#define PACK_PART_MIN   ((size_t)8 * 1024 * 1024) /* of any part but the last */
#define PACK_BUDGET_MIN (64ULL * 1024 * 1024)
#define PACK_LEVEL_AUTO (-2) /* zstd: as the speed of the taker allows */

enum pack_compression {
	PACK_ZSTD,
	PACK_XZ,
	PACK_NONE,
};

/* "zstd", "xz", "none"; -EINVAL. */
must_check int pack_compression_parse(const char *name,
                                      enum pack_compression *ret_compression);
/* ".zst", ".xz", "" */
const char *pack_compression_suffix(enum pack_compression compression);
const char *pack_compression_name(enum pack_compression compression);

struct pack_options {
	enum pack_compression compression;
	int level;     /* -1: the compressor's usual one; or PACK_LEVEL_AUTO */
	unsigned jobs; /* compressing threads; 0: one for each processor */
	uint64_t max_memory; /* the whole budget, at least PACK_BUDGET_MIN; 0:
	                      * what the threads need, at most 256 MiB */
};

enum pack_event_type {
	PACK_PART,   /* bytes to upload, in order */
	PACK_DONE,   /* all parts have been given; totals are final */
	PACK_FAILED, /* no more events for this job */
};

/* One part's bytes.  Freeing it gives its memory back to the budget; it may
 * be freed from the conductor's thread at any time, also after the pack. */
struct pack_part {
	const uint8_t *data;
	size_t len;
	uint8_t md5[DIGEST_MD5_LEN];
	unsigned number;        /* 1.. */
	uint64_t blocks;        /* of the NAR, in this part and all before it */
	struct nix_hash so_far; /* of these blocks; not of the last part */
	bool is_last; /* decided: the path's compressed bytes end here */
};
void pack_part_free(struct pack_part *part);

struct pack_event {
	enum pack_event_type type;
	size_t job;             /* as given to pack_submit */
	struct pack_part *part; /* PACK_PART: now owned by the taker */

	/* PACK_DONE */
	struct nix_hash nar_hash;
	uint64_t nar_size;
	bool has_file_hash; /* not of a job that had a start */
	struct nix_hash file_hash;
	uint64_t file_size; /* of all parts, also those before the start */

	/* PACK_FAILED */
	int error;        /* -errno; -EBADMSG: hash or size differ */
	char detail[256]; /* a sentence; printable */
};

/* What 0 jobs stand for. */
unsigned pack_processor_count(void);

struct pack;

must_check int pack_open(const struct pack_options *given,
                         struct pack **ret_pack);

/* Stops the threads, frees what was not taken.  Parts still held stay good. */
void pack_close(struct pack *pack);

/* Where a job goes on that an earlier process has begun: so many blocks of the
 * NAR are in so many parts of so many compressed bytes, and none of them the
 * NAR's last.  What is before it is read and hashed, but not compressed; where
 * its hash is not so_far, what is stored is of other bytes, and the job fails.
 * All zeros: from the beginning. */
struct pack_start {
	uint64_t blocks;
	unsigned parts;
	uint64_t bytes;
	struct nix_hash so_far; /* of the blocks */
};

/* What is packed, borrowed until pack_submit() returns. */
struct pack_source {
	const char *path; /* the physical file or directory */
	const struct nix_hash *expected_hash; /* of its NAR */
	uint64_t expected_size;
};

/* start NULL: from the beginning.  The NAR's hash and size are compared with
 * those expected at its end, and only then does PACK_DONE come.  Jobs are read
 * in the order given.  0, -ENOMEM; -EINVAL for a start that is not before the
 * last block, or has blocks without parts and bytes, or these without
 * blocks. */
must_check int pack_submit(struct pack *pack, size_t job,
                           const struct pack_source *source,
                           const struct pack_start *start);

/* No more events for this job; its memory is given back. */
void pack_cancel(struct pack *pack, size_t job);

/* Readable when pack_next() has an event. */
int pack_fd(const struct pack *pack);

/* 1: *ret_event is filled in; 0: nothing yet. */
must_check int pack_next(struct pack *pack, struct pack_event *ret_event);

/* Uncompressed bytes read so far, for the progress line. */
uint64_t pack_bytes_read(const struct pack *pack);
