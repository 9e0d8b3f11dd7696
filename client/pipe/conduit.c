/* Theory of Operation
 *
 * A list of pieces; what is put fills up the last one before it begins another,
 * so that the memory taken is little more than what is held.  Everything is
 * under one lock.  A writer that found it full is remembered
 * (is_writer_waiting), so that its eventfd is written to once for each time it
 * was told to wait, not for each byte that is read.
 *
 * The eventfds are written to under the lock: once conduit_wake_writer() with
 * -1 has returned, the old descriptor may be closed.
 */
#include "client/pipe/conduit.h"

#include "protocol/base/text.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_SIZE ((size_t)64 * 1024) /* of memory, at least */

struct piece {
	struct piece *next;
	size_t at; /* read so far */
	size_t len;
	size_t size;
	uint8_t data[];
};

struct conduit {
	pthread_mutex_t lock;
	pthread_cond_t has_news; /* a waiting reader */
	unsigned shares;
	size_t limit;
	size_t held;
	uint64_t total;
	struct piece *first;
	struct piece *last;
	bool is_writer_waiting;
	bool is_ended;
	bool is_abandoned;
	int rc; /* of the end */
	int writer_fd;
	int reader_fd;
	char why[CONDUIT_WHY_MAX];
};

int conduit_new(size_t limit, struct conduit **ret_conduit)
{
	struct conduit *c = calloc(1, sizeof(*c));

	assert(limit >= CONDUIT_PIECE_MAX);
	if (!c)
		return -ENOMEM;
	c->shares = 1;
	c->limit = limit;
	c->writer_fd = -1;
	c->reader_fd = -1;
	/* Neither can fail with default attributes (pthread_mutex_init(3)). */
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_cond_init(&c->has_news, NULL);
	*ret_conduit = c;
	return 0;
}

struct conduit *conduit_share(struct conduit *conduit)
{
	(void)pthread_mutex_lock(&conduit->lock);
	conduit->shares++;
	(void)pthread_mutex_unlock(&conduit->lock);
	return conduit;
}

static void locked_drop(struct conduit *c)
{
	struct piece *next;

	for (struct piece *p = c->first; p; p = next) {
		next = p->next;
		free(p);
	}
	c->first = NULL;
	c->last = NULL;
	c->held = 0;
}

void conduit_release(struct conduit *conduit)
{
	unsigned left;

	(void)pthread_mutex_lock(&conduit->lock);
	left = --conduit->shares;
	(void)pthread_mutex_unlock(&conduit->lock);
	if (left > 0)
		return;
	locked_drop(conduit);
	(void)pthread_cond_destroy(&conduit->has_news);
	(void)pthread_mutex_destroy(&conduit->lock);
	free(conduit);
}

/* A full counter of the eventfd means that its owner is behind with reading:
 * it will come. */
static void signal_fd(int fd)
{
	const uint64_t one = 1;
	ssize_t written = fd >= 0 ? write(fd, &one, sizeof(one)) : 0;

	(void)written;
}

static void locked_wake_reader(struct conduit *c)
{
	(void)pthread_cond_broadcast(&c->has_news);
	signal_fd(c->reader_fd);
}

static void locked_wake_writer(struct conduit *c)
{
	if (c->is_writer_waiting)
		signal_fd(c->writer_fd);
	c->is_writer_waiting = false;
}

void conduit_wake_writer(struct conduit *conduit, int event_fd)
{
	(void)pthread_mutex_lock(&conduit->lock);
	conduit->writer_fd = event_fd;
	if (conduit->is_abandoned)
		signal_fd(event_fd);
	(void)pthread_mutex_unlock(&conduit->lock);
}

void conduit_wake_reader(struct conduit *conduit, int event_fd)
{
	(void)pthread_mutex_lock(&conduit->lock);
	conduit->reader_fd = event_fd;
	if (conduit->held > 0 || conduit->is_ended || conduit->is_abandoned)
		signal_fd(event_fd);
	(void)pthread_mutex_unlock(&conduit->lock);
}

static struct piece *locked_add_piece(struct conduit *c, size_t len)
{
	size_t size = len > PIECE_SIZE ? len : PIECE_SIZE;
	struct piece *p = malloc(sizeof(*p) + size);

	if (!p)
		return NULL;
	p->next = NULL;
	p->at = 0;
	p->len = 0;
	p->size = size;
	if (c->last) {
		c->last->next = p;
	} else {
		c->first = p;
	}
	c->last = p;
	return p;
}

static void fill(struct piece *p, const uint8_t *data, size_t len)
{
	if (len > 0)
		memcpy(p->data + p->len, data, len);
	p->len += len;
}

