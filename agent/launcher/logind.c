/* Theory of Operation
 *
 * One connection to the system bus, never waited for: each call is sent with a
 * callback, and the launcher's loop brings the answers.
 *
 *   no bus     ends with a connection, tried every RETRY_MS
 *   connected  two matches and Inhibit() are sent; ends with the bus
 *   held       Inhibit() was answered with a descriptor: while it is open, a
 *              sleep waits for us (logind's InhibitDelayMaxSec at most, 5 s)
 *
 *   PrepareForSleep(true)   wipe, then close the descriptor: logind goes on
 *   PrepareForSleep(false)  awake again: Inhibit() once more
 *   Lock of a session       whose is it?  ours: wipe.  No answer: wipe too
 *
 * Should: close the descriptor when the bus is gone, or every later sleep would
 * wait for an agent that hears nothing.
 */
#include "agent/launcher/logind.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <systemd/sd-bus.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOGIND         "org.freedesktop.login1"
#define LOGIND_PATH    "/org/freedesktop/login1"
#define LOGIND_MANAGER LOGIND ".Manager"
#define LOGIND_SESSION LOGIND ".Session"
#define PROPERTIES     "org.freedesktop.DBus.Properties"

#define MEASURE_NAME "locks at sleep"
#define RETRY_MS     60000
#define CALL_USEC    10000000ULL
#define BATCH_MAX    64

struct logind {
	sd_bus *bus;
	long long retry_ms; /* then connect, or ask once more; 0: no need */
	int inhibitor;      /* -1: a sleep does not wait for us */
	bool is_asleep;     /* or about to be */
	bool must_wipe;
	bool is_row_new;
	struct agent_measure row;
};

/* why: of a failure, or NULL. */
static void set_row(struct logind *l, enum measure_state state,
                    const char *what, const char *why)
{
	char detail[sizeof(l->row.detail)];

	(void)snprintf(detail, sizeof(detail), "%s%s%s", what, why ? ": " : "",
	               why ? why : "");
	if (l->row.state == state && strcmp(l->row.detail, detail) == 0)
		return;
	l->row.state = state;
	memcpy(l->row.detail, detail, sizeof(detail));
	l->is_row_new = true;
}

static void release(struct logind *l)
{
	if (l->inhibitor >= 0)
		(void)close(l->inhibitor);
	l->inhibitor = -1;
}

static int on_inhibited(sd_bus_message *reply, void *userdata,
                        sd_bus_error *error)
{
	struct logind *l = userdata;
	const sd_bus_error *refusal = sd_bus_message_get_error(reply);
	int fd;

	(void)error;
	if (refusal || sd_bus_message_read(reply, "h", &fd) < 0) {
		set_row(l, MEASURE_ABSENT, "logind does not answer",
		        refusal ? refusal->name : "a strange reply");
		l->retry_ms = clock_boot_ms() + RETRY_MS;
		return 0;
	}
	/* After a wipe there is nothing left to hold up. */
	if (l->is_asleep && !l->must_wipe)
		return 0;

	release(l);
	l->inhibitor = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (l->inhibitor >= 0) {
		set_row(l, MEASURE_HELD,
		        "the secrets are wiped before a sleep, and when the "
		        "session is locked",
		        NULL);
	}
	return 0;
}

/* The bus is gone, or as good as gone. */
static void lose_bus(struct logind *l, int rc)
{
	release(l);
	l->bus = sd_bus_close_unref(l->bus);
	l->is_asleep = false;
	l->retry_ms = clock_boot_ms() + RETRY_MS;
	set_row(l, MEASURE_ABSENT, "no system bus", strerrordesc_np(-rc));
}

static int ask_inhibitor(struct logind *l)
{
	return sd_bus_call_method_async(l->bus, NULL, LOGIND, LOGIND_PATH,
	                                LOGIND_MANAGER, "Inhibit", on_inhibited,
	                                l, "ssss", "sleep", "nixcache-agent",
	                                "The keys are wiped first", "delay");
}

static int on_sleep(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct logind *l = userdata;
	int is_before;

	(void)error;
	if (sd_bus_message_read(signal, "b", &is_before) < 0)
		is_before = 1;
	l->is_asleep = is_before != 0;
	if (is_before) {
		l->must_wipe = true;
		return 0;
	}
	return l->inhibitor >= 0 ? 0 : ask_inhibitor(l);
}

/* A session that nobody can say the user of may be ours. */
static int on_user(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct logind *l = userdata;
	uint32_t uid;

	(void)error;
	if (sd_bus_message_is_method_error(reply, NULL) ||
	    sd_bus_message_enter_container(reply, SD_BUS_TYPE_VARIANT, "(uo)") <
	            0 ||
	    sd_bus_message_enter_container(reply, SD_BUS_TYPE_STRUCT, "uo") <
	            0 ||
	    sd_bus_message_read(reply, "u", &uid) < 0 || uid == geteuid())
		l->must_wipe = true;
	return 0;
}

