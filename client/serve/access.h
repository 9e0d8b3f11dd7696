/* access.h - who may talk to the server, and whether a browser sent them
 *
 * Loopback is open to every user of the machine: the kernel is asked which uid
 * owns the other end of a connection (sock_diag(7), /proc/net/tcp).
 */
#pragma once

#include "protocol/base/strings.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#define ACCESS_UIDS_MAX     256
#define ACCESS_PASSWORD_MAX 256
#define ACCESS_WHY_MAX      256

struct access_rules {
	uid_t uids[ACCESS_UIDS_MAX];
	size_t uid_count;
	bool has_password;
	char password[ACCESS_PASSWORD_MAX + 1]; /* any user name goes with it */
};

/* users: names or numbers; none: the caller's uid, root, and the members of
 * group nixbld.  password_file NULL: none; else its first line, and the file
 * must belong to the caller or root and be nobody else's to read.  -errno with
 * a sentence.  access_rules_clear() wipes. */
must_check int access_rules_load(const struct strings *users,
                                 const char *password_file,
                                 struct access_rules *ret_rules,
                                 char why[ACCESS_WHY_MAX]);
void access_rules_clear(struct access_rules *rules);

/* The uid that owns the peer's socket of a TCP connection on this machine.
 * -ENOENT when the kernel knows of none (another machine, already closed);
 * -errno. */
must_check int access_peer_uid(const struct sockaddr *peer,
                               const struct sockaddr *local, uid_t *ret_uid);

enum access_verdict {
	ACCESS_GRANTED,
	ACCESS_STRANGER,    /* 403: the uid is not on the list, or unknown */
	ACCESS_BROWSER,     /* 403: Origin, or a Host that is not ours */
	ACCESS_NO_PASSWORD, /* 401 */
};

struct access_request {
	bool is_local; /* uid is that of the peer */
	uid_t uid;
	const char *host; /* header fields; NULL: not sent */
	const char *origin;
	const char *fetch_site; /* Sec-Fetch-Site */
	const char *authorization;
	bool is_write;
};

/* own_hosts: what Host may say, "127.0.0.1:7757", "localhost:7757", ...; from
 * another machine (not is_local) a password is a must, and writing is never
 * granted. */
enum access_verdict access_judge(const struct access_rules *rules,
                                 const struct strings *own_hosts,
                                 const struct access_request *request);
