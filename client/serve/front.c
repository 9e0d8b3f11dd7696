#include "client/serve/front.h"

#include "client/serve/caller.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MEMORY_LIMIT     ((size_t)64 * 1024) /* of a connection: its headers */
#define IDLE_SECONDS     60U
#define STRANGERS_MAX    16
#define STRANGER_SECONDS 5U

#define PEERS_MS 500 /* between two looks at who still sends */

struct front {
	struct scene scene;
	struct MHD_Daemon *daemon;
	int epoll_fd;
	bool is_stopped;
	struct caller *callers;
	size_t busy;
	long long check_at; /* the peers of unfinished bodies */
	size_t strangers;   /* connections of users who are not on the list */
};

/* Who is at the other end is asked once, while the connection is sure to be
 * there. */
static void meet(struct MHD_Connection *connection, struct guest *guest)
{
	const union MHD_ConnectionInfo *peer = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const union MHD_ConnectionInfo *fd = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct sockaddr_storage local;
	socklen_t len = sizeof(local);

	if (!peer || !fd ||
	    getsockname(fd->connect_fd, (struct sockaddr *)&local, &len) < 0)
		return;
	guest->is_local = access_peer_uid(peer->client_addr,
	                                  (const struct sockaddr *)&local,
	                                  &guest->uid) == 0;
}

/* Whoever is not on the list may hear so, and no more: not hold what others
 * need, by connections that ask for nothing. */
static void limit_stranger(struct front *front,
                           struct MHD_Connection *connection,
                           struct guest *guest)
{
	const struct front_options *options = &front->scene.options;
	const struct access_request request = {
		.is_local = guest->is_local,
		.uid = guest->uid,
		.host = options->own_hosts->items[0],
	};
	const union MHD_ConnectionInfo *fd = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (access_judge(options->rules, options->own_hosts, &request) !=
	    ACCESS_STRANGER)
		return;
	guest->is_stranger = true;
	front->strangers++;
	(void)MHD_set_connection_option(
		connection, MHD_CONNECTION_OPTION_TIMEOUT, STRANGER_SECONDS);
	/* Here it cannot be refused; so it is over when it is first read. */
	if (front->strangers > STRANGERS_MAX && fd)
		(void)shutdown(fd->connect_fd, SHUT_RDWR);
}

static void connection_changed(void *argument,
                               struct MHD_Connection *connection,
                               void **context,
                               enum MHD_ConnectionNotificationCode code)
{
	struct front *front = argument;
	struct guest *guest = *context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		guest = calloc(1, sizeof(*guest));
		*context = guest;
		if (!guest)
			return;
		meet(connection, guest);
		limit_stranger(front, connection, guest);
	} else {
		if (guest && guest->is_stranger)
			front->strangers--;
		free(guest);
		*context = NULL;
	}
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd's parameters */
static enum MHD_Result answer(void *argument, struct MHD_Connection *connection,
                              const char *url, const char *method,
                              const char *version, const char *body,
                              size_t *body_size, void **context)
{
	struct caller *caller = *context;

	(void)argument;
	(void)url;
	(void)version;
	if (!caller)
		return MHD_NO;
	caller->connection = connection;
	return caller_answer(caller, method, body, body_size);
}

/* The request's first line has come; what is returned becomes its context. */
static void *arrive(void *argument, const char *target,
                    struct MHD_Connection *connection)
{
	struct front *front = argument;
	struct caller *caller = NULL;

	(void)connection;
	if (caller_new(&front->scene, target, &caller) < 0)
		return NULL;
	caller->next = front->callers;
	if (caller->next)
		caller->next->previous = caller;
	front->callers = caller;
	front->busy++;
	return caller;
}

static void leave(void *argument, struct MHD_Connection *connection,
                  void **context, enum MHD_RequestTerminationCode code)
{
	struct front *front = argument;
	struct caller *caller = *context;

	(void)connection;
	(void)code;
	*context = NULL;
	if (!caller)
		return;
	if (caller->next)
		caller->next->previous = caller->previous;
	if (caller->previous) {
		caller->previous->next = caller->next;
	} else {
		front->callers = caller->next;
	}
	front->busy--;
	caller_free(caller);
}

