/* Theory of operation
 *
 * One poll loop over: signals, the door's packets, the command that the agent
 * serves (if any), and whatever the running secret source needs.
 *
 * The vault is replaced (killed, and a fresh one forked) whenever its memory
 * must be forgotten: the door asks (lock, idle), SIGUSR1, the lifetime is
 * over, a fetch has failed half-way, it died.  Every vault has an intake pipe
 * of its own, so what a late writer still sends reaches nobody.
 *
 *   door: FETCH   -> source_start -> ... -> FETCHED (ok: the door commits)
 *                                        -> FETCHED (failed), new vault
 *   door: LOADED  -> the lifetime runs
 *   door: RENEW   -> new vault
 *   SIGTERM, SIGINT, the served command ends -> CLOSE to the door -> QUIT
 *   door: QUIT    -> all end
 *   door dies     -> all end; vault dies -> new vault, three a minute: all end
 */
#include "agent/launcher/launcher.h"

#include "agent/launcher/errands.h"
#include "agent/launcher/respawn.h"
#include "agent/launcher/roles.h"
#include "agent/launcher/state.h"
#include "agent/start/ready.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLOSING_MS 1000 /* for the door to write its last record */

enum launcher_slot {
	SLOT_SIGNALS,
	SLOT_DOOR,
	SLOT_WATCHED, /* LAUNCHER_WATCHED_MAX of them */
	SLOT_LOGIND = SLOT_WATCHED + LAUNCHER_WATCHED_MAX,
	SLOT_ASKING, /* and CHILD_POLL_MAX - 1 more */
	SLOT_SOURCE =
		SLOT_ASKING + CHILD_POLL_MAX, /* SOURCE_POLL_MAX of them */
	SLOT_COUNT = SLOT_SOURCE + SOURCE_POLL_MAX,
};

/* Ends the agent; a process that waits for its start will hear why. */
static void fail_start(struct launcher *l, int exit_status, const char *error)
{
	(void)snprintf(l->error, READY_ERROR_MAX, "%s", error);
	launcher_end(l, exit_status);
}

/* Also for a process that waits for the start. */
static void note_death(struct launcher *l, const char *role, int status)
{
	role_describe_death(role, status, l->error, READY_ERROR_MAX);
	log_error("%s", l->error);
}

static void note_door_death(struct launcher *l, int status)
{
	note_death(l, "door", status);
	launcher_end(l, role_exit_status(status));
}

/* A closed socket: it has died or is about to, and how is worth knowing. */
static void note_door_gone(struct launcher *l, int rc)
{
	if (rc == 0) {
		note_door_death(l, role_reap(&l->door));
		return;
	}
	log_error("door: %s", strerror(-rc));
	launcher_end(l, EXIT_FAILED);
}

static void begin_fetch(struct launcher *l)
{
	int rc = source_start(l->source);

	if (rc < 0) {
		struct fetch_outcome outcome = { .failure = SOURCE_FAILED };

		(void)snprintf(outcome.detail, sizeof(outcome.detail),
		               "the secret source cannot be started: %s",
		               strerror(-rc));
		rc = wire_send_outcome(l->door_socket, LAUNCHER_FETCHED,
		                       &outcome);
		if (rc < 0)
			launcher_end(l, EXIT_FAILED);
		return;
	}
	l->is_fetching = true;
}

static void step_source(struct launcher *l)
{
	struct fetch_outcome outcome;
	int rc = source_step(l->source, &outcome);

	if (rc == 0)
		return;
	l->is_fetching = false;
	if (rc < 0) {
		outcome = (struct fetch_outcome){ .failure = SOURCE_FAILED };
		(void)snprintf(outcome.detail, sizeof(outcome.detail),
		               "the secret source cannot be watched: %s",
		               strerror(-rc));
	}
	rc = wire_send_outcome(l->door_socket, LAUNCHER_FETCHED, &outcome);
	if (rc < 0) {
		launcher_end(l, EXIT_FAILED);
		return;
	}
	if (outcome.is_ok)
		return;

	if (l->is_prefetching) {
		fail_start(l, EXIT_SOURCE, outcome.detail);
	} else if (source_needs_renewal(l->source)) {
		roles_renew_vault(l, LOCK_ASKED);
	}
}

static void note_loaded(struct launcher *l)
{
	if (l->config->lifetime > 0) {
		l->lifetime_end_ms =
			clock_boot_ms() + 1000LL * l->config->lifetime;
	}
	if (l->is_prefetching) {
		l->is_prefetching = false;
		ready_tell(l->ready, EXIT_DONE, "");
	}
}

static void note_ready(struct launcher *l)
{
	if (!l->is_prefetching)
		ready_tell(l->ready, EXIT_DONE, "");
}

/* What the fetched secrets were refused for is the door's to say; a prefetch
 * ends there. */
