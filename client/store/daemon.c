#include "client/store/daemon.h"

#include "client/store/channel.h"
#include "client/store/target.h"
#include "client/store/worker.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define DAEMON_PROGRAM "nix-daemon"

/* Questions on their way at once.  A daemon answers them in order; two
 * hundred are a round trip's worth and fit any socket buffer. */
#define IN_FLIGHT_MAX 200

struct daemon {
	struct channel *channel;
	uint64_t version;
	bool is_broken; /* after an error nothing says what comes next */
	char name[160]; /* how errors call it; printable */
	char store_dir[STORE_DIR_MAX + 1];
	char physical_dir[PATH_MAX];
};

enum question {
	QUESTION_INFO,
	QUESTION_TEMP_ROOT,
};

void daemon_close(struct daemon *daemon)
{
	if (!daemon)
		return;
	channel_close(daemon->channel);
	free(daemon);
}

static void daemon_close_at(struct daemon **slot)
{
	daemon_close(*slot);
}

const char *daemon_store_dir(const struct daemon *daemon)
{
	return daemon->store_dir;
}

const char *daemon_physical_dir(const struct daemon *daemon)
{
	return daemon->physical_dir;
}

printf_like(3, 4) static int fail(struct daemon_error *error, int rc,
                                  const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return rc;
}

/* The stream failed or made no sense: say how, and never use it again. */
static int stream_failed(struct daemon *d, int rc, struct daemon_error *error)
{
	char complaint[CHANNEL_COMPLAINT_MAX];
	const char *what = strerrordesc_np(-rc);

	d->is_broken = true;
	channel_last_complaint(d->channel, complaint, sizeof(complaint));
	if (rc == -ECONNRESET && complaint[0] != '\0')
		return fail(error, rc, "%s ended: %s", d->name, complaint);
	if (rc == -ECONNRESET) {
		what = "it closed the connection";
	} else if (rc == -EBADMSG) {
		what = "its answer makes no sense";
	} else if (rc == -ETIMEDOUT) {
		what = "it does not answer";
	}
	return fail(error, rc, "%s: %s", d->name, what);
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
	return fail(error, -EREMOTEIO, "%s: %s", d->name, what);
}

/* Reads notes until the one that says that a result follows. */
static int await_result(struct daemon *d, struct daemon_error *error)
{
	for (;;) {
		struct worker_note note;
		size_t used;
		int rc;

		rc = worker_get_note(channel_received(d->channel), d->version,
		                     &used, &note);
		if (rc == WORKER_MORE) {
			rc = channel_step(d->channel);
			if (rc == 0)
				continue;
		}
		if (rc < 0)
			return stream_failed(d, rc, error);
		if (note.type == WORKER_NOTE_ERROR)
			return operation_failed(d, note.text, error);

		channel_take(d->channel, used);
		if (note.type == WORKER_NOTE_LAST)
			return 0;
	}
}

static int get_answer(struct daemon *d, enum question question, size_t *used,
                      struct path_info *info)
{
	struct bytes in = channel_received(d->channel);

	switch (question) {
	case QUESTION_INFO:
		return worker_get_path_info(in, d->store_dir, used, info);
	case QUESTION_TEMP_ROOT:
		return worker_get_done(in, used);
	}
	return -EINVAL;
}

/* 0, also for a path that is not valid (info stays empty), or -errno. */
static int await_answer(struct daemon *d, enum question question,
                        const char *base, struct path_info *info,
                        struct daemon_error *error)
{
	size_t used;
	int rc;

	rc = await_result(d, error);
	if (rc < 0)
		return rc;

	rc = get_answer(d, question, &used, info);
	while (rc == WORKER_MORE) {
		rc = channel_step(d->channel);
		if (rc == 0)
			rc = get_answer(d, question, &used, info);
	}
	if (rc < 0)
		return stream_failed(d, rc, error);

	channel_take(d->channel, used);
	if (rc == 0 && question == QUESTION_INFO)
		memcpy(info->base, base, strlen(base) + 1);
	return 0;
}

static void ask(struct daemon *d, enum question question, const char *base)
{
	struct buffer *out = channel_queue(d->channel);

	switch (question) {
	case QUESTION_INFO:
		worker_put_query_info(out, d->store_dir, base);
		break;
	case QUESTION_TEMP_ROOT:
		worker_put_add_temp_root(out, d->store_dir, base);
		break;
	}
}

