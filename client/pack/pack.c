#include "client/pack/pack.h"

#include "client/pack/inside.h"
#include "client/pack/slab.h"
#include "protocol/base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>

/*
 * Theory of operation.
 *
 *   waiting -> reader -> blocks -> packer -> compressed -> assembly
 *                             -> unsealed -> packer -> sealed -> notes
 *
 * A job waits until a reader takes it.  The reader cuts its NAR into blocks,
 * all of PACK_BLOCK_SIZE but the last, and hashes it; the last block goes on
 * only when size and hash are the expected ones, so no part that says
 * is_last ever comes of a path that has changed.  Packers compress blocks in
 * any order.  Whoever finishes the block whose turn it is gathers it, and all
 * that follow it and have come, into parts.  Any packer hashes a part; they go
 * out in their order.  A job ends by its last part, by
 * a failure or by pack_cancel(); what of it is still on its way is dropped
 * where it is met, and the last block that goes frees the job.  A job with a
 * start is the same from there on; before it the reader only hashes.
 *
 * Memory.  Before a reader allocates a block it takes from the budget the most
 * that the block can become, which is hardly more than it is: what does not
 * shrink is stored.  Nothing else ever waits for memory: a packer compresses
 * into a slab of its own, which it exchanges for the block's, gathering only
 * moves charges, and what compressing saved goes back.  Holders of memory are
 *
 *   1. blocks that are read, compressed or wait for an earlier one of their
 *      job, which was paid for before them: these move on by themselves, as
 *      does the chunk that what is before a start is hashed in;
 *   2. parts in the notes or with the conductor, who gives each back without
 *      waiting for another event;
 *   3. gathered bytes that are not yet a part.  Of a job read to its end they
 *      become one by themselves, see 1.  Of a job that is being read they
 *      wait for its reader.  At most PACK_SINGLE_MAX bytes wait for a reader.
 *
 * So when all readers wait for memory, 1 and 2 drain, and what remains taken
 * is PACK_SINGLE_MAX for each reader.  The budget serves in the order of
 * asking, and its limit is never below READ_FLOOR: that for each reader, and
 * a block.  Hence the first in the line gets its block, whatever the mix of
 * paths, and that for ever.
 *
 * What packers hold is taken off the budget beforehand.
 */

#define MIB             (1024ULL * 1024)
#define TWO_READERS_MIN (128 * MIB)
#define USUAL_BASE      (48 * MIB) /* for parts under way */
#define AUTO_MAX        15 /* beyond, a level costs more than it gains */
#define USUAL_MAX       (256 * MIB)
#define FLOOR_READER    ((uint64_t)PACK_SINGLE_MAX + MIB)
#define FLOOR_BLOCK     ((uint64_t)PACK_BLOCK_SIZE + MIB)
#define READ_FLOOR(n)   ((n)*FLOOR_READER + FLOOR_BLOCK)

static_assert(READ_FLOOR(2) <= TWO_READERS_MIN, "two readers need more");
static_assert(READ_FLOOR(1) <= PACK_BUDGET_MIN, "one reader needs more");

