#include "agent/door/connection.h"

#include "protocol/base/fd.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* A batch of URLs; more is given back when it has been sent. */
#define OUT_KEPT ((size_t)256 * 1024)

void connection_open(struct connection *c, int owned_fd,
                     const struct peer *peer)
{
	*c = (struct connection){
		.fd = owned_fd,
		.peer = *peer,
		.deadline_ms = clock_boot_ms() + CONNECTION_FIRST_MS,
	};
	frame_reader_init(&c->in);
	buffer_init(&c->out, CONNECTION_OUT_MAX);
}

void connection_close(struct connection *c)
{
	work_clear(&c->work);
	frame_reader_clear(&c->in);
	buffer_clear(&c->out);
	if (c->fd >= 0)
		(void)close(c->fd);
	peer_clear(&c->peer);
	scope_clear(&c->scope);
	c->fd = -1;
}

int connection_receive(struct connection *c)
{
	size_t room;
	uint8_t *at = frame_room(&c->in, &room);
	ssize_t n;

	if (!at)
		return -ENOMEM;
	n = recv(c->fd, at, room, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	frame_received(&c->in, (size_t)n);
	return 0;
}

/* The client does not take what it asked for: not for ever. */
static void start_deadline(struct connection *c)
{
	if (c->deadline_ms == 0)
		c->deadline_ms = clock_boot_ms() + CONNECTION_MESSAGE_MS;
}

/* A reply is put together behind what has not been sent yet. */
static size_t output_end(const struct connection *c)
{
	return c->work.state == WORK_AT_VAULT ? c->work.out_mark : c->out.len;
}

int connection_flush(struct connection *c)
{
	const size_t end = output_end(c);

	while (c->out_done < end) {
		ssize_t n = send(c->fd, c->out.data + c->out_done,
		                 end - c->out_done,
		                 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			start_deadline(c);
			return 0;
		}
		if (n < 0)
			return -errno;
		c->out_done += (size_t)n;
		c->deadline_ms = 0;
	}
	if (end < c->out.len)
		return 0;
	if (c->out.capacity > OUT_KEPT) {
		buffer_clear(&c->out);
	} else {
		buffer_take_back(&c->out, 0); /* it may have held URLs */
	}
	c->out_done = 0;
	c->work.out_mark = 0;
	return c->is_ending ? -ECONNRESET : 0;
}

bool connection_has_output(const struct connection *c)
{
	return output_end(c) > c->out_done;
}

bool connection_is_late(const struct connection *c, long long now_ms)
{
	return c->deadline_ms > 0 && now_ms >= c->deadline_ms;
}

size_t work_item_count(const struct work *work)
{
	return work->method == AGENT_METHOD_SIGN ? work->sign.count
	                                         : work->presign.count;
}

void work_clear(struct work *work)
{
	sign_call_clear(&work->sign);
	presign_call_clear(&work->presign);
	*work = (struct work){ .state = WORK_NONE };
}
