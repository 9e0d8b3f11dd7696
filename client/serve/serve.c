/* Theory of Operation
 *
 * listener -> rules -> site (the caches, each with a thread) -> front (HTTP)
 * -> loop.  The loop waits at one point, for four descriptors: the front's, an
 * eventfd for orders that have come back, one for streams and receipts that
 * have news, and the signals.  It alone writes to the log, each line once in a
 * while however many requests meet the same trouble.
 *
 * A locked agent is told to fetch its secrets, beside everything else; until
 * then requests that need it are answered with 503.
 *
 * A signal closes the door; what is under way has FAREWELL_MS to end.
 */
#include "client/serve/serve.h"

#include "client/serve/complaints.h"
#include "client/serve/front.h"
#include "client/serve/listener.h"
#include "client/serve/unlocker.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#define FAREWELL_MS 4000

enum source {
	SOURCE_FRONT,
	SOURCE_ORDERS,
	SOURCE_NEWS,
	SOURCE_SIGNALS,
	SOURCE_COUNT,
};

struct serve {
	const struct serve_request *request;
	struct listener listener;
	struct access_rules rules;
	bool has_rules;
	int orders_fd;
	int news_fd;
	int signals;
	struct site site;
	struct errands *errands;
	struct unlocker *unlocker;
	struct front *front;
	struct complaints complaints;
	long long end_at; /* 0: not ending */
};

static int fail(const char *why)
{
	log_error("serve: %s", why);
	return EXIT_FAILED;
}

static void complain(struct serve *s, const char *why)
{
	if (complaints_admit(&s->complaints, why, clock_boot_ms()))
		log_warn("serve: %s", why);
}

static int open_listener(struct serve *s)
{
	char why[LISTENER_WHY_MAX];

	if (listener_open(s->request->listen, &s->listener, why) < 0)
		return fail(why);
	if (!s->listener.is_loopback && !s->request->password_file) {
		return fail("other machines could connect: take an address of "
		            "loopback, or a --password-file");
	}
	return 0;
}

static int load_rules(struct serve *s)
{
	char why[ACCESS_WHY_MAX];

	if (access_rules_load(s->request->users, s->request->password_file,
	                      &s->rules, why) < 0)
		return fail(why);
	s->has_rules = true;
	return 0;
}

/* Signals come as events; a client that is gone must not end the server. */
static int open_events(struct serve *s)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return fail(strerror(errno));
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->orders_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->signals < 0 || s->orders_fd < 0 || s->news_fd < 0)
		return fail(strerror(errno));
	return 0;
}

static int open_caches(struct serve *s)
{
	const struct site_options options = {
		.wanted = s->request->caches,
		.priority = s->request->priority,
		.done_fd = s->orders_fd,
		.wake_fd = s->news_fd,
		.takes = s->request->allow_push,
		.is_proxy = s->request->proxy,
	};
	char why[SITE_WHY_MAX];
	int rc = site_open(&options, &s->site, why);

	if (rc != 0) {
		log_error("serve: %s", why);
		return rc;
	}
	s->errands = errands_new(&s->site);
	s->unlocker = unlocker_new(s->orders_fd);
	return s->errands && s->unlocker ? 0 : fail(strerror(ENOMEM));
}

static int open_front(struct serve *s)
{
	const struct front_options options = {
		.listener = take_fd(&s->listener.fd),
		.site = &s->site,
		.errands = s->errands,
		.rules = &s->rules,
		.own_hosts = &s->listener.own_hosts,
		.news_fd = s->news_fd,
		.takes = s->request->allow_push,
	};
	int rc = front_open(&options, &s->front);

	return rc < 0 ? fail(strerror(-rc)) : 0;
}

static void greet(const struct serve *s)
{
	char names[512];
	size_t at = 0;

	for (size_t i = 0; i < s->site.count && at < sizeof(names); i++) {
		int len = snprintf(names + at, sizeof(names) - at, "%s%s",
		                   i > 0 ? ", " : "", s->site.names.items[i]);

		at += len > 0 ? (size_t)len : 0;
	}
	log_info("serve: %s at http://%s/%s; nix.conf: extra-substituters = "
	         "http://%s",
	         names, s->listener.shown,
	         s->request->allow_push ? ", takes pushes" : "",
	         s->listener.shown);
}

static void note(struct serve *s, const struct trouble *trouble)
{
	if (trouble->exit_status == 0)
		return;
	if (trouble->exit_status != EXIT_LOCKED) {
		if (trouble->why[0])
			complain(s, trouble->why);
	} else if (!s->end_at && unlocker_start(s->unlocker)) {
		log_info("serve: the agent is locked: it fetches its secrets "
		         "now, and until then the answer is 503");
	}
}

