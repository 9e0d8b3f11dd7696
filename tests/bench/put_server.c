/* An S3 server that is no bottleneck: it takes what it is given, looks at no
 * signature, and keeps of large objects only the size.  To nix copy over HTTP
 * it is a server of files.
 *
 *   put_server LOG [KEEP]
 *
 * Prints its port; writes "METHOD PATH STATUS" to LOG before it answers, as
 * haproxy does in the tests.  KEEP: bodies up to so many bytes are kept (64 KiB
 * unless said).  GET / answers how many bytes of bodies have ever come.  One
 * thread a connection; ends with its input, so that it outlives nobody. */
#include "protocol/base/fd.h"
#include "tests/bench/http_head.h"
#include "tests/bench/incoming.h"
#include "tests/bench/s3_answer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG      1024
#define ANSWER_MAX   1024
#define KEEP_DEFAULT (64UL * 1024)

struct server {
	FILE *log;
	int listener;
	atomic_ullong received;
	struct store store;
};

struct connection {
	struct server *server;
	int fd;
	size_t held; /* bytes in memory */
	uint8_t memory[HTTP_HEAD_MAX];
};

static int send_text(int fd, const char *text)
{
	return fd_write_full(fd, text, strlen(text));
}

static const char *reason_of(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 204:
		return "No Content";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	default:
		return "Internal Server Error";
	}
}

static int send_answer(const struct connection *c, const struct http_head *head,
                       const struct s3_answer *answer)
{
	const uint8_t *body = answer->object ? answer->object->body.bytes
	                                     : answer->own;
	bool has_body = body && strcmp(head->method, "HEAD") != 0;
	char text[ANSWER_MAX];
	int rc;

	(void)snprintf(text, sizeof(text),
	               "HTTP/1.1 %u %s\r\n%s%s%sContent-Length: %llu\r\n\r\n",
	               answer->status, reason_of(answer->status),
	               answer->etag[0] ? "ETag: \"" : "", answer->etag,
	               answer->etag[0] ? "\"\r\n" : "",
	               (unsigned long long)answer->len);
	rc = send_text(c->fd, text);
	return rc == 0 && has_body ? fd_write_full(c->fd, body, answer->len)
	                           : rc;
}

static int tell_received(const struct connection *c)
{
	char text[ANSWER_MAX], number[32];

	(void)snprintf(number, sizeof(number), "%llu",
	               atomic_load(&c->server->received));
	(void)snprintf(text, sizeof(text),
	               "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
	               strlen(number), number);
	return send_text(c->fd, text);
}

static int serve_request(const struct connection *c,
                         const struct http_head *head, struct incoming *in)
{
	struct store *store = &c->server->store;
	struct s3_answer answer;
	struct body body = { .bytes = NULL };
	int rc = 0;

	if (head->expects_continue)
		rc = send_text(c->fd, "HTTP/1.1 100 Continue\r\n\r\n");
	if (rc == 0)
		rc = incoming_take(in, s3_is_kept(store, head), &body);
	if (rc < 0)
		return rc;
	if (!head->path[0]) {
		free(body.bytes);
		return tell_received(c);
	}
	answer = s3_answer(store, head, body);
	(void)fprintf(c->server->log, "%s /%s %u\n", head->method, head->path,
	              answer.status);
	rc = send_answer(c, head, &answer);
	s3_answer_clear(&answer);
	return rc;
}

/* One request.  1: there may be more; 0: the end; -errno. */
static int serve_next(struct connection *c)
{
	struct incoming in = {
		.socket = c->fd,
		.counter = &c->server->received,
	};
	struct http_head head;
	size_t early;
	int rc;

	while ((rc = http_head_parse((struct bytes){ c->memory, c->held },
	                             &head)) == 0) {
		ssize_t n = recv(c->fd, c->memory + c->held,
		                 sizeof(c->memory) - c->held, 0);

		if (n <= 0)
			return 0;
		c->held += (size_t)n;
	}
	if (rc < 0)
		return rc;

	early = c->held - head.len;
	if (early > head.content_length)
		early = (size_t)head.content_length;
	in.len = head.content_length;
	in.early = (struct bytes){ c->memory + head.len, early };
	rc = serve_request(c, &head, &in);
	c->held -= head.len + early;
	memmove(c->memory, c->memory + head.len + early, c->held);
	return rc < 0 || head.is_last ? rc : 1;
}

static void *serve(void *context)
{
	struct connection *c = context;
	int rc;

	do {
		rc = serve_next(c);
	} while (rc > 0);
	if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET)
		(void)fprintf(stderr, "put_server: %s\n", strerror(-rc));
	(void)close(c->fd);
	free(c);
	return NULL;
}

static void *accept_all(void *context)
{
	struct server *server = context;
	const int on = 1;

	for (;;) {
		struct connection *c = calloc(1, sizeof(*c));
		pthread_t thread;

		if (!c)
			return NULL;
		c->server = server;
		c->fd = accept(server->listener, NULL, NULL);
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on,
		                 sizeof(on));
		if (c->fd < 0 || pthread_create(&thread, NULL, serve, c) != 0) {
			free(c);
			return NULL;
		}
		(void)pthread_detach(thread);
	}
}

static int listen_loopback(struct server *server, unsigned *ret_port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
	};
	socklen_t len = sizeof(address);

	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->listener < 0 ||
	    bind(server->listener, (struct sockaddr *)&address, len) < 0 ||
	    listen(server->listener, BACKLOG) < 0 ||
	    getsockname(server->listener, (struct sockaddr *)&address, &len) <
	            0)
		return -errno;
	*ret_port = ntohs(address.sin_port);
	return 0;
}

static int open_store(struct server *server, int argc, char **argv)
{
	unsigned long keep = KEEP_DEFAULT;

	if (argc == 3)
		keep = strtoul(argv[2], NULL, 10);
	object_table_init(&server->store.objects);
	upload_table_init(&server->store.uploads);
	server->store.keep_max = keep;
	server->log = fopen(argv[1], "ae");
	if (!server->log || setvbuf(server->log, NULL, _IOLBF, BUFSIZ) != 0)
		return -errno;
	return 0;
}

int main(int argc, char **argv)
{
	struct server server = { .listener = -1 };
	pthread_t thread;
	unsigned port = 0;
	char byte;
	int rc;

	if (argc != 2 && argc != 3)
		return 2;
	rc = open_store(&server, argc, argv);
	if (rc == 0)
		rc = listen_loopback(&server, &port);
	if (rc < 0) {
		(void)fprintf(stderr, "put_server: %s\n", strerror(-rc));
		return 1;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (pthread_create(&thread, NULL, accept_all, &server) != 0)
		return 1;
	(void)printf("%u\n", port);
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
