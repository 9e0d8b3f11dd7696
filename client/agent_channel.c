#include "client/agent_channel.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define CONNECT_SECONDS 10

void agent_channel_init(struct agent_channel *channel)
{
	*channel = (struct agent_channel){ .fd = -1 };
	frame_reader_init(&channel->reader);
}

void agent_channel_clear(struct agent_channel *channel)
{
	if (channel->fd >= 0)
		(void)close(channel->fd);
	channel->fd = -1;
	frame_reader_clear(&channel->reader);
}

int agent_channel_connect(struct agent_channel *channel)
{
	/* connect() of a Unix socket waits while the backlog is full, for as
	 * long as sending may take: unix(7), socket(7). */
	static const struct timeval patience = { .tv_sec = CONNECT_SECONDS };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int fd = -1;
	int rc;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, channel->path, strlen(channel->path));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
	               sizeof(patience)) < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	rc = fd_set_nonblocking(fd);
	if (rc < 0)
		return rc;

	agent_channel_clear(channel);
	channel->fd = take_fd(&fd);
	return 0;
}

/* Milliseconds until the next thing to do, at most INT_MAX. */
static int patience_left(const struct agent_wait *wait, long long now)
{
	long long until = wait->deadline;

	if (wait->announce_at >= 0 && wait->announce_at < until)
		until = wait->announce_at;
	until -= now;
	if (until < 0)
		return 0;
	return until > INT_MAX ? INT_MAX : (int)until;
}

static int wait_for(int fd, short events, struct agent_wait *wait)
{
	struct pollfd pollfd = { .fd = fd, .events = events };

	for (;;) {
		long long now = clock_boot_ms();
		int rc;

		if (wait->announce_at >= 0 && now >= wait->announce_at) {
			(void)fputs("waiting for an approval: the agent asks, "
			            "or 1Password (or the configured secret "
			            "source)...\n",
			            stderr);
			wait->announce_at = -1;
		}
		rc = poll(&pollfd, 1, patience_left(wait, now));
		if (rc > 0)
			return 0;
		if (rc < 0 && errno != EINTR)
			return -errno;
		if (rc == 0 && clock_boot_ms() >= wait->deadline)
			return -ETIMEDOUT;
	}
}

int agent_channel_send(struct agent_channel *channel, struct bytes message,
                       struct agent_wait *wait)
{
	while (message.len > 0) {
		ssize_t n = send(channel->fd, message.data, message.len,
		                 MSG_NOSIGNAL);

		if (n >= 0) {
			message.data += n;
			message.len -= (size_t)n;
		} else if (errno == EAGAIN) {
			int rc = wait_for(channel->fd, POLLOUT, wait);

			if (rc < 0)
				return rc;
		} else if (errno != EINTR) {
			return errno == ECONNRESET ? -EPIPE : -errno;
		}
	}
	return 0;
}

/* 0: something came, or nothing is there yet. */
static int receive_some(struct agent_channel *channel, struct agent_wait *wait)
{
	bool is_partial = frame_is_partial(&channel->reader);
	size_t len;
	uint8_t *at;
	ssize_t n;
	int rc;

	rc = wait_for(channel->fd, POLLIN, wait);
	if (rc < 0)
		return rc;

	at = frame_room(&channel->reader, &len);
	if (!at)
		return -ENOMEM;
	n = recv(channel->fd, at, len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return is_partial ? -ECONNRESET : -EPIPE;
	if (n < 0)
		return -errno;

	frame_received(&channel->reader, (size_t)n);
	return 0;
}

int agent_channel_receive(struct agent_channel *channel,
                          struct agent_wait *wait, struct bytes *ret_message)
{
	for (;;) {
		int rc = frame_next(&channel->reader, ret_message);

		if (rc != 0)
			return rc < 0 ? rc : 0;
		rc = receive_some(channel, wait);
		if (rc < 0)
			return rc;
	}
}
