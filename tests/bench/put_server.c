/* An HTTP server that takes what it is given: the same target for nixcache,
 * to which it is an S3 bucket, and for nix copy, to which it is a folder.
 *
 *   put_server FOLDER
 *
 * Prints its port.  Looks at no signature, keeps objects as files.  One thread
 * a connection; ends with its input, so that it outlives nobody. */
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "tests/bench/http_head.h"
#include "tests/bench/object_folder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#define BACKLOG     128
#define UPLOAD_NAME 32
#define ANSWER_MAX  1024
#define NO_UPLOADS                                                     \
	"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>" \
	"</ListMultipartUploadsResult>"

struct server {
	int folder;
	int listener;
	atomic_uint uploads;
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

static int answer(int fd, const char *status, const char *body)
{
	char text[ANSWER_MAX];

	(void)snprintf(text, sizeof(text),
	               "HTTP/1.1 %s\r\nETag: \"0\"\r\n"
	               "Content-Length: %zu\r\n\r\n%s",
	               status, strlen(body), body);
	return send_text(fd, text);
}

/* Whether it could be done decides the answer; a client that has gone ends the
 * connection. */
static int answer_outcome(int fd, int rc)
{
	if (rc == -EPIPE || rc == -ECONNRESET)
		return rc;
	if (rc == -ENOENT)
		return answer(fd, "404 Not Found", "");
	return rc < 0 ? answer(fd, "500 Internal Server Error", "")
	              : answer(fd, "200 OK", "");
}

static int answer_object(const struct connection *c,
                         const struct http_head *head)
{
	cleanup_close int fd = -1;
	char text[ANSWER_MAX];
	off_t left;
	int rc = object_open(c->server->folder, head->path, &fd, &left);

	if (rc < 0)
		return answer_outcome(c->fd, -ENOENT);
	(void)snprintf(text, sizeof(text),
	               "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n",
	               (long long)left);
	rc = send_text(c->fd, text);
	while (rc == 0 && left > 0 && strcmp(head->method, "GET") == 0) {
		ssize_t n = sendfile(c->fd, fd, NULL, (size_t)left);

		if (n <= 0)
			return -EIO;
		left -= n;
	}
	return rc;
}

static int take_put(const struct connection *c, const struct http_head *head,
                    struct incoming *in)
{
	char upload[UPLOAD_NAME], part[UPLOAD_NAME];

	if (http_head_query(head, "uploadId", upload, sizeof(upload)) &&
	    http_head_query(head, "partNumber", part, sizeof(part))) {
		return object_put_part(c->server->folder, upload,
		                       (unsigned)strtoul(part, NULL, 10), in);
	}
	return object_put(c->server->folder, head->path, in);
}

/* Begins a multipart upload, or puts its parts together. */
static int take_post(const struct connection *c, const struct http_head *head)
{
	char upload[UPLOAD_NAME];

	if (!http_head_query(head, "uploadId", upload, sizeof(upload))) {
		char body[ANSWER_MAX / 2];

		(void)snprintf(body, sizeof(body),
		               "<InitiateMultipartUploadResult><UploadId>u%u"
		               "</UploadId></InitiateMultipartUploadResult>",
		               atomic_fetch_add(&c->server->uploads, 1));
		return answer(c->fd, "200 OK", body);
	}
	if (object_assemble(c->server->folder, upload, head->path) < 0)
		return answer_outcome(c->fd, -ENOENT);
	return answer(c->fd, "200 OK",
	              "<CompleteMultipartUploadResult>"
	              "</CompleteMultipartUploadResult>");
}

static int serve_request(const struct connection *c,
                         const struct http_head *head, struct incoming *in)
{
	int rc = 0;

	if (head->expects_continue)
		rc = send_text(c->fd, "HTTP/1.1 100 Continue\r\n\r\n");
	if (rc < 0)
		return rc;
	if (strcmp(head->method, "PUT") == 0)
		return answer_outcome(c->fd, take_put(c, head, in));
	rc = incoming_skip(in);
	if (rc < 0)
		return rc;
	if (strcmp(head->method, "POST") == 0)
		return take_post(c, head);
	if (strcmp(head->method, "DELETE") == 0)
		return answer(c->fd, "204 No Content", "");
	if (http_head_query(head, "uploads", NULL, 0))
		return answer(c->fd, "200 OK", NO_UPLOADS);
	return answer_object(c, head);
}

/* One request.  1: there may be more; 0: the end; -errno. */
static int serve_next(struct connection *c)
{
	struct incoming in = { .socket = c->fd };
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

int main(int argc, char **argv)
{
	struct server server = { .folder = -1 };
	pthread_t thread;
	unsigned port = 0;
	char byte;
	int rc;

	if (argc != 2)
		return 2;
	server.folder = open(argv[1], O_DIRECTORY | O_CLOEXEC);
	rc = server.folder < 0 ? -errno : listen_loopback(&server, &port);
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
