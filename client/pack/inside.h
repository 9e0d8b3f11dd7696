/* inside.h - what the threads of a pack share, and the rules for touching it
 *
 * Everything is under pack.lock, except what is said to have one owner.  A
 * function whose name begins with locked_ is called with the lock held.  The
 * budget has a lock of its own that is only ever taken last, and nobody waits
 * for the budget while holding pack.lock.
 */
#pragma once

#include "client/pack/assembly.h"
#include "client/pack/compress.h"
#include "client/pack/level.h"

#include <pthread.h>
#include <stdatomic.h>

#define PACK_READERS_MAX 2
#define PACK_JOBS_MAX    256

/* Owned by one thread or one queue at a time. */
struct block {
	struct job *job;
	size_t index; /* within the job */
	bool is_last;
	struct nix_hash so_far; /* of the NAR to its end; not of the last */
	struct region bytes;    /* as read, later as compressed */
	struct block *next;
};

/* First in, first out. */
struct blocks {
	struct block *first;
	struct block *last;
};

struct job {
	/* Set by pack_submit() for good. */
	size_t id;
	char *path; /* owned */
	struct nix_hash expected_hash;
	uint64_t expected_size;
	struct pack_start start; /* zeros: from the beginning */

	bool is_over;      /* nothing of it goes out any more */
	bool is_begun;     /* the assembly is there */
	bool is_noise;     /* compressing did not pay, when last tried */
	bool is_gathering; /* a thread is at its assembly, and owns that */
	unsigned uses;     /* the reader, each block, each unsealed part */
	size_t next_index;
	struct blocks compressed; /* waiting for their turn */
	struct assembly assembly;
	struct notes sealed; /* waiting for their turn */
	unsigned next_part;
	struct note *farewell; /* owned until sent: done or failed */
	struct job *previous;
	struct job *next;
};

struct jobs {
	struct job *first;
	struct job *last;
};

struct packer {
	struct pack *pack;
	struct compressor *compressor;
	uint8_t *scratch; /* a slab, for the compressor's output */
	pthread_t thread;
};

struct pack {
	enum pack_compression compression;
	struct budget *budget;
	uint64_t limit; /* of the budget */
	int event_fd;
	size_t queued_max; /* bytes in `blocks` that make readers wait */

	pthread_mutex_t lock;
	pthread_cond_t has_jobs; /* readers wait */
	pthread_cond_t has_work; /* packers wait */
	pthread_cond_t has_room; /* readers wait */
	bool is_stopping;
	bool is_auto; /* the level is not fixed */
	struct level level;
	struct jobs waiting;   /* to be read */
	struct jobs active;    /* begun, not over */
	struct blocks blocks;  /* to be compressed */
	size_t queued;         /* bytes in `blocks` */
	struct notes unsealed; /* parts to be hashed */
	struct notes notes;    /* to be taken by the conductor */
	atomic_uint_fast64_t bytes_read;

	size_t reader_count;
	size_t packer_count;
	pthread_t readers[PACK_READERS_MAX];
	struct packer packers[PACK_JOBS_MAX];
};

/* A thread's life: argument and result as pthread_create() has them. */
void *reader_run(void *pack);
void *packer_run(void *packer);

/* Makes parts of the blocks whose turn it is, and hands them on. */
void locked_gather(struct pack *pack, struct job *job);

/* Hashes a part that is too small to be worth another thread.  0 or -errno. */
must_check int seal_small(struct note *note);
/* Takes the parts of a job: out with them, or to be hashed. */
void locked_seal(struct pack *pack, struct job *job, struct notes *parts);
/* Hashes one of these. */
void seal_apart(struct pack *pack, struct note *note);

void blocks_add(struct blocks *blocks, struct block *block);
/* The first, or the one with this index; NULL if there is none. */
struct block *blocks_take(struct blocks *blocks);
struct block *blocks_take_index(struct blocks *blocks, size_t index);

void jobs_add(struct jobs *jobs, struct job *job);
void jobs_remove(struct jobs *jobs, struct job *job);
struct job *jobs_find(const struct jobs *jobs, size_t id);

/* Adds events for the conductor and makes the descriptor readable. */
void locked_send(struct pack *pack, struct notes *notes);

/* The next event, or NULL; the last one makes the descriptor unreadable. */
struct note *locked_next_note(struct pack *pack);

/* Takes the events of a job back. */
void locked_unsend(struct pack *pack, size_t id);

/* Ends a job with an event; nothing happens if it is over.  detail is a
 * sentence. */
void locked_fail(struct pack *pack, struct job *job, int rc,
                 const char *detail);

/* Ends a job: nothing of it goes out any more. */
void locked_end(struct pack *pack, struct job *job);

/* One use less; the last one frees a job that is over. */
void locked_unuse(struct job *job);

/* Frees the block and its use of the job. */
void locked_block_free(struct block *block);
