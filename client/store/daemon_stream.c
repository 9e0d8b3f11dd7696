#include "client/store/daemon_state.h"
#include "protocol/base/text.h"
#include "protocol/nix/worker.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int daemon_fail(struct daemon_error *error, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): started */
	(void)vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return rc;
}

int daemon_stream_failed(struct daemon *daemon, int rc,
                         struct daemon_error *error)
{
	char complaint[CHANNEL_COMPLAINT_MAX];
	const char *what = strerrordesc_np(-rc);

	daemon->is_broken = true;
	channel_last_complaint(daemon->channel, complaint, sizeof(complaint));
	if (rc == -ECONNRESET && complaint[0] != '\0') {
		return daemon_fail(error, rc, "%s ended: %s", daemon->name,
		                   complaint);
	}
	if (rc == -ECONNRESET) {
		what = "it closed the connection";
	} else if (rc == -EBADMSG) {
		what = "its answer makes no sense";
	} else if (rc == -ETIMEDOUT) {
		what = "it does not answer";
	}
	return daemon_fail(error, rc, "%s: %s", daemon->name, what);
}

int daemon_check_usable(const struct daemon *daemon, struct daemon_error *error)
{
	if (!daemon->is_broken) {
		assert(!daemon->is_importing);
		return 0;
	}
	return daemon_fail(error, -ENOTCONN,
	                   "%s: the connection was given up after an error",
	                   daemon->name);
}

int daemon_check_base(const char *base, struct daemon_error *error)
{
	char printable[STORE_PATH_BASE_SIZE];

	if (store_path_base_is_valid(base, strlen(base)))
		return 0;
	text_printable(base, strlen(base), printable, sizeof(printable));
	return daemon_fail(error, -EINVAL, "%s: not a store path's name",
	                   printable);
}

/* The words of Nix's src/libstore/daemon.cc (wopAddSignatures, 2.4 to 2.16)
 * and local-store.cc (addToStore: "lacks a valid signature", since 2.19 "lacks
 * a signature by a trusted key"); there is no number to tell errors apart. */
static int classify(const char *what)
{
	if (strstr(what, "you are not privileged"))
		return -EPERM;
	if (strstr(what, "because it lacks a"))
		return -EKEYREJECTED;
	return -EREMOTEIO;
}

/* An error of the operation.  Most leave the connection usable, but those in
 * a request's arguments do not, and the two look the same. */
static int operation_failed(struct daemon *d, struct bytes text,
                            struct daemon_error *error)
{
	static const char prefix[] = "error: ";
	char printable[400];
	const char *what = printable;

	d->is_broken = true;
	text_printable((const char *)text.data, text.len, printable,
	               sizeof(printable));
	if (text_has_prefix(what, prefix))
		what += strlen(prefix);
	return daemon_fail(error, classify(what), "%s: %s", d->name, what);
}

/* 0 and the note's type, WORKER_MORE, or what failed, told. */
static int take_note(struct daemon *d, enum worker_note_type *ret_type,
                     struct daemon_error *error)
{
	struct worker_note note;
	size_t used;
	int rc;

	rc = worker_get_note(channel_received(d->channel), d->version, &used,
	                     &note);
	if (rc == WORKER_MORE)
		return WORKER_MORE;
	if (rc < 0)
		return daemon_stream_failed(d, rc, error);
	if (note.type == WORKER_NOTE_ERROR)
		return operation_failed(d, note.text, error);

	channel_take(d->channel, used);
	*ret_type = note.type;
	return 0;
}

int daemon_await_result(struct daemon *daemon, struct daemon_error *error)
{
	enum worker_note_type type = WORKER_NOTE_OTHER;

	while (type != WORKER_NOTE_LAST) {
		int rc = take_note(daemon, &type, error);

		if (rc < 0)
			return rc;
		if (rc != WORKER_MORE)
			continue;
		rc = channel_step(daemon->channel);
		if (rc < 0)
			return daemon_stream_failed(daemon, rc, error);
	}
	return 0;
}

int daemon_hear_notes(struct daemon *daemon, struct daemon_error *error)
{
	for (;;) {
		enum worker_note_type type = WORKER_NOTE_OTHER;
		int rc = take_note(daemon, &type, error);

		if (rc != 0)
			return rc == WORKER_MORE ? 0 : rc;
		if (type == WORKER_NOTE_LAST)
			return daemon_stream_failed(daemon, -EBADMSG, error);
	}
}