/* A malformed path makes the daemon drop the connection: none is sent. */
static int check_bases(const struct daemon *d, const struct strings *bases,
                       struct daemon_error *error)
{
	if (d->is_broken) {
		return fail(error, -ENOTCONN,
		            "%s: the connection was given up after an error",
		            d->name);
	}

	for (size_t i = 0; i < bases->count; i++) {
		const char *base = bases->items[i];
		char printable[STORE_PATH_BASE_SIZE];

		if (store_path_base_is_valid(base, strlen(base)))
			continue;
		text_printable(base, strlen(base), printable,
		               sizeof(printable));
		return fail(error, -EINVAL, "%s: not a store path's name",
		            printable);
	}
	return 0;
}

/* infos is NULL for questions that have no answer but "done". */
static int ask_all(struct daemon *d, enum question question,
                   const struct strings *bases, struct path_info *infos,
                   struct daemon_error *error)
{
	size_t asked = 0;
	int rc;

	rc = check_bases(d, bases, error);
	for (size_t i = 0; rc == 0 && i < bases->count; i++) {
		while (asked < bases->count && asked - i < IN_FLIGHT_MAX)
			ask(d, question, bases->items[asked++]);
		rc = await_answer(d, question, bases->items[i],
		                  infos ? &infos[i] : NULL, error);
	}
	return rc;
}

int daemon_query_infos(struct daemon *daemon, const struct strings *bases,
                       struct path_info *ret_infos, struct daemon_error *error)
{
	int rc;

	for (size_t i = 0; i < bases->count; i++)
		ret_infos[i] = (struct path_info){ .nar_size = 0 };

	rc = ask_all(daemon, QUESTION_INFO, bases, ret_infos, error);
	for (size_t i = 0; rc < 0 && i < bases->count; i++)
		path_info_clear(&ret_infos[i]);
	return rc;
}

int daemon_add_temp_roots(struct daemon *daemon, const struct strings *bases,
                          struct daemon_error *error)
{
	return ask_all(daemon, QUESTION_TEMP_ROOT, bases, NULL, error);
}

static int greet(struct daemon *d, struct daemon_error *error)
{
	size_t used = 0;
	int rc;

	worker_put_hello(channel_queue(d->channel));
	do {
		rc = channel_step(d->channel);
		if (rc == 0) {
			rc = worker_get_hello(channel_received(d->channel),
			                      &used, &d->version);
		}
	} while (rc == WORKER_MORE);
	if (rc == -EPROTONOSUPPORT) {
		return fail(error, rc,
		            "%s speaks protocol %u.%u; 1.%u (Nix 2.4) or newer "
		            "is needed",
		            d->name, (unsigned)(d->version >> 8),
		            (unsigned)(d->version & 0xff),
		            WORKER_VERSION_MIN & 0xff);
	}
	if (rc < 0)
		return stream_failed(d, rc, error);

	channel_take(d->channel, used);
	worker_put_setup(channel_queue(d->channel));
	rc = worker_get_welcome(channel_received(d->channel), d->version,
	                        &used);
	while (rc == WORKER_MORE) {
		rc = channel_step(d->channel);
		if (rc == 0) {
			rc = worker_get_welcome(channel_received(d->channel),
			                        d->version, &used);
		}
	}
	if (rc < 0)
		return stream_failed(d, rc, error);

	channel_take(d->channel, used);
	return await_result(d, error);
}

static int connect_socket(struct daemon *d, const char *path,
                          struct daemon_error *error)
{
	char printable[sizeof(d->name)];
	int rc;

	text_printable(path, strlen(path), printable, sizeof(printable));
	(void)snprintf(d->name, sizeof(d->name), "nix daemon at %.*s",
	               (int)sizeof(d->name) - 32, printable);
	rc = channel_connect(path, &d->channel);
	if (rc == -EACCES) {
		return fail(error, rc,
		            "%s: permission denied; join group nix-users, or "
		            "whichever may use the Nix daemon here",
		            d->name);
	}
	if (rc < 0)
		return fail(error, rc, "%s: %s", d->name, strerrordesc_np(-rc));
	return 0;
}

