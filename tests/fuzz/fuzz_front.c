/* The bytes of one connection to serve, before and behind libmicrohttpd: what
 * comes back is nothing, or whole HTTP answers; then nobody is served any more.
 * The cache is in memory, and is the same for every input.
 *
 * The server takes writes too: with them its cache may grow, so that an input
 * can do with another what it cannot alone. */
#include "tests/fuzz/fuzz.h"

#include "client/serve/front.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "tests/lib/fake_upstream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define HASH_PART  "9fhyh8jdbc21397haahysjjxqgdywc39"
#define NAR_HASH   "1i4fk2x413zynwvply5gm9aczkiwr983k8yzpnh8sw5skqj8sdjy"
#define NAR_KEY    "nar/" NAR_HASH ".nar"
#define INPUT_MAX  ((size_t)65536)
#define ANSWER_MAX ((size_t)4 * 1024 * 1024)
#define IDLE_MAX   4
#define TURNS_MAX  1000 /* of 5 ms: threads may be at a NAR */

struct server {
	struct upstream *upstream;
	struct site_cache cache;
	struct agent_cache config;
	struct site site;
	struct access_rules rules;
	struct strings own_hosts;
	struct errands *errands;
	struct front *front;
	struct sockaddr_in address;
	int news;
};

/* site.c is not asked to open anything here. */
int upstream_open(const struct upstream_options *options,
                  struct upstream **ret_upstream, char *why, size_t why_size)
{
	(void)options;
	(void)ret_upstream;
	(void)why;
	(void)why_size;
	abort();
}

void upstream_close(struct upstream *upstream)
{
	(void)upstream;
	abort();
}

struct order *upstream_next(struct upstream *upstream)
{
	return fake_upstream_step(upstream, 0);
}

size_t upstream_pending(const struct upstream *upstream)
{
	return fake_upstream_waiting(upstream);
}

static void fill(struct upstream *upstream)
{
	static const char narinfo[] =
		"StorePath: /nix/store/" HASH_PART "-x\nURL: " NAR_KEY
		"\nCompression: none\nNarHash: sha256:" NAR_HASH
		"\nNarSize: 10\nReferences: \n";

	fake_upstream_add(upstream, HASH_PART ".narinfo",
	                  bytes_of_text(narinfo));
	fake_upstream_add(upstream, NAR_KEY, bytes_of_text("0123456789"));
	fake_upstream_add(upstream, "log/" HASH_PART "-a.drv",
	                  bytes_of_text("a log\n"));
}

static int listen_anywhere(struct sockaddr_in *address)
{
	socklen_t len = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){ .sin_family = AF_INET };
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(fd >= 0);
	MUST(bind(fd, (struct sockaddr *)address, len) == 0);
	MUST(getsockname(fd, (struct sockaddr *)address, &len) == 0);
	MUST(listen(fd, 64) == 0);
	return fd;
}

static void open_site(struct server *s)
{
	static char name[] = "dev", store[] = "file:///none";
	static char dir[] = "/nix/store";

	s->upstream = fake_upstream_new();
	fill(s->upstream);
	s->config = (struct agent_cache){
		.name = name, .store = store, .store_dir = dir, .priority = 30
	};
	s->cache.config = &s->config;
	s->cache.upstream = s->upstream;
	s->cache.streams = s->upstream;
	MUST(receiver_new(&s->config, s->upstream, s->news,
	                  &s->cache.receiver) == 0);
	s->site.caches = &s->cache;
	s->site.count = 1;
	s->site.priority = -1;
	MUST(strings_add(&s->site.names, name, strlen(name)) == 0);
}

static struct server *server_start(void)
{
	static struct server s;

	s.news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	open_site(&s);
	s.errands = errands_new(&s.site);
	s.rules.uids[0] = getuid();
	s.rules.uid_count = 1;
	MUST(s.errands && strings_add(&s.own_hosts, "a:1", 3) == 0);
	const struct front_options options = {
		.listener = listen_anywhere(&s.address),
		.site = &s.site,
		.errands = s.errands,
		.rules = &s.rules,
		.own_hosts = &s.own_hosts,
		.news_fd = s.news,
		.takes = true,
	};
	MUST(front_open(&options, &s.front) == 0);
	return &s;
}

