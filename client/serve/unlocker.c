/* Theory of Operation
 *
 * A fetch waits for a person, minutes perhaps, so it has a thread of its own
 * that ends with it.  The thread and the unlocker share what the thread
 * writes; whoever is the last to leave frees it, so that the server can end
 * while a person still thinks.
 */
#include "client/serve/unlocker.h"

#include "protocol/base/exit_status.h"
#include "protocol/base/fd.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct attempt {
	pthread_mutex_t lock;
	unsigned shares;
	int done_fd; /* a copy of its own */
	bool is_ended;
	struct agent_error error;
};

struct unlocker {
	int done_fd;
	struct attempt *attempt; /* NULL: none */
	long long rest_until;
};

struct unlocker *unlocker_new(int done_fd)
{
	struct unlocker *unlocker = calloc(1, sizeof(*unlocker));

	if (unlocker)
		unlocker->done_fd = done_fd;
	return unlocker;
}

static void attempt_release(struct attempt *attempt)
{
	unsigned left;

	(void)pthread_mutex_lock(&attempt->lock);
	left = --attempt->shares;
	(void)pthread_mutex_unlock(&attempt->lock);
	if (left > 0)
		return;
	(void)pthread_mutex_destroy(&attempt->lock);
	if (attempt->done_fd >= 0)
		(void)close(attempt->done_fd);
	free(attempt);
}

void unlocker_free(struct unlocker *unlocker)
{
	if (!unlocker)
		return;
	if (unlocker->attempt)
		attempt_release(unlocker->attempt);
	free(unlocker);
}

static void *run(void *argument)
{
	struct attempt *attempt = argument;
	struct agent_error error = { .exit_status = EXIT_DONE };
	const uint64_t one = 1;
	struct agent *agent = NULL;
	ssize_t written;
	int rc = agent_open(NULL, &agent, &error);

	if (rc == AGENT_OK)
		rc = agent_unlock(agent, &error);
	agent_close(agent);
	if (rc == AGENT_OK)
		error.exit_status = EXIT_DONE;

	(void)pthread_mutex_lock(&attempt->lock);
	attempt->is_ended = true;
	attempt->error = error;
	(void)pthread_mutex_unlock(&attempt->lock);
	written = write(attempt->done_fd, &one, sizeof(one));
	(void)written;
	attempt_release(attempt);
	return NULL;
}

/* Signals are for the loop. */
static int start_thread(struct attempt *attempt)
{
	pthread_t thread;
	sigset_t all, before;
	int rc;

	(void)sigfillset(&all);
	rc = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (rc != 0)
		return -rc;
	rc = pthread_create(&thread, NULL, run, attempt);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		(void)pthread_detach(thread);
	return -rc;
}

static struct attempt *attempt_new(int done_fd)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));

	if (!attempt)
		return NULL;
	attempt->shares = 1;
	/* Cannot fail with default attributes (pthread_mutex_init(3)). */
	(void)pthread_mutex_init(&attempt->lock, NULL);
	attempt->done_fd = fcntl(done_fd, F_DUPFD_CLOEXEC, 0);
	return attempt;
}

bool unlocker_start(struct unlocker *unlocker)
{
	struct attempt *attempt;

	if (unlocker->attempt || clock_boot_ms() < unlocker->rest_until)
		return false;
	attempt = attempt_new(unlocker->done_fd);
	if (!attempt)
		return false;
	attempt->shares++;
	if (attempt->done_fd < 0 || start_thread(attempt) < 0) {
		attempt->shares--;
		attempt_release(attempt);
		return false;
	}
	unlocker->attempt = attempt;
	return true;
}

bool unlocker_ended(struct unlocker *unlocker, struct agent_error *ret_error)
{
	struct attempt *attempt = unlocker->attempt;
	bool is_ended;

	if (!attempt)
		return false;
	(void)pthread_mutex_lock(&attempt->lock);
	is_ended = attempt->is_ended;
	if (is_ended)
		*ret_error = attempt->error;
	(void)pthread_mutex_unlock(&attempt->lock);
	if (!is_ended)
		return false;
	attempt_release(attempt);
	unlocker->attempt = NULL;
	if (ret_error->exit_status != EXIT_DONE)
		unlocker->rest_until = clock_boot_ms() + UNLOCKER_REST_MS;
	return true;
}
