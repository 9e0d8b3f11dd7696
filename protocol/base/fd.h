/* fd.h - whole reads and writes, and descriptors sent over a socket */
#pragma once

#include "protocol/base/attributes.h"

#include <stddef.h>
#include <sys/types.h>

/* Reads until len bytes or the end.  Returns the count, or -errno. */
must_check ssize_t fd_read_full(int fd, void *out, size_t len);

/* 0 or -errno; never a short write. */
must_check int fd_write_full(int fd, const void *data, size_t len);

must_check int fd_set_nonblocking(int fd);
must_check int fd_set_cloexec(int fd, int on);

/* One packet, with at most one descriptor (-1: none).  0 or -errno. */
must_check int fd_send(int socket, const void *data, size_t len, int fd);

/* One packet of at most size bytes; *ret_fd is -1 or a new close-on-exec
 * descriptor that the caller owns.  Returns the count (0: closed) or -errno;
 * -EMSGSIZE if the packet was longer or brought more than one descriptor. */
must_check ssize_t fd_receive(int socket, void *out, size_t size, int *ret_fd);

/* Closes every descriptor from lowest up but those of keep (any order, -1 is
 * skipped).  0 or -errno. */
must_check int fd_close_except(int lowest, const int *keep, size_t count);

/* Milliseconds on CLOCK_BOOTTIME, which also counts while suspended. */
long long clock_boot_ms(void);
