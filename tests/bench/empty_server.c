/* empty_server.c - libmicrohttpd with nothing behind it
 *
 * What an answer of a narinfo's size costs on this machine when nobody has to
 * be asked and nothing is looked up; prints its port, ends with its input.
 */
#include <microhttpd.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BODY_LEN 768

/* NOLINTBEGIN(readability-function-size,readability-non-const-parameter):
 * libmicrohttpd's parameters */
static enum MHD_Result answer(void *argument, struct MHD_Connection *connection,
                              const char *url, const char *method,
                              const char *version, const char *body,
                              size_t *body_size, void **context)
{
	struct MHD_Response *response = argument;

	(void)url;
	(void)method;
	(void)version;
	(void)body;
	(void)body_size;
	if (!*context) {
		*context = connection;
		return MHD_YES;
	}
	return MHD_queue_response(connection, MHD_HTTP_OK, response);
}
/* NOLINTEND(readability-function-size,readability-non-const-parameter) */

static int loop(struct MHD_Daemon *daemon)
{
	const union MHD_DaemonInfo *epoll =
		MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd events[] = {
		{ .fd = epoll ? epoll->epoll_fd : -1, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};
	MHD_UNSIGNED_LONG_LONG timeout;

	while (!events[1].revents) {
		int wait_ms = -1;

		if (MHD_get_timeout(daemon, &timeout) == MHD_YES)
			wait_ms = (int)timeout;
		if (poll(events, 2, wait_ms) < 0 || MHD_run(daemon) != MHD_YES)
			return 1;
	}
	return 0;
}

int main(void)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	static char body[BODY_LEN];
	struct MHD_Response *response = NULL;
	const union MHD_DaemonInfo *port = NULL;
	struct MHD_Daemon *daemon = NULL;
	int status = 1;

	memset(body, 'x', sizeof(body));
	response = MHD_create_response_from_buffer(sizeof(body), body,
	                                           MHD_RESPMEM_PERSISTENT);
	if (response) {
		daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer,
		                          response, MHD_OPTION_SOCK_ADDR,
		                          &address, MHD_OPTION_END);
	}
	if (daemon)
		port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
	if (port && printf("%u\n", (unsigned)port->port) > 0 &&
	    fflush(stdout) == 0)
		status = loop(daemon);
	if (daemon)
		MHD_stop_daemon(daemon);
	if (response)
		MHD_destroy_response(response);
	return status;
}