unsigned pack_processor_count(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

static uint64_t wanted_packers(const struct pack_options *options)
{
	return options->jobs ? options->jobs : pack_processor_count();
}

/* What each packer has for itself. */
static uint64_t packer_memory(const struct pack_options *options)
{
	if (options->compression == PACK_NONE)
		return 0;
	return compress_memory(options->compression, options->level) +
	       SLAB_SIZE;
}

/* What is compressed ahead of the network only waits there: more than a block
 * and its output for each thread makes no push quicker (measured). */
static uint64_t usual_memory(const struct pack_options *options)
{
	uint64_t each = packer_memory(options) + SLAB_SIZE;
	uint64_t count = wanted_packers(options);

	return count < (USUAL_MAX - USUAL_BASE) / each
	               ? USUAL_BASE + count * each
	               : USUAL_MAX;
}

/* As many as asked for, but no more than there is memory for: what a
 * compressor holds, and a block for each to work on. */
static size_t choose_packers(const struct pack_options *options)
{
	uint64_t each = packer_memory(options);
	uint64_t left = options->max_memory - READ_FLOOR(1);
	uint64_t count = wanted_packers(options);
	uint64_t most = options->max_memory / PACK_BLOCK_SIZE;

	if (each > 0 && left / each < most)
		most = left / each;
	if (most > PACK_JOBS_MAX)
		most = PACK_JOBS_MAX;
	if (count > most)
		count = most;
	return count > 0 ? (size_t)count : 1;
}

/* The highest that PACK_LEVEL_AUTO may come to: what all threads would need
 * for it is there, beside what blocks need. */
static int highest_level(const struct pack_options *options)
{
	struct pack_options at = *options;
	uint64_t most = at.max_memory ? at.max_memory : USUAL_MAX;

	for (at.level = AUTO_MAX; at.level > LEVEL_FIRST; at.level--) {
		if (READ_FLOOR(1) + wanted_packers(&at) * packer_memory(&at) <=
		    most)
			break;
	}
	return at.level;
}

/* What is left for blocks and parts, and how many readers that feeds. */
static uint64_t choose_readers(const struct pack_options *options,
                               size_t packers, size_t *ret_readers)
{
	uint64_t held = packers * packer_memory(options);
	uint64_t left = 0;

	if (held < options->max_memory)
		left = options->max_memory - held;
	*ret_readers = left < TWO_READERS_MIN ? 1 : 2;
	return left < READ_FLOOR(1) ? READ_FLOOR(1) : left;
}

static void packer_clear(struct packer *packer)
{
	compressor_free(packer->compressor);
	slab_free(packer->scratch);
}

static int start_packer(struct pack *p, const struct pack_options *options)
{
	struct packer *packer = &p->packers[p->packer_count];
	int rc;

	packer->pack = p;
	rc = compressor_new(options->compression, options->level,
	                    &packer->compressor);
	if (rc < 0)
		return rc;
	packer->scratch = slab_new();
	rc = packer->scratch ? 0 : -ENOMEM;
	if (rc == 0)
		rc = -pthread_create(&packer->thread, NULL, packer_run, packer);
	if (rc < 0) {
		packer_clear(packer);
		return rc;
	}
	p->packer_count++;
	return 0;
}

/* Signals are for the conductor's thread: ours start with all blocked. */
static int start_threads(struct pack *p, const struct pack_options *options,
                         size_t packers, size_t readers)
{
	sigset_t all, before;
	int rc = 0;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	while (rc == 0 && p->packer_count < packers)
		rc = start_packer(p, options);
	while (rc == 0 && p->reader_count < readers) {
		rc = -pthread_create(&p->readers[p->reader_count], NULL,
		                     reader_run, p);
		if (rc == 0)
			p->reader_count++;
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static void init(struct pack *p)
{
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->has_jobs, NULL);
	(void)pthread_cond_init(&p->has_work, NULL);
	(void)pthread_cond_init(&p->has_room, NULL);
}

static void close_at_exit(struct pack **slot)
{
	pack_close(*slot);
}

int pack_open(const struct pack_options *given, struct pack **ret_pack)
{
	struct pack_options own = *given;
	const struct pack_options *options = &own;
	__attribute__((__cleanup__(close_at_exit))) struct pack *p = NULL;
	size_t packers, readers;
	uint64_t limit;
	int rc;

	if (given->level == PACK_LEVEL_AUTO) {
		if (given->compression != PACK_ZSTD)
			return -EINVAL;
		own.level = highest_level(given);
	}
	if (own.max_memory == 0)
		own.max_memory = usual_memory(&own);
	if (own.max_memory < PACK_BUDGET_MIN)
		return -EINVAL;

	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	init(p);
	if (given->level == PACK_LEVEL_AUTO) {
		p->is_auto = true;
		level_init(&p->level, own.level);
	}
	packers = choose_packers(options);
	limit = choose_readers(options, packers, &readers);
	p->compression = options->compression;
	p->limit = limit;
	p->queued_max = packers * PACK_BLOCK_SIZE / 2;
	p->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->event_fd < 0)
		return -errno;
	p->budget = budget_new(limit);
	if (!p->budget)
		return -ENOMEM;

	rc = start_threads(p, options, packers, readers);
	if (rc < 0)
		return rc;
	*ret_pack = take_ptr(p);
	return 0;
}

static void stop_threads(struct pack *p)
{
	(void)pthread_mutex_lock(&p->lock);
	p->is_stopping = true;
	(void)pthread_cond_broadcast(&p->has_jobs);
	(void)pthread_cond_broadcast(&p->has_work);
	(void)pthread_cond_broadcast(&p->has_room);
	(void)pthread_mutex_unlock(&p->lock);
	if (p->budget)
		budget_stop(p->budget);

	for (size_t i = 0; i < p->reader_count; i++)
		(void)pthread_join(p->readers[i], NULL);
	for (size_t i = 0; i < p->packer_count; i++) {
		(void)pthread_join(p->packers[i].thread, NULL);
		packer_clear(&p->packers[i]);
	}
}

static void drop_blocks(struct blocks *blocks)
{
	struct block *block;

	while ((block = blocks_take(blocks)))
		locked_block_free(block);
}

/* With a use of our own, so that dropping the last block leaves the job. */
static void drop_job(struct pack *p, struct job *job)
{
	job->uses++;
	drop_blocks(&job->compressed);
	locked_end(p, job);
	locked_unuse(job);
}

static void drop_unsealed(struct pack *p)
{
	struct note *note;

	while ((note = notes_take(&p->unsealed))) {
		struct job *job = note->owner;

		note_free(note);
		locked_unuse(job);
	}
}

/* The threads are gone: no lock is needed. */
static void drop_all(struct pack *p)
{
	struct job *job;

	drop_blocks(&p->blocks);
	drop_unsealed(p);
	while ((job = p->waiting.first))
		drop_job(p, job);
	while ((job = p->active.first))
		drop_job(p, job);
	notes_clear(&p->notes);
}

void pack_close(struct pack *pack)
{
	if (!pack)
		return;

	stop_threads(pack);
	drop_all(pack);
	budget_release(pack->budget);
	close_at(&pack->event_fd);
	(void)pthread_cond_destroy(&pack->has_room);
	(void)pthread_cond_destroy(&pack->has_work);
	(void)pthread_cond_destroy(&pack->has_jobs);
	(void)pthread_mutex_destroy(&pack->lock);
	free(pack);
}

/* Before the NAR's last block, and all of it there or nothing. */
static bool is_sound(const struct pack_start *start, uint64_t nar_size)
{
	uint64_t count =
		nar_size / PACK_BLOCK_SIZE + (nar_size % PACK_BLOCK_SIZE > 0);

	if (start->blocks == 0)
		return start->parts == 0 && start->bytes == 0;
	return start->blocks < count && start->parts > 0 && start->bytes > 0;
}

/* Takes the path. */
static struct job *job_new(size_t id, char *path)
{
	cleanup_free struct note *farewell = calloc(1, sizeof(*farewell));
	struct job *job = calloc(1, sizeof(*job));

	if (!farewell || !job || !path) {
		free(path);
		free(job);
		return NULL;
	}
	farewell->event.job = id;
	*job = (struct job){
		.id = id,
		.path = path,
		.farewell = take_ptr(farewell),
		.next_part = 1,
	};
	return job;
}

int pack_submit(struct pack *pack, size_t job, const struct pack_source *source,
                const struct pack_start *start)
{
	struct job *j;

	if (start && !is_sound(start, source->expected_size))
		return -EINVAL;
	j = job_new(job, strdup(source->path));
	if (!j)
		return -ENOMEM;

	j->expected_hash = *source->expected_hash;
	j->expected_size = source->expected_size;
	if (start) {
		j->start = *start;
		j->next_index = start->blocks;
		j->next_part = start->parts + 1;
	}
	(void)pthread_mutex_lock(&pack->lock);
	jobs_add(&pack->waiting, j);
	(void)pthread_cond_signal(&pack->has_jobs);
	(void)pthread_mutex_unlock(&pack->lock);
	return 0;
}

void pack_cancel(struct pack *pack, size_t job)
{
	struct job *j;

	(void)pthread_mutex_lock(&pack->lock);
	locked_unsend(pack, job);
	j = jobs_find(&pack->active, job);
	if (!j)
		j = jobs_find(&pack->waiting, job);
	if (j)
		locked_end(pack, j);
	(void)pthread_cond_broadcast(&pack->has_room);
	(void)pthread_mutex_unlock(&pack->lock);
}

int pack_fd(const struct pack *pack)
{
	return pack->event_fd;
}

int pack_next(struct pack *pack, struct pack_event *ret_event)
{
	struct note *note;

	(void)pthread_mutex_lock(&pack->lock);
	note = locked_next_note(pack);
	(void)pthread_mutex_unlock(&pack->lock);
	if (!note)
		return 0;

	*ret_event = note->event;
	free(note);
	return 1;
}

uint64_t pack_bytes_read(const struct pack *pack)
{
	return atomic_load(&pack->bytes_read);
}
