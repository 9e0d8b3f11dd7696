#include "tests/lib/http_server.h"

#include "protocol/base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 96
#define REQUESTS_MAX    1024
#define REQUEST_MAX     (8UL * 1024 * 1024)
#define CHUNK           (64UL * 1024)
#define TLS_HANDSHAKE   0x16 /* first byte of a client that wants TLS */

struct connection {
	int fd; /* -1: free */
	unsigned number;
	bool is_draining; /* what still comes in is thrown away */
	struct buffer in;
};

struct received {
	char *head;
	struct buffer body;
	unsigned connection;
};

struct http_server {
	const struct http_reply *replies;
	size_t reply_count;
	bool taken[REQUESTS_MAX];
	int listener;
	int wake[2];
	unsigned port;
	unsigned connections_ever;
	pthread_t thread;
	struct connection connections[CONNECTIONS_MAX];
	struct received received[REQUESTS_MAX];
	size_t received_count;
};

static const struct http_reply unscripted = {
	.answer = "HTTP/1.1 418 Unscripted\r\nContent-Length: 0\r\n\r\n",
	.is_last = true,
};

static const struct http_reply *choose(struct http_server *s, const char *head)
{
	size_t line = strcspn(head, "\r");

	for (size_t i = 0; i < s->reply_count; i++) {
		const char *match = s->replies[i].match;

		if (s->taken[i])
			continue;
		if (match && !memmem(head, line, match, strlen(match)))
			continue;
		s->taken[i] = true;
		return &s->replies[i];
	}
	return &unscripted;
}

static void drop(struct connection *c)
{
	(void)close(take_fd(&c->fd));
	buffer_clear(&c->in);
}

static void send_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n = send(fd, text, left, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		left -= (size_t)n;
	}
}

static size_t body_len_of(const char *head)
{
	const char *at = strcasestr(head, "\r\ncontent-length:");

	return at ? strtoul(at + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

static void record(struct http_server *s, const struct connection *c,
                   const char *head, struct bytes body)
{
	struct received *r = &s->received[s->received_count];

	if (s->received_count == REQUESTS_MAX)
		return;
	r->head = strdup(head);
	r->connection = c->number;
	buffer_init(&r->body, REQUEST_MAX);
	buffer_append_bytes(&r->body, body);
	s->received_count++;
}

static bool is_last(const struct http_reply *reply)
{
	return reply->is_last || !reply->answer ||
	       strstr(reply->answer, "\r\nConnection: close\r\n");
}

static void answer(struct connection *c, const struct http_reply *reply)
{
	if (reply->answer)
		send_all(c->fd, reply->answer);
	if (reply->answer && reply->is_before_body) {
		/* Closed with bytes unread, it would be reset, and the answer
		 * might be lost. */
		(void)shutdown(c->fd, SHUT_WR);
		c->is_draining = true;
		buffer_rewind(&c->in);
	} else if (is_last(reply)) {
		drop(c);
	}
}

/* True if a request was taken off the input, and there may be another. */
static bool take_request(struct http_server *s, struct connection *c)
{
	const uint8_t *end =
		c->in.len ? memmem(c->in.data, c->in.len, "\r\n\r\n", 4) : NULL;
	const struct http_reply *reply = NULL;
	cleanup_free char *head = NULL;
	size_t head_len, body_len;

	if (!end)
		return false;
	head_len = (size_t)(end - c->in.data) + 4;
	head = strndup((const char *)c->in.data, head_len);
	if (!head)
		abort();
	body_len = body_len_of(head);
	if (c->in.len < head_len + body_len) {
		/* Only one that does not wait for the body can be due. */
		for (size_t i = 0; i < s->reply_count && !reply; i++) {
			if (!s->taken[i] && s->replies[i].is_before_body)
				reply = choose(s, head);
		}
		if (!reply)
			return false;
		body_len = 0;
	}
	record(s, c, head, (struct bytes){ c->in.data + head_len, body_len });
	buffer_consume(&c->in, head_len + body_len);
	answer(c, reply ? reply : choose(s, head));
	return c->fd >= 0 && c->in.len > 0;
}

static void read_some(struct http_server *s, struct connection *c)
{
	uint8_t *at = buffer_reserve(&c->in, CHUNK);
	ssize_t n = at ? recv(c->fd, at, CHUNK, MSG_DONTWAIT) : 0;

	if (n <= 0) {
		drop(c);
		return;
	}
	if (c->is_draining)
		return;
	c->in.len += (size_t)n;
	if (c->in.data[0] == TLS_HANDSHAKE) {
		answer(c, choose(s, "TLS\r\n"));
		return;
	}
	while (take_request(s, c))
		;
}

static void accept_one(struct http_server *s)
{
	cleanup_close int fd = accept(s->listener, NULL, NULL);

	for (size_t i = 0; fd >= 0 && i < CONNECTIONS_MAX; i++) {
		struct connection *c = &s->connections[i];

		if (c->fd >= 0)
			continue;
		c->fd = take_fd(&fd);
		c->number = s->connections_ever++;
		c->is_draining = false;
		buffer_init(&c->in, REQUEST_MAX);
	}
}

static void *serve(void *context)
{
	struct http_server *s = context;
	struct pollfd fds[CONNECTIONS_MAX + 2];

	for (;;) {
		for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
			fds[i] = (struct pollfd){ .fd = s->connections[i].fd,
				                  .events = POLLIN };
		}
		fds[CONNECTIONS_MAX] =
			(struct pollfd){ .fd = s->listener, .events = POLLIN };
		fds[CONNECTIONS_MAX + 1] =
			(struct pollfd){ .fd = s->wake[0], .events = POLLIN };
		if (poll(fds, CONNECTIONS_MAX + 2, -1) < 0)
			return NULL;
		if (fds[CONNECTIONS_MAX + 1].revents)
			return NULL;
		for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
			if (fds[i].fd >= 0 && fds[i].revents)
				read_some(s, &s->connections[i]);
		}
		if (fds[CONNECTIONS_MAX].revents)
			accept_one(s);
	}
}

