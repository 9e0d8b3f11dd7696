/* fake_logind - a stand-in for logind on the bus of DBUS_SYSTEM_BUS_ADDRESS
 *
 * Does what it reads on standard input, one word a line, and says on standard
 * output what happened to it:
 *
 *   sleep PID, wake   PrepareForSleep(true), (false); PID is looked for when
 *                     the next inhibitor is released
 *   lock UID          Lock of a session of that user
 *   lock-unknown      Lock of a session that nobody knows any more
 *
 *   ready             it has its name on the bus
 *   inhibited WHAT MODE; released too-early (PID was there still); released
 *   asked             for the user of a session
 */
#include "protocol/base/cleanup.h"

#include <systemd/sd-bus.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOGIND         "org.freedesktop.login1"
#define LOGIND_PATH    "/org/freedesktop/login1"
#define SESSIONS       LOGIND_PATH "/session"
#define INHIBITORS_MAX 8

enum slot {
	SLOT_BUS,
	SLOT_INPUT,
	SLOT_INHIBITORS,
	SLOT_COUNT = SLOT_INHIBITORS + INHIBITORS_MAX,
};

struct logind {
	sd_bus *bus;
	/* The read ends: hung up when the holder has closed all of the
	 * other. */
	int inhibitors[INHIBITORS_MAX];
	uint32_t session_uid;
	pid_t expected_gone;
};

static void say(const char *what, const char *more)
{
	(void)printf("%s%s\n", what, more);
	(void)fflush(stdout);
}

static int on_inhibit(struct logind *l, sd_bus_message *call)
{
	const char *what, *who, *why, *mode;
	char text[128];
	int ends[2], rc;

	rc = sd_bus_message_read(call, "ssss", &what, &who, &why, &mode);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < INHIBITORS_MAX; i++) {
		if (l->inhibitors[i] >= 0)
			continue;
		if (pipe2(ends, O_CLOEXEC) < 0)
			return -errno;
		l->inhibitors[i] = ends[0];
		(void)snprintf(text, sizeof(text), " %s %s", what, mode);
		say("inhibited", text);
		rc = sd_bus_reply_method_return(call, "h", ends[1]);
		(void)close(ends[1]);
		return rc;
	}
	return -ENOSPC;
}

static int on_get(const struct logind *l, sd_bus_message *call)
{
	const char *path = sd_bus_message_get_path(call);

	say("asked", "");
	if (strcmp(path, SESSIONS "/lost") == 0) {
		return sd_bus_reply_method_errorf(
			call, "org.freedesktop.DBus.Error.UnknownObject",
			"no such session");
	}
	return sd_bus_reply_method_return(call, "v", "(uo)", l->session_uid,
	                                  LOGIND_PATH "/user");
}

/* One filter for all: the calls that matter are two. */
static int on_message(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct logind *l = userdata;

	(void)error;
	if (sd_bus_message_is_method_call(call, LOGIND ".Manager", "Inhibit"))
		return on_inhibit(l, call) < 0 ? -EIO : 1;
	if (sd_bus_message_is_method_call(
		    call, "org.freedesktop.DBus.Properties", "Get"))
		return on_get(l, call) < 0 ? -EIO : 1;
	return 0;
}

/* Dead and not yet waited for is gone. */
static int is_there(pid_t pid)
{
	char path[64], state = 'X';
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote it */
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 'X';
	(void)fclose(file);
	return state != 'X' && state != 'Z';
}

static int lock_session(sd_bus *bus, const char *path)
{
	return sd_bus_emit_signal(bus, path, LOGIND ".Session", "Lock", "");
}

static int obey(struct logind *l, const char *line)
{
	unsigned uid;
	int is_sleep;

	/* NOLINTNEXTLINE(cert-err34-c): a test wrote it */
	is_sleep = sscanf(line, "sleep %d", &l->expected_gone) == 1;
	if (is_sleep || strcmp(line, "wake") == 0) {
		return sd_bus_emit_signal(l->bus, LOGIND_PATH,
		                          LOGIND ".Manager", "PrepareForSleep",
		                          "b", is_sleep);
	}
	if (strcmp(line, "lock-unknown") == 0)
		return lock_session(l->bus, SESSIONS "/lost");
	/* NOLINTNEXTLINE(cert-err34-c): a test wrote it */
	if (sscanf(line, "lock %u", &uid) == 1) {
		l->session_uid = uid;
		return lock_session(l->bus, SESSIONS "/known");
	}
	return -EINVAL;
}

static int note_releases(struct logind *l, const struct pollfd *fds)
{
	for (size_t i = 0; i < INHIBITORS_MAX; i++) {
		if (l->inhibitors[i] < 0 || !fds[i].revents)
			continue;
		(void)close(l->inhibitors[i]);
		l->inhibitors[i] = -1;
		say("released",
		    l->expected_gone > 0 && is_there(l->expected_gone)
		            ? " too-early"
		            : "");
	}
	return 0;
}

static int turn(struct logind *l)
{
	struct pollfd fds[SLOT_COUNT] = {
		[SLOT_BUS] = { .fd = sd_bus_get_fd(l->bus), .events = POLLIN },
		[SLOT_INPUT] = { .fd = STDIN_FILENO, .events = POLLIN },
	};
	int rc;

	do {
		rc = sd_bus_process(l->bus, NULL);
	} while (rc > 0);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < INHIBITORS_MAX; i++)
		fds[SLOT_INHIBITORS + i].fd = l->inhibitors[i];
	if (poll(fds, SLOT_COUNT, -1) < 0)
		return -errno;

	if (fds[SLOT_INPUT].revents) {
		char line[64];

		if (!fgets(line, sizeof(line), stdin))
			return -EPIPE;
		line[strcspn(line, "\n")] = '\0';
		rc = obey(l, line);
	}
	return rc < 0 ? rc : note_releases(l, fds + SLOT_INHIBITORS);
}

int main(void)
{
	struct logind l = { .bus = NULL };
	int rc = sd_bus_open_system(&l.bus);

	(void)setvbuf(stdin, NULL, _IONBF, 0);
	for (size_t i = 0; i < INHIBITORS_MAX; i++)
		l.inhibitors[i] = -1;
	if (rc >= 0)
		rc = sd_bus_add_filter(l.bus, NULL, on_message, &l);
	if (rc >= 0)
		rc = sd_bus_request_name(l.bus, LOGIND, 0);
	if (rc >= 0)
		say("ready", "");
	while (rc >= 0)
		rc = turn(&l);
	(void)sd_bus_close_unref(l.bus);
	return rc == -EPIPE ? 0 : 1;
}