/* What serve's loop does, without its waits. */
static void turn(struct server *s)
{
	struct trouble trouble = { .exit_status = 0 };
	struct order *order;
	uint64_t count;

	while ((order = site_next(&s->site))) {
		if (!order->errand) {
			receipt_take_order(order->owner, order);
		} else {
			front_settled(s->front, errand_settle(s->errands, order,
			                                      &trouble));
		}
	}
	fuzz_check_printable(trouble.exit_status ? trouble.why : "",
	                     sizeof(trouble.why));
	if (read(s->news, &count, sizeof(count)) < 0)
		MUST(errno == EAGAIN);
	front_has_news(s->front);
	if (front_trouble(s->front, &trouble))
		fuzz_check_printable(trouble.why, sizeof(trouble.why));
	MUST(front_run(s->front) == 0);
}

static int connect_to(const struct server *s)
{
	/* So that a port is free again at once. */
	const struct linger none = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	MUST(fd >= 0);
	MUST(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)) == 0);
	MUST(connect(fd, (const struct sockaddr *)&s->address,
	             sizeof(s->address)) == 0);
	MUST(fd_set_nonblocking(fd) == 0);
	return fd;
}

/* False at the end. */
static bool hear(int fd, struct buffer *out)
{
	uint8_t *room = buffer_reserve(out, 65536);
	ssize_t got;

	MUST(room);
	got = read(fd, room, 65536);
	if (got > 0)
		out->len += (size_t)got;
	return got > 0 || (got < 0 && errno == EAGAIN);
}

/* What of it could be sent. */
static size_t say(int fd, struct bytes in)
{
	ssize_t sent = send(fd, in.data, in.len, MSG_NOSIGNAL);

	MUST(sent >= 0 || errno == EAGAIN || errno == EPIPE ||
	     errno == ECONNRESET);
	if (sent == (ssize_t)in.len)
		(void)shutdown(fd, SHUT_WR);
	return sent > 0 ? (size_t)sent : 0;
}

static void talk(struct server *s, struct bytes in, struct buffer *out)
{
	cleanup_close int fd = connect_to(s);
	unsigned idle = 0;

	/* A client that hears nothing for some turns gives up. */
	while (idle < IDLE_MAX) {
		size_t before = out->len, sent = 0;

		if (in.len > 0)
			sent = say(fd, in);
		in.data += sent;
		in.len -= sent;
		turn(s);
		if (!hear(fd, out))
			break;
		idle = sent > 0 || out->len > before ? 0 : idle + 1;
	}
}

static void check_answer(const struct buffer *out)
{
	static const char start[] = "HTTP/1.";

	if (out->len == 0)
		return;
	MUST(out->len > 12 && memcmp(out->data, start, 7) == 0);
	MUST(memmem(out->data, out->len, "\r\n\r\n", 4));
	/* Of what is on this machine nobody hears. */
	MUST(!memmem(out->data, out->len, "file:///", 8));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct server *server;
	cleanup_buffer struct buffer out;

	buffer_init(&out, ANSWER_MAX);
	if (!server)
		server = server_start();
	if (len > INPUT_MAX)
		return 0;
	/* What earlier inputs have stored would fill it one day. */
	if (fake_upstream_objects(server->upstream) > FAKE_OBJECTS_MAX / 2) {
		fake_upstream_empty(server->upstream);
		fill(server->upstream);
	}
	talk(server, (struct bytes){ bytes, len }, &out);
	check_answer(&out);
	for (int i = 0; i < TURNS_MAX && front_busy(server->front) > 0; i++) {
		struct pollfd wake = { server->news, POLLIN, 0 };

		turn(server);
		if (front_busy(server->front) > 0)
			(void)poll(&wake, 1, 5);
	}
	MUST(front_busy(server->front) == 0);
	return 0;
}