static int locked_append(struct conduit *c, struct bytes bytes)
{
	struct piece *last = c->last;
	size_t room = last ? last->size - last->len : 0;
	size_t here = room;

	if (here > bytes.len)
		here = bytes.len;
	/* First what can fail: all of it or nothing. */
	if (here < bytes.len) {
		struct piece *added = locked_add_piece(c, bytes.len - here);

		if (!added)
			return -ENOMEM;
		fill(added, bytes.data + here, bytes.len - here);
	}
	if (here > 0)
		fill(last, bytes.data, here);
	return 0;
}

static int locked_put(struct conduit *c, struct bytes bytes)
{
	int rc;

	if (c->is_abandoned || c->is_ended)
		return -EPIPE;
	if (c->held > 0 && c->held + bytes.len > c->limit) {
		c->is_writer_waiting = true;
		return -EAGAIN;
	}
	rc = locked_append(c, bytes);
	if (rc < 0)
		return rc;
	c->held += bytes.len;
	c->total += bytes.len;
	locked_wake_reader(c);
	return 0;
}

int conduit_put(struct conduit *conduit, struct bytes bytes)
{
	int rc;

	assert(bytes.len <= CONDUIT_PIECE_MAX);
	if (bytes.len == 0)
		return 0;
	(void)pthread_mutex_lock(&conduit->lock);
	rc = locked_put(conduit, bytes);
	(void)pthread_mutex_unlock(&conduit->lock);
	return rc;
}

void conduit_end(struct conduit *conduit, int rc, const char *why)
{
	(void)pthread_mutex_lock(&conduit->lock);
	if (!conduit->is_ended) {
		conduit->is_ended = true;
		conduit->rc = rc;
		text_printable(why ? why : "", why ? strlen(why) : 0,
		               conduit->why, sizeof(conduit->why));
		locked_wake_reader(conduit);
	}
	(void)pthread_mutex_unlock(&conduit->lock);
}

static size_t locked_take(struct conduit *c, uint8_t *out, size_t size)
{
	size_t done = 0;

	while (c->first && done < size) {
		struct piece *p = c->first;
		size_t left = p->len - p->at;
		size_t len = left < size - done ? left : size - done;

		memcpy(out + done, p->data + p->at, len);
		done += len;
		p->at += len;
		if (p->at < p->len)
			break;
		c->first = p->next;
		if (!c->first)
			c->last = NULL;
		free(p);
	}
	c->held -= done;
	/* At half, so that a writer is not woken for each small read. */
	if (done > 0 && c->held <= c->limit / 2)
		locked_wake_writer(c);
	return done;
}

static int locked_try_read(struct conduit *c, void *out, size_t size,
                           size_t *ret_len)
{
	assert(size > 0); /* nothing read would look like the end */
	if (c->is_abandoned)
		return -ECANCELED;
	if (c->held > 0) {
		*ret_len = locked_take(c, out, size);
		return 0;
	}
	if (!c->is_ended)
		return -EAGAIN;
	if (c->rc < 0)
		return c->rc;
	*ret_len = 0;
	return 0;
}

int conduit_try_read(struct conduit *conduit, void *out, size_t size,
                     size_t *ret_len)
{
	int rc;

	(void)pthread_mutex_lock(&conduit->lock);
	rc = locked_try_read(conduit, out, size, ret_len);
	(void)pthread_mutex_unlock(&conduit->lock);
	return rc;
}

int conduit_read(struct conduit *conduit, void *out, size_t size,
                 size_t *ret_len)
{
	int rc;

	(void)pthread_mutex_lock(&conduit->lock);
	while ((rc = locked_try_read(conduit, out, size, ret_len)) == -EAGAIN)
		(void)pthread_cond_wait(&conduit->has_news, &conduit->lock);
	(void)pthread_mutex_unlock(&conduit->lock);
	return rc;
}

void conduit_abandon(struct conduit *conduit)
{
	(void)pthread_mutex_lock(&conduit->lock);
	conduit->is_abandoned = true;
	locked_drop(conduit);
	/* Also one that does not wait for room, but for bytes to put. */
	conduit->is_writer_waiting = true;
	locked_wake_writer(conduit);
	locked_wake_reader(conduit);
	(void)pthread_mutex_unlock(&conduit->lock);
}

bool conduit_is_abandoned(struct conduit *conduit)
{
	bool is_abandoned;

	(void)pthread_mutex_lock(&conduit->lock);
	is_abandoned = conduit->is_abandoned;
	(void)pthread_mutex_unlock(&conduit->lock);
	return is_abandoned;
}

void conduit_why(struct conduit *conduit, char out[CONDUIT_WHY_MAX])
{
	(void)pthread_mutex_lock(&conduit->lock);
	memcpy(out, conduit->why, CONDUIT_WHY_MAX);
	(void)pthread_mutex_unlock(&conduit->lock);
}

uint64_t conduit_total(struct conduit *conduit)
{
	uint64_t total;

	(void)pthread_mutex_lock(&conduit->lock);
	total = conduit->total;
	(void)pthread_mutex_unlock(&conduit->lock);
	return total;
}
