/* access_peer.h - the two ways to learn which uid owns the end of a connection
 *
 * Private to this folder.  Both look for the socket whose own address is the
 * peer's and whose remote one is ours; addresses may be IPv4, IPv6 or IPv4
 * inside IPv6.
 */
#pragma once

#include "protocol/base/attributes.h"

#include <netinet/in.h>
#include <sys/types.h>

/* One end; a mapped IPv4 address stands as IPv4. */
struct access_end {
	int family;          /* AF_INET or AF_INET6 */
	uint8_t address[16]; /* 4 or 16 bytes of it, as on the wire */
	in_port_t port;      /* as on the wire */
};

/* -EAFNOSUPPORT for anything but IP. */
must_check int access_end_of(const struct sockaddr *address,
                             struct access_end *ret_end);

/* Asks sock_diag(7).  -ENOENT: there is no such socket, nobody holds it any
 * more, or the kernel has no inet_diag; -errno. */
must_check int access_uid_by_diag(const struct access_end *peer,
                                  const struct access_end *local,
                                  uid_t *ret_uid);

/* Reads DIRECTORY/tcp and DIRECTORY/tcp6 in the manner of /proc/net.  -ENOENT
 * as above, also when there are no such files. */
must_check int access_uid_by_proc(const char *directory,
                                  const struct access_end *peer,
                                  const struct access_end *local,
                                  uid_t *ret_uid);