/* store is NULL for what nix-daemon itself finds right. */
static int spawn(struct daemon *d, const char *store,
                 struct daemon_error *error)
{
	char program[] = DAEMON_PROGRAM, stdio[] = "--stdio";
	char option[] = "--store";
	cleanup_free char *copy = store ? strdup(store) : NULL;
	char *argv[] = { program, stdio, copy ? option : NULL, copy, NULL };
	int rc;

	if (store && !copy)
		return fail(error, -ENOMEM, "nix-daemon: out of memory");

	(void)snprintf(d->name, sizeof(d->name), DAEMON_PROGRAM " --stdio");
	rc = channel_spawn(argv, &d->channel);
	if (rc < 0)
		return fail(error, rc, "%s: %s", d->name, strerrordesc_np(-rc));
	return 0;
}

/* The root without symbolic links, so that paths can be compared with it. */
static int open_root(struct daemon *d, const char *root,
                     struct daemon_error *error)
{
	cleanup_free char *real = realpath(root, NULL);
	char printable[200];
	int len;

	text_printable(root, strlen(root), printable, sizeof(printable));
	if (!real) {
		return fail(error, -errno, "store %s: %s", printable,
		            strerrordesc_np(errno));
	}

	len = snprintf(d->physical_dir, sizeof(d->physical_dir), "%s%s",
	               strcmp(real, "/") == 0 ? "" : real, d->store_dir);
	if (len < 0 || (size_t)len >= sizeof(d->physical_dir)) {
		return fail(error, -ENAMETOOLONG, "store %s: name too long",
		            printable);
	}
	return spawn(d, real, error);
}

static int open_target(struct daemon *d, const struct target *target,
                       struct daemon_error *error)
{
	int rc;

	switch (target->kind) {
	case TARGET_AUTO:
		rc = connect_socket(d, target->path, error);
		if (rc == -ENOENT || rc == -ECONNREFUSED || rc == -ENOTDIR)
			return spawn(d, NULL, error);
		return rc;
	case TARGET_SOCKET:
		return connect_socket(d, target->path, error);
	case TARGET_LOCAL:
		return spawn(d, "local", error);
	case TARGET_ROOT:
		return open_root(d, target->path, error);
	}
	return -EINVAL;
}

/* A store directory other than /nix/store is Nix's own NIX_STORE_DIR. */
static int set_store_dir(struct daemon *d, struct daemon_error *error)
{
	const char *dir = getenv("NIX_STORE_DIR");

	if (!dir || dir[0] == '\0')
		dir = STORE_DIR_DEFAULT;
	if (!store_dir_is_valid(dir, strlen(dir))) {
		return fail(error, -EINVAL,
		            "NIX_STORE_DIR: not an absolute directory");
	}
	memcpy(d->store_dir, dir, strlen(dir) + 1);
	memcpy(d->physical_dir, dir, strlen(dir) + 1);
	return 0;
}

static int find_target(const char *store, struct target *ret_target,
                       struct daemon_error *error)
{
	char default_socket[TARGET_PATH_SIZE];
	const char *text = store ? store : getenv("NIX_REMOTE");
	char printable[200];
	int rc;

	rc = target_default_socket(default_socket);
	if (rc == 0)
		rc = target_parse(text ? text : "", default_socket, ret_target);
	if (rc == 0)
		return 0;

	text_printable(text ? text : "", text ? strlen(text) : 0, printable,
	               sizeof(printable));
	return fail(
		error, rc,
		"%s %s: not \"auto\", \"daemon\", \"local\", unix://PATH or "
		"an absolute directory",
		store ? "store" : "NIX_REMOTE", printable);
}

int daemon_open(const char *store, struct daemon **ret_daemon,
                struct daemon_error *error)
{
	__attribute__((__cleanup__(daemon_close_at))) struct daemon *d = NULL;
	struct target target;
	int rc;

	rc = find_target(store, &target, error);
	if (rc < 0)
		return rc;

	d = calloc(1, sizeof(*d));
	if (!d)
		return fail(error, -ENOMEM, "nix daemon: out of memory");
	rc = set_store_dir(d, error);
	if (rc == 0)
		rc = open_target(d, &target, error);
	if (rc == 0)
		rc = greet(d, error);
	if (rc < 0)
		return rc;

	*ret_daemon = take_ptr(d);
	return 0;
}