static void take_order(struct serve *s, struct order *order)
{
	struct trouble trouble;

	if (!order->errand) {
		if (order->result.outcome == CACHE_FAILED) {
			trouble.exit_status = order->result.exit_status;
			trouble.why[0] = '\0';
			note(s, &trouble);
		}
		receipt_take_order(order->owner, order);
		return;
	}
	front_settled(s->front, errand_settle(s->errands, order, &trouble));
	note(s, &trouble);
}

static void drain(int fd)
{
	uint64_t count;
	ssize_t got = read(fd, &count, sizeof(count));

	/* Nothing there: as well. */
	(void)got;
}

/* True if there was one. */
static bool take_orders(struct serve *s)
{
	struct order *order;
	bool is_any = false;

	drain(s->orders_fd);
	while ((order = site_next(&s->site))) {
		is_any = true;
		take_order(s, order);
	}
	return is_any;
}

static void hear_unlocker(struct serve *s)
{
	struct agent_error error;

	if (!unlocker_ended(s->unlocker, &error))
		return;
	if (error.exit_status == EXIT_DONE) {
		log_info("serve: the agent is unlocked");
	} else {
		log_warn("serve: %s", error.text);
	}
}

static void take_signals(struct serve *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
		/* The second one is in earnest. */
		s->end_at = clock_boot_ms() + (s->end_at ? 0 : FAREWELL_MS);
		front_stop(s->front);
	}
}

static bool is_over(const struct serve *s)
{
	if (!s->end_at)
		return false;
	return front_busy(s->front) == 0 || clock_boot_ms() >= s->end_at;
}

static int patience(const struct serve *s)
{
	int timeout = front_timeout_ms(s->front);
	long long left;

	if (!s->end_at)
		return timeout;
	left = s->end_at - clock_boot_ms();
	if (left < 0)
		left = 0;
	return timeout < 0 || timeout > left ? (int)left : timeout;
}

static int step(struct serve *s)
{
	struct pollfd events[SOURCE_COUNT] = {
		[SOURCE_FRONT] = { front_fd(s->front), POLLIN, 0 },
		[SOURCE_ORDERS] = { s->orders_fd, POLLIN, 0 },
		[SOURCE_NEWS] = { s->news_fd, POLLIN, 0 },
		[SOURCE_SIGNALS] = { s->signals, POLLIN, 0 },
	};
	struct trouble trouble;

	if (poll(events, SOURCE_COUNT, patience(s)) < 0 && errno != EINTR)
		return -errno;
	if (events[SOURCE_SIGNALS].revents)
		take_signals(s);
	if (events[SOURCE_ORDERS].revents) {
		/* A receipt may go on now. */
		if (take_orders(s))
			front_has_news(s->front);
		hear_unlocker(s);
	}
	if (events[SOURCE_NEWS].revents) {
		drain(s->news_fd);
		front_has_news(s->front);
	}
	if (front_trouble(s->front, &trouble))
		complain(s, trouble.why);
	return front_run(s->front);
}

/* Receipts that were cut short have their uploads ended.  Nobody waits for an
 * answer any more. */
static void settle_rest(struct serve *s)
{
	struct pollfd event = { s->orders_fd, POLLIN, 0 };

	while (site_pending(&s->site) > 0) {
		long long left = s->end_at - clock_boot_ms();

		if (left <= 0)
			return;
		if (poll(&event, 1, (int)left) > 0)
			(void)take_orders(s);
	}
}

static int loop(struct serve *s)
{
	int rc = 0;

	greet(s);
	while (rc == 0 && !is_over(s))
		rc = step(s);
	if (rc < 0)
		log_error("serve: %s", strerror(-rc));
	front_close(take_ptr(s->front));
	s->end_at = clock_boot_ms() + FAREWELL_MS / 4;
	settle_rest(s);
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int run(struct serve *s)
{
	int rc = open_listener(s);

	if (rc == 0)
		rc = load_rules(s);
	if (rc == 0)
		rc = open_events(s);
	if (rc == 0)
		rc = open_caches(s);
	if (rc == 0)
		rc = open_front(s);
	return rc == 0 ? loop(s) : rc;
}

static void close_all(struct serve *s)
{
	const int fds[] = { s->orders_fd, s->news_fd, s->signals };

	front_close(s->front);
	site_close(&s->site);
	errands_free(s->errands);
	unlocker_free(s->unlocker);
	if (s->has_rules)
		access_rules_clear(&s->rules);
	listener_clear(&s->listener);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] >= 0)
			(void)close(fds[i]);
	}
}

int serve_run(const struct serve_request *request)
{
	struct serve s = {
		.request = request,
		.listener = { .fd = -1 },
		.orders_fd = -1,
		.news_fd = -1,
		.signals = -1,
	};
	int exit_status = run(&s);

	close_all(&s);
	return exit_status;
}
