/* connect.h - one blocking connection to an agent's socket, varlink or other */
#pragma once

#include "protocol/base/bytes.h"

/* 0 or -errno. */
must_check int connect_unix(const char *path, int *ret_fd);

/* Sends a varlink message and reads the one that answers it, which the caller
 * may look at until the buffer is used again.  0; -EACCES for an error reply;
 * -errno. */
must_check int connect_ask(int fd, struct bytes message, struct buffer *answer);
