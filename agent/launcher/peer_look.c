#include "agent/launcher/peer_look.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/number.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define STAT_MAX    1024
#define START_FIELD 22 /* proc(5): starttime */
#define AFTER_NAME  3  /* the field behind the program's name */

/* The name in parentheses may have any characters in it, parentheses too. */
static int parse_start(char *stat, uint64_t *ret_start)
{
	char *at = strrchr(stat, ')');
	char *saved = NULL, *field;

	if (!at)
		return -EBADMSG;
	field = strtok_r(at + 1, " ", &saved);
	for (int i = AFTER_NAME; i < START_FIELD && field; i++)
		field = strtok_r(NULL, " ", &saved);
	return field ? number_parse(field, UINT64_MAX, ret_start) : -EBADMSG;
}

static int read_start(pid_t pid, uint64_t *ret_start)
{
	cleanup_close int fd = -1;
	char stat[STAT_MAX], path[32];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, stat, sizeof(stat) - 1);
	if (n <= 0)
		return n < 0 ? -errno : -EIO;
	stat[n] = '\0';
	return parse_start(stat, ret_start);
}

/* Often not to be seen, and that is well: nobody may look at a hardened
 * process, not even we at our own client. */
static void read_program(pid_t pid, char *out, size_t size)
{
	char program[PATH_MAX], path[32];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, program, sizeof(program));
	if (n > 0)
		text_printable(program, (size_t)n, out, size);
}

static bool has_ended(int pidfd)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	return poll(&end, 1, 0) != 0;
}

/* While its descriptor does not say that it has ended, its number is nobody
 * else's.  Without one, who has that number must at least be the same before
 * and after. */
static bool is_still_there(const struct errand *errand, uint64_t start)
{
	uint64_t again = 0;

	if (errand->fd >= 0)
		return !has_ended(errand->fd);
	return read_start(errand->pid, &again) == 0 && again == start;
}

void peer_look(const struct errand *errand, struct errand *ret_done)
{
	uint64_t start = 0;

	ret_done->end = ERRAND_FAILED;
	if (errand->pid <= 0 || (errand->fd >= 0 && has_ended(errand->fd)) ||
	    read_start(errand->pid, &start) < 0)
		return;
	read_program(errand->pid, ret_done->text, sizeof(ret_done->text));
	if (!is_still_there(errand, start)) {
		ret_done->text[0] = '\0';
		return;
	}
	ret_done->number = start;
	ret_done->end = ERRAND_DONE;
}
