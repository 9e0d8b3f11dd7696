#include "agent/start/ask.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/varlink/agent_status.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_to(const char *path)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval limit = { .tv_sec = ASK_TIMEOUT_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) <
	            0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) <
	            0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(&fd);
}

static int send_call(int fd, enum agent_method method)
{
	cleanup_buffer struct buffer out = { .data = NULL };
	int rc;

	buffer_init(&out, VARLINK_FRAME_MAX);
	rc = agent_method_encode(method, false, &out);
	if (rc < 0)
		return rc;
	return fd_write_full(fd, out.data, out.len);
}

/* The next message, borrowed from the reader. */
static int receive(int fd, struct frame_reader *reader, struct bytes *ret_frame)
{
	for (;;) {
		size_t room;
		uint8_t *at;
		ssize_t n;
		int rc = frame_next(reader, ret_frame);

		if (rc != 0)
			return rc < 0 ? rc : 0;
		at = frame_room(reader, &room);
		if (!at)
			return -ENOMEM;
		n = read(fd, at, room);
		if (n <= 0) {
			return n == 0            ? -ECONNRESET
			       : errno == EAGAIN ? -ETIMEDOUT
			                         : -errno;
		}
		frame_received(reader, (size_t)n);
	}
}

int ask_pid(const char *socket_path, pid_t *ret_pid)
{
	cleanup_frame_reader struct frame_reader reader;
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	cleanup_close int fd = connect_to(socket_path);
	struct agent_status status;
	struct bytes frame;
	int rc;

	frame_reader_init(&reader);
	if (fd < 0)
		return fd;
	rc = send_call(fd, AGENT_METHOD_STATUS);
	if (rc < 0)
		return rc;
	rc = receive(fd, &reader, &frame);
	if (rc < 0)
		return rc;
	rc = reply_decode(frame, &reply);
	if (rc < 0)
		return rc;
	rc = status_reply_decode(&reply, &status);
	if (rc < 0)
		return rc;

	*ret_pid = (pid_t)status.pid;
	agent_status_clear(&status);
	return 0;
}

int ask_quit(const char *socket_path)
{
	cleanup_frame_reader struct frame_reader reader;
	cleanup_close int fd = connect_to(socket_path);
	struct bytes frame;
	int rc;

	frame_reader_init(&reader);
	if (fd < 0)
		return fd;
	rc = send_call(fd, AGENT_METHOD_QUIT);
	if (rc < 0)
		return rc;

	/* First the reply, then the end. */
	do {
		rc = receive(fd, &reader, &frame);
	} while (rc == 0);
	return rc == -ECONNRESET ? 0 : rc;
}
