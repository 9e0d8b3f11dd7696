/* Theory of operation
 *
 * Two queues under one lock: tasks that wait for a thread, and tasks that came
 * back.  A thread takes the oldest task.
 *
 * A NAR is compared with its narinfo before its last byte is passed on: the
 * daemon registers a path when it has seen the end, and an end that we do not
 * send is one that it never sees.  A NAR that fits the thread's buffer is
 * compared before the daemon hears of it at all.
 *
 * After a failure in the middle of an import nothing says what the daemon
 * expects next: that connection is closed, and the next task opens another.
 */
#include "client/pull/importers.h"

#include "client/pack/unpack.h"
#include "client/store/daemon.h"
#include "protocol/base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#define BUFFER_SIZE ((size_t)1024 * 1024)
#define USUAL_MAX   4 /* an import mostly waits for the store's database */
#define USUAL_EXTRA 2
#define FAREWELL_S  2

struct tasks {
	struct import *first;
	struct import *last;
};

struct importers {
	const char *store;
	pthread_mutex_t lock;
	pthread_cond_t has_tasks;
	pthread_cond_t has_left;
	struct tasks waiting;
	struct tasks returned;
	struct import *running[IMPORTERS_MAX]; /* by thread; or NULL */
	bool is_stopping;
	unsigned present; /* threads that have not left */
	int event_fd;
	_Atomic uint64_t nar_bytes;
	pthread_t threads[IMPORTERS_MAX];
	unsigned started;
	unsigned numbered; /* threads that know which one they are */
};

/* What a thread has to itself. */
struct importer {
	struct importers *pool;
	unsigned number;
	struct daemon *daemon; /* NULL: not connected */
	uint8_t *buffer;
};

/* A NAR on its way. */
struct passage {
	struct importer *importer;
	struct import *task;
	struct unpack *unpack;
	size_t len; /* in the buffer */
	bool is_ended;
	bool is_begun; /* the daemon has heard of it */
};

static void tasks_add(struct tasks *tasks, struct import *task)
{
	task->next = NULL;
	if (tasks->last) {
		tasks->last->next = task;
	} else {
		tasks->first = task;
	}
	tasks->last = task;
}

static struct import *tasks_take(struct tasks *tasks)
{
	struct import *task = tasks->first;

	if (!task)
		return NULL;
	tasks->first = task->next;
	if (!tasks->first)
		tasks->last = NULL;
	return task;
}

printf_like(3, 4) static int fail(struct import *task, int rc,
                                  const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(task->why, sizeof(task->why), format, args);
	va_end(args);
	return rc;
}

/* Until the buffer is full or the NAR at its end. */
static int fill(struct passage *p)
{
	int rc = 0;

	p->len = 0;
	while (rc == 0 && p->len < BUFFER_SIZE && !p->is_ended) {
		size_t len;

		rc = unpack_read(p->unpack, p->importer->buffer + p->len,
		                 BUFFER_SIZE - p->len, &len);
		if (rc < 0)
			return fail(p->task, rc, "%s", unpack_why(p->unpack));
		p->len += len;
		p->is_ended = len == 0;
	}
	(void)atomic_fetch_add(&p->importer->pool->nar_bytes, p->len);
	return 0;
}

static int compare(const struct passage *p)
{
	const struct path_info *info = p->task->info;
	struct unpack_sums sums;

	unpack_sums(p->unpack, &sums);
	if (sums.nar_size != info->nar_size) {
		return fail(p->task, -EBADMSG,
		            "its archive has %llu bytes, and its narinfo says "
		            "%llu (NarSize); nothing was imported",
		            (unsigned long long)sums.nar_size,
		            (unsigned long long)info->nar_size);
	}
	if (!nix_hash_equal(&sums.nar_hash, &info->nar_hash)) {
		char is[NIX_HASH_TEXT_SIZE], says[NIX_HASH_TEXT_SIZE];

		nix_hash_format(&sums.nar_hash, is);
		nix_hash_format(&info->nar_hash, says);
		return fail(p->task, -EBADMSG,
		            "its archive has the hash %s, and its narinfo says "
		            "%s (NarHash); nothing was imported",
		            is, says);
	}
	return 0;
}

