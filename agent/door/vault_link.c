#include "agent/door/vault_link.h"

#include "protocol/base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_STEP (256UL * 1024)
#define ASKED_MAX    32 /* less than a millisecond of signatures */

void vault_link_init(struct vault_link *link)
{
	*link = (struct vault_link){ .fd = -1 };
	buffer_init(&link->out, VAULT_LINK_QUEUE_MAX + WIRE_FRAME_MAX);
	buffer_init(&link->in, VAULT_LINK_QUEUE_MAX);
}

void vault_link_attach(struct vault_link *link, int owned_fd)
{
	vault_link_detach(link);
	link->fd = owned_fd;
}

void vault_link_detach(struct vault_link *link)
{
	if (link->fd >= 0)
		(void)close(link->fd);
	link->fd = -1;
	buffer_clear(&link->out);
	buffer_clear(&link->in); /* held URLs */
	link->in_done = 0;
	link->asked = 0;
}

bool vault_link_wants(const struct vault_link *link, size_t count)
{
	return link->asked + count <= ASKED_MAX && vault_link_has_room(link);
}

bool vault_link_has_room(const struct vault_link *link)
{
	return link->out.len < VAULT_LINK_QUEUE_MAX / 8;
}

int vault_link_flush(struct vault_link *link)
{
	size_t done = 0;
	int rc = buffer_end(&link->out);

	while (rc == 0 && done < link->out.len) {
		ssize_t n = send(link->fd, link->out.data + done,
		                 link->out.len - done,
		                 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	buffer_consume(&link->out, done);
	return rc;
}

int vault_link_receive(struct vault_link *link)
{
	/* Everything taken: wipe the URLs and begin anew at the front. */
	if (link->in_done > 0) {
		size_t left = link->in.len - link->in_done;

		memmove(link->in.data, link->in.data + link->in_done, left);
		explicit_bzero(link->in.data + left, link->in.len - left);
		link->in.len = left;
		link->in_done = 0;
	}
	for (;;) {
		uint8_t *at = buffer_reserve(&link->in, RECEIVE_STEP);
		ssize_t n;

		if (!at)
			return buffer_end(&link->in);
		n = recv(link->fd, at, RECEIVE_STEP, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return n == 0 ? -ECONNRESET : -errno;
		link->in.len += (size_t)n;
		if ((size_t)n < RECEIVE_STEP)
			return 0;
	}
}

int vault_link_next(struct vault_link *link, struct wire_frame *ret_frame)
{
	struct bytes left = {
		link->in.data + link->in_done,
		link->in.len - link->in_done,
	};
	int rc;

	if (left.len == 0)
		return 0;
	rc = wire_next(left, ret_frame);
	if (rc == 1)
		link->in_done += ret_frame->size;
	return rc;
}
