#include "tests/bench/connect.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define RECEIVE_STEP 65536
#define ERROR_REPLY  "{\"error\""

int connect_unix(const char *path, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int connect_ask(int fd, struct bytes message, struct buffer *answer)
{
	int rc = fd_write_full(fd, message.data, message.len);

	buffer_rewind(answer);
	while (rc == 0 &&
	       (answer->len == 0 || answer->data[answer->len - 1] != '\0')) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		uint8_t *at = buffer_reserve(answer, RECEIVE_STEP);
		ssize_t n;

		/* A bare recv(2) would also be woken when the agent has read
		 * the call (Linux, net/unix/af_unix.c, unix_write_space). */
		n = at && poll(&wait, 1, -1) > 0 ? recv(fd, at, RECEIVE_STEP, 0)
		                                 : -1;
		if (n <= 0)
			return n == 0 ? -EPIPE : -errno;
		answer->len += (size_t)n;
	}
	if (rc == 0 &&
	    memmem(answer->data, answer->len, ERROR_REPLY, strlen(ERROR_REPLY)))
		return -EACCES;
	return rc;
}