static int listen_loopback(struct http_server *s)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
	};
	socklen_t len = sizeof(address);

	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->listener < 0 ||
	    bind(s->listener, (struct sockaddr *)&address, len) < 0 ||
	    listen(s->listener, CONNECTIONS_MAX) < 0 ||
	    getsockname(s->listener, (struct sockaddr *)&address, &len) < 0)
		return -errno;
	s->port = ntohs(address.sin_port);
	return 0;
}

struct http_server *http_server_start(const struct http_reply *replies,
                                      size_t count)
{
	struct http_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->replies = replies;
	s->reply_count = count;
	s->listener = s->wake[0] = s->wake[1] = -1;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		s->connections[i].fd = -1;
	if (count > REQUESTS_MAX || pipe(s->wake) < 0 ||
	    listen_loopback(s) < 0 ||
	    pthread_create(&s->thread, NULL, serve, s) != 0) {
		/* A test program ends here anyway. */
		free(s);
		return NULL;
	}
	return s;
}

unsigned http_server_port(const struct http_server *server)
{
	return server->port;
}

void http_server_stop(struct http_server *server)
{
	if (server->wake[1] < 0)
		return;
	(void)close(take_fd(&server->wake[1]));
	(void)pthread_join(server->thread, NULL);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (server->connections[i].fd >= 0)
			drop(&server->connections[i]);
	}
	(void)close(server->listener);
	(void)close(server->wake[0]);
}

void http_server_free(struct http_server *server)
{
	http_server_stop(server);
	for (size_t i = 0; i < server->received_count; i++) {
		free(server->received[i].head);
		buffer_clear(&server->received[i].body);
	}
	free(server);
}

size_t http_server_count(const struct http_server *server)
{
	return server->received_count;
}

const char *http_server_head(const struct http_server *server, size_t index)
{
	return index < server->received_count ? server->received[index].head
	                                      : "";
}

struct bytes http_server_body(const struct http_server *server, size_t index)
{
	if (index >= server->received_count)
		return (struct bytes){ .data = NULL };
	return buffer_bytes(&server->received[index].body);
}

unsigned http_server_connection(const struct http_server *server, size_t index)
{
	return index < server->received_count
	               ? server->received[index].connection
	               : 0;
}