static void note_renew(struct launcher *l, const struct fetch_outcome *why)
{
	if (l->is_prefetching) {
		fail_start(l, EXIT_SOURCE, why->detail);
		return;
	}
	roles_renew_vault(l, LOCK_ASKED);
}

static void take_packet(struct launcher *l)
{
	struct launcher_packet packet;
	int rc = wire_receive_launcher(l->door_socket, &packet);

	if (rc <= 0) {
		note_door_gone(l, rc);
		return;
	}
	switch (packet.type) {
	case LAUNCHER_FETCH:
		begin_fetch(l);
		break;
	case LAUNCHER_RENEW:
		roles_renew_vault(l, LOCK_ASKED);
		break;
	case LAUNCHER_REFUSED:
		note_renew(l, &packet.outcome);
		break;
	case LAUNCHER_LOADED:
		note_loaded(l);
		break;
	case LAUNCHER_READY:
		note_ready(l);
		break;
	case LAUNCHER_QUIT:
		launcher_end(l, EXIT_DONE);
		break;
	case LAUNCHER_ERRAND:
		if (errands_do(l, &packet.errand) < 0)
			launcher_end(l, EXIT_FAILED);
		break;
	case LAUNCHER_VAULT:
	case LAUNCHER_CANCELLED:
	case LAUNCHER_FETCHED:
	case LAUNCHER_ERRAND_DONE:
	case LAUNCHER_MEASURE:
	case LAUNCHER_CLOSE:
		log_error("door: a message that only the launcher sends");
		launcher_end(l, EXIT_FAILED);
		break;
	}
	if (packet.fd >= 0)
		(void)close(packet.fd);
}

/* The door writes the last record first. */
static void begin_closing(struct launcher *l)
{
	if (l->closing_end_ms > 0)
		return;
	if (wire_send_launcher(l->door_socket, LAUNCHER_CLOSE, -1) < 0)
		launcher_end(l, EXIT_DONE);
	l->closing_end_ms = clock_boot_ms() + CLOSING_MS;
}

/* Who asks twice does not want to wait for that. */
static void take_end_signal(struct launcher *l)
{
	if (l->closing_end_ms > 0) {
		launcher_end(l, EXIT_DONE);
	} else {
		begin_closing(l);
	}
}

/* The news of its end may come before all that it has said is heard; that it
 * was told to end is all that counts of it now. */
static void hear_last_words(struct launcher *l)
{
	struct launcher_packet packet;

	while (wire_receive_launcher(l->door_socket, &packet) == 1) {
		if (packet.type == LAUNCHER_QUIT)
			launcher_end(l, EXIT_DONE);
		if (packet.errand.fd >= 0)
			(void)close(packet.errand.fd);
	}
}

static void note_children(struct launcher *l)
{
	int status;

	if (role_has_died(&l->door, &status)) {
		hear_last_words(l);
		if (!l->is_ending)
			note_door_death(l, status);
	}
	if (!role_has_died(&l->vault, &status) || l->is_ending)
		return;

	note_death(l, "vault", status);
	if (*l->ready >= 0 || role_is_hopeless(status)) {
		launcher_end(l, role_exit_status(status));
	} else if (deaths_note(&l->vault_deaths, clock_boot_ms())) {
		log_error("vault: three deaths in a minute, the agent ends");
		launcher_end(l, role_exit_status(status));
	} else {
		roles_renew_vault(l, LOCK_DIED);
	}
}

static void take_signals(struct launcher *l)
{
	struct signalfd_siginfo info;

	while (read(l->signals, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			note_children(l);
			break;
		case SIGHUP:
			roles_reload(l);
			break;
		case SIGUSR1:
			roles_renew_vault(l, LOCK_SIGNAL);
			break;
		default: /* SIGTERM, SIGINT */
			take_end_signal(l);
			break;
		}
	}
}

