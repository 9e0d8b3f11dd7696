#include "agent/launcher/taken.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/env.h"
#include "protocol/base/fd.h"
#include "protocol/base/number.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define WHO_SIZE 160

/* What is wrong, without "cache a: signing-key: " before it. */
struct reason {
	char text[160];
};

static int refuse(struct reason *reason, const char *text)
{
	(void)snprintf(reason->text, sizeof(reason->text), "%s", text);
	return -EINVAL;
}

static int is_full(struct reason *reason, int rc)
{
	if (rc == -EAGAIN)
		return refuse(reason, "there is more than a pipe holds");
	return rc;
}

/* The value is never copied, not even to be cut into pieces. */
static int move_variable(struct feed *feed, const char *name,
                         struct reason *reason)
{
	const char *value = env_find(name);
	size_t len = value ? strlen(value) : 0;
	int rc = 0;

	if (!value)
		return refuse(reason, "the variable is not set");
	if (len > FEED_SECRET_MAX)
		return refuse(reason, "the value is too long");
	for (size_t at = 0; at < len && rc == 0; at += PIPE_BUF) {
		size_t piece = len - at < PIPE_BUF ? len - at : PIPE_BUF;

		rc = feed_write(feed, value + at, piece);
	}
	return is_full(reason, rc);
}

/* 0 when there is something to read or the end. */
static int wait_for(int fd, long long deadline, struct reason *reason)
{
	struct pollfd want = { .fd = fd, .events = POLLIN };
	long long left = deadline - clock_boot_ms();
	int n = poll(&want, 1, left > 0 ? (int)left : 0);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		return refuse(reason, "its writer has not closed it in time");
	if (want.revents & POLLNVAL)
		return refuse(reason, "the descriptor is not open");
	return 0;
}

static int move_bytes(struct feed *feed, int fd, long long deadline,
                      struct reason *reason)
{
	size_t moved = 0;

	for (;;) {
		ssize_t n;
		int rc = wait_for(fd, deadline, reason);

		if (rc < 0)
			return rc;
		n = feed_splice(feed, fd, NULL, FEED_SECRET_MAX + 1 - moved);
		if (n == -EINVAL)
			return refuse(reason, "is neither a pipe nor a file");
		if (n < 0)
			return is_full(reason, (int)n);
		if (n == 0)
			break;
		moved += (size_t)n;
		if (moved > FEED_SECRET_MAX)
			return refuse(reason, "the value is too long");
	}
	return moved > 0 ? 0 : refuse(reason, "is empty");
}

static int move_fd(struct feed *feed, const struct config *config,
                   const char *number, struct reason *reason)
{
	long long deadline =
		clock_boot_ms() + (long long)config->op_timeout * 1000;
	cleanup_close int fd = -1;
	uint64_t value;

	if (number_parse(number, INT_MAX, &value) < 0)
		return refuse(reason, "is not a number");
	fd = (int)value;
	return move_bytes(feed, fd, deadline, reason);
}

static int move_slot(const struct config *config, size_t slot,
                     struct feed *feed, struct reason *reason)
{
	const struct secret_slot *s = &config->slots[slot];
	int rc = feed_write_mark(feed, slot);

	if (rc == 0 && s->source == SECRET_ENV) {
		rc = move_variable(feed, s->spec, reason);
	} else if (rc == 0) {
		rc = move_fd(feed, config, s->spec, reason);
	}
	if (rc == 0)
		rc = feed_write(feed, "\n", 1);
	return is_full(reason, rc);
}

static bool is_one_shot(const struct secret_slot *slot)
{
	return slot->source == SECRET_ENV || slot->source == SECRET_FD;
}

/* Only when all are in the pipe: a variable may serve several caches. */
static int wipe_variables(const struct config *config, struct strings *names)
{
	for (size_t i = 0; i < config->slot_count; i++) {
		const struct secret_slot *s = &config->slots[i];
		int rc;

		if (s->source != SECRET_ENV)
			continue;
		env_wipe(s->spec);
		rc = strings_add(names, s->spec, strlen(s->spec));
		if (rc < 0)
			return rc;
	}
	return 0;
}

int taken_move(const struct config *config, struct feed *feed,
               struct strings *names, char *why, size_t why_size)
{
	struct reason reason = { "" };
	char who[WHO_SIZE];

	for (size_t i = 0; i < config->slot_count; i++) {
		const struct secret_slot *s = &config->slots[i];
		int rc;

		if (!is_one_shot(s))
			continue;
		rc = move_slot(config, i, feed, &reason);
		if (rc == 0)
			continue;
		config_describe_slot(config, i, who, sizeof(who));
		(void)snprintf(why, why_size, "%s: %s:%s: %s", who,
		               s->source == SECRET_ENV ? "env" : "fd", s->spec,
		               reason.text[0] != '\0' ? reason.text
		                                      : strerrordesc_np(-rc));
		return rc;
	}
	return wipe_variables(config, names);
}