static int on_lock(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct logind *l = userdata;

	(void)error;
	return sd_bus_call_method_async(l->bus, NULL, LOGIND,
	                                sd_bus_message_get_path(signal),
	                                PROPERTIES, "Get", on_user, l, "ss",
	                                LOGIND_SESSION, "User");
}

static int subscribe(struct logind *l)
{
	int rc;

	rc = sd_bus_set_method_call_timeout(l->bus, CALL_USEC);
	if (rc >= 0) {
		rc = sd_bus_match_signal_async(l->bus, NULL, LOGIND,
		                               LOGIND_PATH, LOGIND_MANAGER,
		                               "PrepareForSleep", on_sleep,
		                               NULL, l);
	}
	if (rc >= 0) {
		rc = sd_bus_match_signal_async(l->bus, NULL, LOGIND, NULL,
		                               LOGIND_SESSION, "Lock", on_lock,
		                               NULL, l);
	}
	return rc < 0 ? rc : ask_inhibitor(l);
}

static void connect_bus(struct logind *l)
{
	int rc = sd_bus_open_system(&l->bus);

	l->retry_ms = 0;
	if (rc >= 0)
		rc = subscribe(l);
	if (rc < 0) {
		lose_bus(l, rc);
	} else {
		set_row(l, MEASURE_WEAKER,
		        "logind is asked, and has not answered yet", NULL);
	}
}

void logind_open(struct logind **ret_logind, struct report *report)
{
	struct logind *l = calloc(1, sizeof(*l));

	*ret_logind = NULL;
	if (!l) {
		report_add(report, MEASURE_NAME, MEASURE_ABSENT, "%s",
		           strerrordesc_np(ENOMEM));
		return;
	}
	l->inhibitor = -1;
	(void)snprintf(l->row.name, sizeof(l->row.name), "%s", MEASURE_NAME);
	(void)snprintf(l->row.process, sizeof(l->row.process), "%s",
	               report->process);
	connect_bus(l);
	l->is_row_new = false;
	report_add(report, MEASURE_NAME, l->row.state, "%s", l->row.detail);
	*ret_logind = l;
}

void logind_close(struct logind *logind)
{
	if (!logind)
		return;
	release(logind);
	(void)sd_bus_close_unref(logind->bus);
	free(logind);
}

void logind_poll(const struct logind *logind, struct pollfd *fd)
{
	int events = -1;

	*fd = (struct pollfd){ .fd = -1 };
	if (!logind || !logind->bus)
		return;
	events = sd_bus_get_events(logind->bus);
	if (events < 0)
		return;
	fd->fd = sd_bus_get_fd(logind->bus);
	fd->events = (short)events;
}

/* sd-bus counts on another clock, which stands still while suspended. */
static long long bus_deadline_ms(sd_bus *bus)
{
	struct timespec now;
	uint64_t usec, now_usec;

	if (sd_bus_get_timeout(bus, &usec) < 0 || usec == UINT64_MAX ||
	    clock_gettime(CLOCK_MONOTONIC, &now) < 0)
		return 0;
	now_usec =
		(uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	if (usec <= now_usec)
		return clock_boot_ms();
	return clock_boot_ms() + (long long)((usec - now_usec) / 1000) + 1;
}

long long logind_deadline_ms(const struct logind *logind)
{
	long long bus;

	if (!logind)
		return 0;
	bus = logind->bus ? bus_deadline_ms(logind->bus) : 0;
	if (bus == 0 || logind->retry_ms == 0)
		return bus + logind->retry_ms;
	return bus < logind->retry_ms ? bus : logind->retry_ms;
}

static void try_again(struct logind *l)
{
	int rc;

	if (l->retry_ms == 0 || clock_boot_ms() < l->retry_ms)
		return;
	if (!l->bus) {
		connect_bus(l);
		return;
	}
	l->retry_ms = 0;
	rc = ask_inhibitor(l);
	if (rc < 0)
		lose_bus(l, rc);
}

bool logind_step(struct logind *logind)
{
	int rc = 1;

	if (!logind)
		return false;
	try_again(logind);
	/* What is left waits in sd-bus, whose deadline is then at once. */
	for (int i = 0;
	     i < BATCH_MAX && logind->bus && rc > 0 && !logind->must_wipe;
	     i++) {
		rc = sd_bus_process(logind->bus, NULL);
		if (rc < 0)
			lose_bus(logind, rc);
	}
	return logind->must_wipe;
}

void logind_wiped(struct logind *logind)
{
	logind->must_wipe = false;
	if (logind->is_asleep)
		release(logind);
}

const struct agent_measure *logind_measure(struct logind *logind)
{
	if (!logind || !logind->is_row_new)
		return NULL;
	logind->is_row_new = false;
	return &logind->row;
}