/* Paths are decoded in route.c, once. */
static size_t leave_encoded(void *argument, struct MHD_Connection *connection,
                            char *text)
{
	(void)argument;
	(void)connection;
	return strlen(text);
}

static int start(struct front *front)
{
	const union MHD_DaemonInfo *epoll;

	front->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, answer,
		front, MHD_OPTION_LISTEN_SOCKET, front->scene.options.listener,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)FRONT_CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_LIMIT,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION,
		connection_changed, front, MHD_OPTION_URI_LOG_CALLBACK, arrive,
		front, MHD_OPTION_NOTIFY_COMPLETED, leave, front,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL,
		MHD_OPTION_END);
	if (!front->daemon)
		return -EIO;
	epoll = MHD_get_daemon_info(front->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!epoll)
		return -EIO;
	front->epoll_fd = epoll->epoll_fd;
	return 0;
}

int front_open(const struct front_options *options, struct front **ret_front)
{
	struct front *front = calloc(1, sizeof(*front));
	int rc = front ? 0 : -ENOMEM;

	if (front)
		front->scene.options = *options;
	if (rc == 0)
		rc = fd_set_nonblocking(options->listener);
	if (rc == 0)
		rc = start(front);
	if (rc < 0) {
		if (!front || !front->daemon)
			(void)close(options->listener);
		front_close(front);
		return rc;
	}
	*ret_front = front;
	return 0;
}

void front_stop(struct front *front)
{
	MHD_socket listener = MHD_INVALID_SOCKET;

	if (!front->is_stopped)
		listener = MHD_quiesce_daemon(front->daemon);
	front->is_stopped = true;
	if (listener != MHD_INVALID_SOCKET)
		(void)close(listener);
}

/* A daemon with suspended connections must not be stopped. */
void front_close(struct front *front)
{
	if (!front)
		return;
	front->scene.is_closing = true;
	for (struct caller *c = front->callers; c; c = c->next)
		caller_resume(c);
	if (front->daemon) {
		(void)MHD_run(front->daemon);
		MHD_stop_daemon(front->daemon);
	}
	free(front);
}

int front_fd(const struct front *front)
{
	return front->epoll_fd;
}

static bool is_receiving(const struct front *front)
{
	for (const struct caller *c = front->callers; c; c = c->next) {
		if (caller_is_receiving(c))
			return true;
	}
	return false;
}

int front_timeout_ms(const struct front *front)
{
	int max = is_receiving(front) ? PEERS_MS : INT_MAX;
	MHD_UNSIGNED_LONG_LONG timeout;

	if (MHD_get_timeout(front->daemon, &timeout) != MHD_YES)
		return max < INT_MAX ? max : -1;
	return timeout < (unsigned)max ? (int)timeout : max;
}

static void check_peers(struct front *front)
{
	long long now = clock_boot_ms();

	if (now < front->check_at)
		return;
	front->check_at = now + PEERS_MS;
	for (struct caller *c = front->callers; c; c = c->next) {
		if (caller_is_receiving(c))
			caller_check_peer(c);
	}
}

int front_run(struct front *front)
{
	check_peers(front);
	return MHD_run(front->daemon) == MHD_YES ? 0 : -EIO;
}

void front_settled(struct front *front, struct question *questions)
{
	struct question *next;

	(void)front;
	for (struct question *q = questions; q; q = next) {
		struct visit *visit = q->visit;

		/* The step may ask anew. */
		next = q->next;
		visit_step(visit);
		caller_hear(visit_owner(visit));
	}
}

void front_has_news(struct front *front)
{
	for (struct caller *c = front->callers; c; c = c->next)
		caller_look(c);
}

size_t front_busy(const struct front *front)
{
	return front->busy;
}

bool front_trouble(struct front *front, struct trouble *ret_trouble)
{
	if (!front->scene.has_trouble)
		return false;
	front->scene.has_trouble = false;
	*ret_trouble = front->scene.trouble;
	return true;
}
