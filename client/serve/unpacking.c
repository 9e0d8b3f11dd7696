#include "client/serve/unpacking.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONDUIT_LIMIT (2 * CONDUIT_PIECE_MAX)
#define SCRATCH_SIZE  ((size_t)128 * 1024)

/* str("nix-archive-1"): what every NAR begins with. */
static const uint8_t nar_magic[] = "\r\0\0\0\0\0\0\0nix-archive-1\0\0\0";

#define NAR_MAGIC_LEN (sizeof(nar_magic) - 1)

struct unpacking {
	struct conduit *conduit; /* a share */
	struct unpack *unpack;   /* owned */
	int wake_fd;
	pthread_t thread;
	atomic_bool is_cancelled;
	_Atomic enum unpacking_state state;

	/* The thread's until the state says otherwise. */
	struct unpack_sums sums;
	char why[UNPACK_WHY_MAX];
	uint8_t scratch[SCRATCH_SIZE];
};

static int fail(struct unpacking *u, int rc, const char *why)
{
	(void)snprintf(u->why, sizeof(u->why), "%s", why);
	return rc;
}

/* Fills the scratch as far as there are bytes, so that a NAR's beginning can
 * be looked at in one piece. */
static int read_piece(struct unpacking *u, size_t *ret_len)
{
	size_t len = 0;
	size_t got = 1;

	while (len < NAR_MAGIC_LEN && got > 0) {
		int rc = unpack_read(u->unpack, u->scratch + len,
		                     SCRATCH_SIZE - len, &got);

		if (rc < 0)
			return fail(u, rc, unpack_why(u->unpack));
		len += got;
	}
	*ret_len = len;
	return 0;
}

static int read_all(struct unpacking *u)
{
	size_t len;
	int rc = read_piece(u, &len);

	if (rc < 0)
		return rc;
	if (len < NAR_MAGIC_LEN ||
	    memcmp(u->scratch, nar_magic, NAR_MAGIC_LEN) != 0)
		return fail(u, -EBADMSG, "what is inside is not a NAR");
	while (len > 0) {
		if (atomic_load(&u->is_cancelled))
			return fail(u, -ECANCELED, "cut short");
		rc = unpack_read(u->unpack, u->scratch, SCRATCH_SIZE, &len);
		if (rc < 0)
			return fail(u, rc, unpack_why(u->unpack));
	}
	return 0;
}

static void wake(int fd)
{
	const uint64_t one = 1;
	ssize_t written = write(fd, &one, sizeof(one));

	/* A full counter: its owner will come anyway. */
	(void)written;
}

static void *run(void *argument)
{
	struct unpacking *u = argument;
	int rc = read_all(u);
	enum unpacking_state state = rc == -EBADMSG || rc == -EFBIG
	                                     ? UNPACKING_BAD
	                                     : UNPACKING_FAILED;

	if (rc == 0) {
		unpack_sums(u->unpack, &u->sums);
		state = UNPACKING_WHOLE;
	}
	/* A writer that waits for room must not wait any longer. */
	conduit_abandon(u->conduit);
	atomic_store(&u->state, state);
	wake(u->wake_fd);
	return NULL;
}

/* Signals are for the loop. */
static int start_thread(struct unpacking *u)
{
	sigset_t all, before;
	int rc;

	(void)sigfillset(&all);
	rc = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (rc == 0) {
		rc = pthread_create(&u->thread, NULL, run, u);
		(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	return -rc;
}

static void drop(struct unpacking *u)
{
	if (u->unpack)
		unpack_close(u->unpack);
	if (u->conduit)
		conduit_release(u->conduit);
	free(u);
}

int unpacking_start(const char *compression, int wake_fd,
                    struct unpacking **ret_unpacking)
{
	struct unpacking *u = calloc(1, sizeof(*u));
	int rc;

	if (!u)
		return -ENOMEM;
	u->wake_fd = wake_fd;
	atomic_init(&u->is_cancelled, false);
	atomic_init(&u->state, UNPACKING_ON);
	rc = conduit_new(CONDUIT_LIMIT, &u->conduit);
	if (rc == 0) {
		conduit_wake_writer(u->conduit, wake_fd);
		rc = unpack_open(compression, u->conduit, UNPACKING_NAR_MAX,
		                 &u->unpack);
	}
	if (rc == 0)
		rc = start_thread(u);
	if (rc < 0) {
		drop(u);
		return rc;
	}
	*ret_unpacking = u;
	return 0;
}

struct conduit *unpacking_conduit(struct unpacking *unpacking)
{
	return unpacking->conduit;
}

enum unpacking_state unpacking_state(struct unpacking *unpacking)
{
	return atomic_load(&unpacking->state);
}

const struct unpack_sums *unpacking_sums(const struct unpacking *unpacking)
{
	return &unpacking->sums;
}

const char *unpacking_why(const struct unpacking *unpacking)
{
	return unpacking->why;
}

void unpacking_cancel(struct unpacking *unpacking)
{
	atomic_store(&unpacking->is_cancelled, true);
	conduit_abandon(unpacking->conduit);
}

void unpacking_free(struct unpacking *unpacking)
{
	if (!unpacking)
		return;
	(void)pthread_join(unpacking->thread, NULL);
	drop(unpacking);
}