static int pass_on(struct passage *p)
{
	const struct bytes nar = { p->importer->buffer, p->len };
	struct daemon *daemon = p->importer->daemon;
	struct daemon_error error = { .text = "" };
	int rc = 0;

	if (!p->is_begun) {
		p->is_begun = true;
		rc = daemon_import_begin(daemon, p->task->info, &error);
	}
	if (rc == 0 && nar.len > 0)
		rc = daemon_import_write(daemon, nar, &error);
	if (rc == 0 && p->is_ended)
		rc = daemon_import_end(daemon, &error);
	return rc < 0 ? fail(p->task, rc, "%s", error.text) : 0;
}

static int import_nar(struct importer *m, struct import *task)
{
	cleanup_unpack struct unpack *unpack = NULL;
	struct passage passage = { .importer = m, .task = task };
	int rc = unpack_open(task->compression, task->in, task->info->nar_size,
	                     &unpack);

	if (rc == -ENOTSUP) {
		return fail(task, rc, "compression %.64s is not known",
		            task->compression);
	}
	if (rc < 0)
		return fail(task, rc, "%s", strerrordesc_np(-rc));
	passage.unpack = unpack;
	while (rc == 0 && !passage.is_ended) {
		rc = fill(&passage);
		if (rc == 0 && passage.is_ended)
			rc = compare(&passage);
		if (rc == 0)
			rc = pass_on(&passage);
	}
	if (rc < 0 && passage.is_begun) {
		daemon_close(m->daemon);
		m->daemon = NULL;
	}
	return rc;
}

static int ensure(struct importer *m, struct import *task)
{
	struct daemon_error error = { .text = "" };
	int rc = daemon_ensure(m->daemon, task->base, &error);

	if (rc == 0)
		return 0;
	daemon_close(m->daemon);
	m->daemon = NULL;
	return fail(task, rc, "%s", error.text);
}

static int connect_daemon(struct importer *m, struct import *task)
{
	struct daemon_error error;
	int rc = m->daemon ? 0
	                   : daemon_open(m->pool->store, &m->daemon, &error);

	return rc < 0 ? fail(task, rc, "%s", error.text) : 0;
}

static int work(struct importer *m, struct import *task)
{
	int rc = connect_daemon(m, task);

	if (rc < 0)
		return rc;
	switch (task->kind) {
	case IMPORT_NAR:
		return import_nar(m, task);
	case IMPORT_ENSURE:
		return ensure(m, task);
	}
	return -EINVAL;
}

/* Waits for a task; NULL: the pool is being closed. */
static struct import *next_task(struct importer *m)
{
	struct importers *pool = m->pool;
	struct import *task = NULL;

	(void)pthread_mutex_lock(&pool->lock);
	while (!pool->is_stopping && !pool->waiting.first)
		(void)pthread_cond_wait(&pool->has_tasks, &pool->lock);
	if (!pool->is_stopping)
		task = tasks_take(&pool->waiting);
	pool->running[m->number] = task;
	(void)pthread_mutex_unlock(&pool->lock);
	return task;
}

static void give_back(struct importer *m, struct import *task)
{
	const uint64_t one = 1;
	ssize_t written;

	if (task->rc < 0 && task->in)
		conduit_abandon(task->in);
	(void)pthread_mutex_lock(&m->pool->lock);
	m->pool->running[m->number] = NULL;
	tasks_add(&m->pool->returned, task);
	(void)pthread_mutex_unlock(&m->pool->lock);
	written = write(m->pool->event_fd, &one, sizeof(one));
	(void)written; /* a full counter wakes as well */
}

static void leave(struct importer *m)
{
	struct importers *pool = m->pool;

	daemon_close(m->daemon);
	free(m->buffer);
	(void)pthread_mutex_lock(&pool->lock);
	pool->present--;
	(void)pthread_cond_signal(&pool->has_left);
	(void)pthread_mutex_unlock(&pool->lock);
}

