/* front.h - HTTP requests in, answers out: the one user of libmicrohttpd's loop
 *
 * No thread of its own: the conductor waits for its descriptor, and tells it
 * of what has come back.
 */
#pragma once

#include "client/serve/access.h"
#include "client/serve/visit.h"

#define FRONT_CONNECTIONS_MAX 256

struct front_options {
	int listener; /* taken, also when it fails */
	struct site *site;
	struct errands *errands;
	const struct access_rules *rules;
	const struct strings *own_hosts;
	int news_fd; /* an eventfd, written to when a stream has news */
	bool takes;  /* PUT */
};

struct front;

/* All of the options is borrowed.  0 or -errno. */
must_check int front_open(const struct front_options *options,
                          struct front **ret_front);
/* Cuts short whatever is still being answered. */
void front_close(struct front *front);

/* To be waited for, for reading, at most for so long (-1: any time). */
int front_fd(const struct front *front);
int front_timeout_ms(const struct front *front);

/* Answers what can be answered.  0 or -EIO. */
must_check int front_run(struct front *front);

/* These questions have got their findings (errand_settle()). */
void front_settled(struct front *front, struct question *questions);

/* Some stream or receipt has news. */
void front_has_news(struct front *front);

/* No new connections. */
void front_stop(struct front *front);

/* Requests that are being answered. */
size_t front_busy(const struct front *front);

/* True once after something that the log should hear of. */
bool front_trouble(struct front *front, struct trouble *ret_trouble);
