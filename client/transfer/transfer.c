/* Theory of Operation
 *
 * One libcurl multi handle, one exchange (exchange.h) a request.  An exchange
 * is in one of three places:
 *
 *   idle      until transfer_submit() gives it a request;
 *   multi     until libcurl says that it has ended, which transfer_wait() asks
 *             in a loop until there is nothing more to hear;
 *   finished  until transfer_next() hands its result out.
 *
 * A request whose sink is full is paused: libcurl keeps what it has received
 * and reads no more, until the sink writes to room_fd.  That is polled with the
 * rest, and also tells of sinks that nobody reads any more.
 *
 * A request that cannot even be set up goes straight to finished, so that
 * every submitted request has exactly one result.  libcurl is driven from
 * transfer_wait() alone, its one blocking point.
 */
#include "client/transfer/transfer.h"

#include "client/transfer/exchange.h"
#include "client/transfer/wiped_heap.h"
#include "protocol/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CONNECTIONS_USUAL        32
#define CONNECT_TIMEOUT_USUAL_MS 10000
#define STALL_TIMEOUT_USUAL_S    30
#define WAIT_MAX_MS              60000
#define EXTRA_MAX                16 /* descriptors of the caller */
#define WATCHED_MAX              (EXTRA_MAX + 1)

struct transfer {
	CURLM *multi;
	struct exchange_settings settings;
	struct exchange *made; /* all, wherever they are */
	struct exchange *idle;
	struct exchange *finished; /* oldest first */
	struct exchange **finished_end;
	size_t count;
	uint64_t bytes_sent;
};

DEFINE_CLEANUP(struct transfer *, transfer_close)
#define cleanup_transfer cleanup(transfer_close_at)

/* As Nix does, then as OpenSSL and curl do. */
static const char *ca_file(void)
{
	static const char *const names[] = { "NIX_SSL_CERT_FILE",
		                             "SSL_CERT_FILE",
		                             "CURL_CA_BUNDLE" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value && value[0])
			return value;
	}
	return NULL;
}

static int set_limits(struct transfer *t, unsigned connections)
{
	long limit = connections ? (long)connections : CONNECTIONS_USUAL;

	if (curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, limit) ||
	    curl_multi_setopt(t->multi, CURLMOPT_MAX_HOST_CONNECTIONS, limit) ||
	    curl_multi_setopt(t->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, limit))
		return -EINVAL;
	/* In libcurl 7 TLS sessions are otherwise kept for each handle. */
	if (curl_share_setopt(t->settings.share, CURLSHOPT_SHARE,
	                      CURL_LOCK_DATA_SSL_SESSION))
		return -ENOMEM;
	return 0;
}

int transfer_open(const struct transfer_options *options,
                  struct transfer **ret_transfer)
{
	cleanup_transfer struct transfer *t = NULL;
	int rc;

	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, wiped_heap_malloc,
	                         wiped_heap_free, wiped_heap_realloc,
	                         wiped_heap_strdup, wiped_heap_calloc))
		return -ENOMEM;
	t = calloc(1, sizeof(*t));
	if (!t) {
		curl_global_cleanup();
		return -ENOMEM;
	}
	t->finished_end = &t->finished;
	t->multi = curl_multi_init();
	t->settings = (struct exchange_settings){
		.share = curl_share_init(),
		.connect_timeout_ms =
			options->connect_timeout_ms
				? (long)options->connect_timeout_ms
				: CONNECT_TIMEOUT_USUAL_MS,
		.stall_timeout_s = options->stall_timeout_s
		                           ? (long)options->stall_timeout_s
		                           : STALL_TIMEOUT_USUAL_S,
		.user_agent = options->user_agent,
		.ca_file = ca_file(),
	};
	t->settings.room_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->settings.room_fd < 0)
		return -errno;
	if (!t->multi || !t->settings.share)
		return -ENOMEM;

	rc = set_limits(t, options->connections);
	if (rc < 0)
		return rc;

	*ret_transfer = take_ptr(t);
	return 0;
}

void transfer_close(struct transfer *transfer)
{
	struct exchange *next;

	if (!transfer)
		return;
	for (struct exchange *x = transfer->made; x; x = next) {
		next = x->next_made;
		/* One that is not in there is refused, no more. */
		if (x->easy) {
			(void)curl_multi_remove_handle(transfer->multi,
			                               x->easy);
		}
		exchange_free(x);
	}
	if (transfer->multi)
		(void)curl_multi_cleanup(transfer->multi);
	if (transfer->settings.share)
		(void)curl_share_cleanup(transfer->settings.share);
	/* After the exchanges: their sinks write to it. */
	if (transfer->settings.room_fd >= 0)
		(void)close(transfer->settings.room_fd);
	free(transfer);
	curl_global_cleanup();
}

static struct exchange *take_idle(struct transfer *t)
{
	struct exchange *x = t->idle;