static void *importer_run(void *argument)
{
	struct importer m = { .pool = argument };
	struct daemon_error error;
	struct import *task;

	(void)pthread_mutex_lock(&m.pool->lock);
	m.number = m.pool->numbered++;
	(void)pthread_mutex_unlock(&m.pool->lock);
	/* Should it fail, the first task tries again and says why. */
	if (daemon_open(m.pool->store, &m.daemon, &error) < 0)
		m.daemon = NULL;
	m.buffer = malloc(BUFFER_SIZE);
	while ((task = next_task(&m))) {
		task->rc = m.buffer ? work(&m, task)
		                    : fail(task, -ENOMEM, "out of memory");
		give_back(&m, task);
	}
	leave(&m);
	return NULL;
}

static unsigned choose_count(unsigned wanted)
{
	cpu_set_t set;
	unsigned count;

	if (wanted > 0)
		return wanted < IMPORTERS_MAX ? wanted : IMPORTERS_MAX;
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return USUAL_MAX;
	count = (unsigned)CPU_COUNT(&set) + USUAL_EXTRA;
	return count < USUAL_MAX ? count : USUAL_MAX;
}

/* Signals are for the conductor's thread: ours start with all blocked. */
static int start_threads(struct importers *pool, unsigned count)
{
	sigset_t all, before;
	int rc = 0;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	while (rc == 0 && pool->started < count) {
		(void)pthread_mutex_lock(&pool->lock);
		rc = -pthread_create(&pool->threads[pool->started], NULL,
		                     importer_run, pool);
		if (rc == 0) {
			pool->started++;
			pool->present++;
		}
		(void)pthread_mutex_unlock(&pool->lock);
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pool->started > 0 ? 0 : rc;
}

static void pool_free(struct importers *pool)
{
	close_at(&pool->event_fd);
	(void)pthread_cond_destroy(&pool->has_left);
	(void)pthread_cond_destroy(&pool->has_tasks);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}

int importers_open(const char *store, unsigned count,
                   struct importers **ret_importers)
{
	struct importers *pool = calloc(1, sizeof(*pool));
	int rc;

	if (!pool)
		return -ENOMEM;
	pool->store = store;
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_cond_init(&pool->has_tasks, NULL);
	(void)pthread_cond_init(&pool->has_left, NULL);
	pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = pool->event_fd < 0 ? -errno
	                        : start_threads(pool, choose_count(count));
	if (rc < 0) {
		pool_free(pool);
		return rc;
	}
	*ret_importers = pool;
	return 0;
}

/* Those who wait for bytes are called off; those who wait for a daemon have
 * some time to hear from it. */
static bool locked_stop(struct importers *pool)
{
	struct timespec until;
	int rc = 0;

	pool->is_stopping = true;
	(void)pthread_cond_broadcast(&pool->has_tasks);
	for (unsigned i = 0; i < pool->started; i++) {
		if (pool->running[i] && pool->running[i]->in)
			conduit_abandon(pool->running[i]->in);
	}
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FAREWELL_S;
	while (pool->present > 0 && rc == 0) {
		rc = pthread_cond_timedwait(&pool->has_left, &pool->lock,
		                            &until);
	}
	return pool->present == 0;
}

int importers_close(struct importers *pool)
{
	bool is_over;

	if (!pool)
		return 0;
	(void)pthread_mutex_lock(&pool->lock);
	is_over = locked_stop(pool);
	(void)pthread_mutex_unlock(&pool->lock);
	if (!is_over)
		return -EBUSY;
	for (unsigned i = 0; i < pool->started; i++)
		(void)pthread_join(pool->threads[i], NULL);
	pool_free(pool);
	return 0;
}

void importers_submit(struct importers *pool, struct import *task)
{
	(void)pthread_mutex_lock(&pool->lock);
	tasks_add(&pool->waiting, task);
	(void)pthread_cond_signal(&pool->has_tasks);
	(void)pthread_mutex_unlock(&pool->lock);
}

int importers_fd(const struct importers *pool)
{
	return pool->event_fd;
}

struct import *importers_next(struct importers *pool)
{
	struct import *task;
	uint64_t count;

	(void)pthread_mutex_lock(&pool->lock);
	task = tasks_take(&pool->returned);
	if (!pool->returned.first) {
		ssize_t got = read(pool->event_fd, &count, sizeof(count));

		(void)got; /* nothing there is fine */
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return task;
}

uint64_t importers_nar_bytes(const struct importers *pool)
{
	return atomic_load(&pool->nar_bytes);
}
