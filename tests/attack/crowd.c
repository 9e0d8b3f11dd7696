/* crowd SOCKET CACHE COUNT HOSTILE
 *
 * One honest client asks COUNT times for a signature or a URL, first alone and
 * then beside so many hostile connections, which were there first; from several
 * processes, so that no limit for one helps.  Says how the honest one fared:
 *
 *   alone: 1000 of 1000 served, p50 71 us, p99 103 us, 0 reconnections
 *   beside 64: 1000 of 1000 served, p50 ...
 *
 * A hostile connection writes a byte at a time, stops in the midst of a message,
 * floods with whole batches, or never reads an answer; when it is closed, it
 * comes again.  Exit status 0: all was served; 1: not; 2: wrong usage.
 */
#include "tests/attack/crowd.h"

#include "protocol/base/bytes.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GROUP       8 /* connections of a hostile process */
#define COUNT_MAX   1000000
#define HOSTILE_MAX 1024
#define PATIENCE_MS 30000 /* of the honest one, for one answer */
#define BEGIN_MS    20000 /* that a hostile process has to take its places */
#define ANSWER_MAX  ((size_t)64 * 1024)
#define TRIES       3 /* when it is closed in the midst of a call */

struct honest {
	const char *path;
	const struct crowd_texts *texts;
	int fd;
	unsigned long served;
	unsigned long reconnections;
	long long *took_ns;
	struct buffer answer;
};

static long long now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static bool can_read(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	return poll(&wait, 1, PATIENCE_MS) == 1;
}

/* 0 when a whole answer without an error has come. */
static int hear(struct honest *honest)
{
	struct buffer *answer = &honest->answer;

	buffer_rewind(answer);
	while (answer->len == 0 || answer->data[answer->len - 1] != '\0') {
		uint8_t *at = buffer_reserve(answer, 4096);
		ssize_t n = at && can_read(honest->fd)
		                    ? recv(honest->fd, at, 4096, 0)
		                    : -1;

		if (n <= 0)
			return -EPIPE;
		answer->len += (size_t)n;
	}
	return strstr((const char *)answer->data, "\"error\"") ? -EACCES : 0;
}

static int ask_once(struct honest *honest, const struct buffer *call)
{
	if (honest->fd < 0)
		honest->fd = crowd_connect(honest->path, 0);
	if (honest->fd < 0)
		return -EPIPE;
	if (send(honest->fd, call->data, call->len, MSG_NOSIGNAL) !=
	    (ssize_t)call->len)
		return -EPIPE;
	return hear(honest);
}

static int ask(struct honest *honest, unsigned long i)
{
	const struct buffer *call = i % 2 == 0 ? &honest->texts->sign_one
	                                       : &honest->texts->presign_one;
	const long long start = now_ns();
	int rc = -EPIPE;

	for (unsigned try = 0; try < TRIES && rc == -EPIPE; try++) {
		rc = ask_once(honest, call);
		if (rc == 0)
			break;
		if (honest->fd >= 0)
			(void)close(honest->fd);
		honest->fd = -1;
		honest->reconnections++;
	}
	honest->took_ns[i] = now_ns() - start;
	honest->served += rc == 0 ? 1 : 0;
	return rc;
}

static int compare(const void *a, const void *b)
{
	const long long *left = a, *right = b;

	return *left < *right ? -1 : *left > *right ? 1 : 0;
}

/* True if all was served; ends at the first that is not. */
static bool run_honest(const char *who, const char *path,
                       const struct crowd_texts *texts, unsigned long count)
{
	struct honest honest = { .path = path, .texts = texts, .fd = -1 };

	honest.took_ns = calloc(count, sizeof(*honest.took_ns));
	if (!honest.took_ns)
		return false;
	buffer_init(&honest.answer, ANSWER_MAX);
	for (unsigned long i = 0; i < count && honest.served == i; i++)
		(void)ask(&honest, i);

	qsort(honest.took_ns, count, sizeof(*honest.took_ns), compare);
	(void)printf("%s: %lu of %lu served, p50 %lld us, p99 %lld us, max "
	             "%lld us, %lu reconnections\n",
	             who, honest.served, count,
	             honest.took_ns[count / 2] / 1000,
	             honest.took_ns[count - 1 - count / 100] / 1000,
	             honest.took_ns[count - 1] / 1000, honest.reconnections);
	(void)fflush(stdout);
	if (honest.fd >= 0)
		(void)close(honest.fd);
	buffer_clear(&honest.answer);
	free(honest.took_ns);
	return honest.served == count;
}

/* A process of so many, which says when all of them are about their business. */
static pid_t start_group(const char *path, const struct crowd_texts *texts,
                         unsigned first, unsigned count, int ready)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)signal(SIGPIPE, SIG_IGN);
		crowd_be_hostile(path, texts, first, count, ready);
		_exit(0);
	}
	return pid;
}

static bool run_beside(const char *path, const struct crowd_texts *texts,
                       unsigned long count, unsigned hostile)
{
	pid_t pids[HOSTILE_MAX / GROUP + 1];
	unsigned groups = 0, begun = 0;
	int ready[2];
	char who[32], byte;
	bool is_served;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return false;
	for (unsigned first = 0; first < hostile; first += GROUP) {
		const unsigned left = hostile - first;

		pids[groups++] = start_group(path, texts, first,
		                             left < GROUP ? left : GROUP,
		                             ready[1]);
	}
	while (begun < groups) {
		struct pollfd wait = { .fd = ready[0], .events = POLLIN };

		if (poll(&wait, 1, BEGIN_MS) != 1 ||
		    read(ready[0], &byte, 1) != 1)
			break;
		begun++;
	}
	if (begun < groups) {
		(void)printf("# %u of %u hostile processes are not all in\n",
		             groups - begun, groups);
	}
	(void)snprintf(who, sizeof(who), "beside %u", hostile);
	is_served = run_honest(who, path, texts, count);
	for (unsigned i = 0; i < groups; i++) {
		(void)kill(pids[i], SIGKILL);
		(void)waitpid(pids[i], NULL, 0);
	}
	(void)close(ready[0]);
	(void)close(ready[1]);
	return is_served;
}

int main(int argc, char **argv)
{
	struct crowd_texts texts;
	uint64_t count, hostile;
	bool is_served;

	if (argc != 5 || number_parse(argv[3], COUNT_MAX, &count) < 0 ||
	    count == 0 || number_parse(argv[4], HOSTILE_MAX, &hostile) < 0 ||
	    crowd_texts_make(&texts, argv[2]) < 0) {
		(void)fprintf(stderr,
		              "usage: crowd SOCKET CACHE COUNT HOSTILE\n");
		return 2;
	}
	is_served = run_honest("alone", argv[1], &texts, count) &&
	            run_beside(argv[1], &texts, count, (unsigned)hostile);
	crowd_texts_clear(&texts);
	return is_served ? 0 : 1;
}