	if (x) {
		t->idle = x->next;
		x->next = NULL;
		return x;
	}
	x = exchange_new(&t->bytes_sent);
	if (x) {
		x->next_made = t->made;
		t->made = x;
	}
	return x;
}

static void put_idle(struct transfer *t, struct exchange *x)
{
	x->next = t->idle;
	t->idle = x;
}

static void put_finished(struct transfer *t, struct exchange *x)
{
	x->is_under_way = false;
	x->next = NULL;
	*t->finished_end = x;
	t->finished_end = &x->next;
}

int transfer_submit(struct transfer *transfer,
                    const struct transfer_request *request)
{
	struct exchange *x = take_idle(transfer);
	struct transfer_result dropped;
	CURLcode code;

	if (!x)
		return -ENOMEM;

	code = exchange_setup(x, &transfer->settings, request);
	if (code == CURLE_OK && curl_multi_add_handle(transfer->multi, x->easy))
		code = CURLE_OUT_OF_MEMORY;
	if (code == CURLE_OUT_OF_MEMORY) {
		exchange_finish(x, &dropped);
		buffer_clear(&dropped.response);
		put_idle(transfer, x);
		return -ENOMEM;
	}
	if (code == CURLE_OK) {
		x->is_under_way = true;
	} else {
		put_finished(transfer, x);
	}
	transfer->count++;
	return 0;
}

size_t transfer_count(const struct transfer *transfer)
{
	return transfer->count;
}

static int errno_of(CURLMcode code)
{
	if (code == CURLM_OK)
		return 0;
	return code == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EIO;
}

/* Everything that could have been meant: a sink that is still full says so. */
static void resume(struct transfer *t)
{
	uint64_t count;

	if (read(t->settings.room_fd, &count, sizeof(count)) < 0)
		return;
	for (struct exchange *x = t->made; x; x = x->next_made) {
		if (!x->is_under_way || !exchange_resume(x))
			continue;
		(void)curl_multi_remove_handle(t->multi, x->easy);
		put_finished(t, x);
	}
}

static int drive(struct transfer *t)
{
	CURLMcode code;
	CURLMsg *message;
	int count;

	resume(t);
	code = curl_multi_perform(t->multi, &count);
	while ((message = curl_multi_info_read(t->multi, &count))) {
		CURL *easy = message->easy_handle;
		CURLcode ended = message->data.result;
		char *private = NULL;
		struct exchange *x;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
		x = (struct exchange *)(void *)private;
		/* After this the message is no more. */
		(void)curl_multi_remove_handle(t->multi, easy);
		x->code = ended;
		put_finished(t, x);
	}
	return errno_of(code);
}

static short curl_events(short events)
{
	short out = 0;

	if (events & POLLIN)
		out |= CURL_WAIT_POLLIN;
	if (events & POLLOUT)
		out |= CURL_WAIT_POLLOUT;
	return out;
}

static int poll_all(struct transfer *t, const struct pollfd *extra,
                    unsigned extra_count, int timeout_ms)
{
	struct curl_waitfd fds[WATCHED_MAX];

	fds[extra_count] = (struct curl_waitfd){ .fd = t->settings.room_fd,
		                                 .events = CURL_WAIT_POLLIN };
	for (unsigned i = 0; i < extra_count; i++) {
		fds[i] = (struct curl_waitfd){
			.fd = extra[i].fd,
			.events = curl_events(extra[i].events),
		};
	}
	return errno_of(curl_multi_poll(t->multi, fds, extra_count + 1,
	                                timeout_ms, NULL));
}

int transfer_wait(struct transfer *transfer, struct pollfd *extra,
                  unsigned extra_count, int timeout_ms)
{
	int rc;

	if (extra_count > EXTRA_MAX)
		return -EINVAL;
	if (timeout_ms < 0 || timeout_ms > WAIT_MAX_MS)
		timeout_ms = WAIT_MAX_MS;

	rc = drive(transfer);
	if (rc == 0 && !transfer->finished) {
		rc = poll_all(transfer, extra, extra_count, timeout_ms);
		if (rc == 0)
			rc = drive(transfer);
	}
	/* libcurl tells of readable and writable, but not of hung up. */
	if (rc == 0 && extra_count > 0 && poll(extra, extra_count, 0) < 0 &&
	    errno != EINTR)
		rc = -errno;
	return rc;
}

int transfer_next(struct transfer *transfer, struct transfer_result *ret_result)
{
	struct exchange *x = transfer->finished;

	if (!x)
		return 0;

	transfer->finished = x->next;
	if (!transfer->finished)
		transfer->finished_end = &transfer->finished;
	exchange_finish(x, ret_result);
	put_idle(transfer, x);
	transfer->count--;
	return 1;
}

uint64_t transfer_bytes_sent(const struct transfer *transfer)
{
	return transfer->bytes_sent;
}