/* The earlier of two deadlines, of which 0 is none. */
static long long earlier(long long a, long long b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* The lifetime and the source's own deadline, in poll's form. */
static int next_timeout(const struct launcher *l, int source_timeout_ms)
{
	long long now_ms = clock_boot_ms(), left;
	long long next = earlier(l->lifetime_end_ms, errands_deadline_ms(l));

	next = earlier(next, l->closing_end_ms);
	next = earlier(next, logind_deadline_ms(l->logind));
	if (next == 0)
		return source_timeout_ms;

	left = next > now_ms ? next - now_ms : 0;
	if (left > 60000) /* suspended time counts, and poll does not see it */
		left = 60000;
	return source_timeout_ms >= 0 && source_timeout_ms < left
	               ? source_timeout_ms
	               : (int)left;
}

static void step_logind(struct launcher *l)
{
	const struct agent_measure *measure;

	if (logind_step(l->logind)) {
		roles_renew_vault(l, LOCK_SLEEP);
		logind_wiped(l->logind);
	}
	measure = logind_measure(l->logind);
	if (!measure || l->is_ending)
		return;
	report_replace(l->start->report, measure);
	if (wire_send_measure(l->door_socket, measure) < 0)
		launcher_end(l, EXIT_FAILED);
}

/* Nobody will unlock it again for a job that has had its time. */
static void end_lifetime(struct launcher *l)
{
	if (l->start->is_job) {
		log_info("the lifetime is over, and the agent ends");
		l->lifetime_end_ms = 0;
		begin_closing(l);
	} else {
		roles_renew_vault(l, LOCK_LIFETIME);
	}
}

static void end_overdue(struct launcher *l)
{
	if (!l->is_ending && l->lifetime_end_ms > 0 &&
	    clock_boot_ms() >= l->lifetime_end_ms)
		end_lifetime(l);
	if (!l->is_ending && l->closing_end_ms > 0 &&
	    clock_boot_ms() >= l->closing_end_ms)
		launcher_end(l, EXIT_DONE);
}

static int turn(struct launcher *l)
{
	struct pollfd fds[SLOT_COUNT] = {
		[SLOT_SIGNALS] = { .fd = l->signals, .events = POLLIN },
		[SLOT_DOOR] = { .fd = l->door_socket, .events = POLLIN },
	};
	int timeout_ms = -1;
	size_t sources = source_poll(l->source, fds + SLOT_SOURCE, &timeout_ms);

	for (size_t i = 0; i < LAUNCHER_WATCHED_MAX; i++) {
		fds[SLOT_WATCHED + i] = (struct pollfd){
			.fd = l->closing_end_ms > 0 ? -1 : l->start->watched[i],
			.events = POLLIN,
		};
	}
	errands_poll(l, fds + SLOT_ASKING);
	logind_poll(l->logind, &fds[SLOT_LOGIND]);
	if (poll(fds, SLOT_SOURCE + sources, next_timeout(l, timeout_ms)) < 0 &&
	    errno != EINTR)
		return -errno;

	for (size_t i = 0; i < LAUNCHER_WATCHED_MAX; i++) {
		if (fds[SLOT_WATCHED + i].revents)
			begin_closing(l);
	}
	/* The door's last word comes before the news of its end. */
	if (fds[SLOT_DOOR].revents && !l->is_ending)
		take_packet(l);
	if (fds[SLOT_SIGNALS].revents && !l->is_ending)
		take_signals(l);
	if (!l->is_ending)
		errands_step(l);
	if (!l->is_ending)
		step_logind(l);
	if (!l->is_ending && (sources > 0 || timeout_ms >= 0))
		step_source(l);
	end_overdue(l);
	return 0;
}

static int open_signals(void)
{
	static const int taken[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM,
		                     SIGUSR1 };
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		(void)sigaddset(&set, taken[i]);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a limit on the log is an error */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Who wants no log says so. */
static void fail_audit(struct launcher *l)
{
	(void)snprintf(
		l->error, READY_ERROR_MAX,
		"audit log: %.280s: %.140s; name another file (audit = /PATH) "
		"or none (audit = none)",
		l->audit.path, l->audit.why);
	if (*l->ready < 0)
		log_error("%s", l->error);
	launcher_end(l, EXIT_FAILED);
}

static int start_all(struct launcher *l)
{
	l->signals = open_signals();
	if (l->signals < 0)
		return l->signals;
	if (audit_file_open(&l->audit, l->config) < 0) {
		fail_audit(l);
		return 0;
	}
	nix_store_init(&l->nix_store);
	logind_open(&l->logind, l->start->report);
	return roles_start(l, l->start->intake);
}

int launcher_run(const struct launcher_start *start,
                 const struct launcher_roles *roles,
                 /* NOLINTNEXTLINE(readability-non-const-parameter): filled in */
                 char ret_error[READY_ERROR_MAX])
{
	struct launcher l = {
		.start = start,
		.roles = roles,
		.config = start->config,
		.source = start->source,
		.door_socket = -1,
		.signals = -1,
		.ready = start->ready,
		.error = ret_error,
		.is_prefetching = start->is_prefetch,
	};
	int rc;

	audit_file_init(&l.audit);
	roles_apply_command_line(start, l.config);
	rc = start_all(&l);
	while (rc == 0 && !l.is_ending)
		rc = turn(&l);
	if (rc < 0) {
		log_error("launcher: %s", strerror(-rc));
		launcher_end(&l, EXIT_FAILED);
	}

	role_end(&l.vault);
	role_end(&l.door);
	errands_close(&l);
	logind_close(l.logind);
	source_close(l.source);
	config_free(l.config);
	if (l.door_socket >= 0)
		(void)close(l.door_socket);
	if (l.signals >= 0)
		(void)close(l.signals);
	return l.exit_status;
}
