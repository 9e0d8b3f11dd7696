#include "client/store/daemon_state.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/text.h"
#include "protocol/nix/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAEMON_PROGRAM "nix-daemon"

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
		return daemon_fail(
			error, rc,
			"%s speaks protocol %u.%u; 1.%u (Nix 2.4) or newer "
			"is needed",
			d->name, (unsigned)(d->version >> 8),
			(unsigned)(d->version & 0xff),
			WORKER_VERSION_MIN & 0xff);
	}
	if (rc < 0)
		return daemon_stream_failed(d, rc, error);

	channel_take(d->channel, used);
	worker_put_setup(channel_queue(d->channel));
	rc = worker_get_welcome(channel_received(d->channel), d->version, &used,
	                        &d->trust);
	while (rc == WORKER_MORE) {
		rc = channel_step(d->channel);
		if (rc == 0) {
			rc = worker_get_welcome(channel_received(d->channel),
			                        d->version, &used, &d->trust);
		}
	}
	if (rc < 0)
		return daemon_stream_failed(d, rc, error);

	channel_take(d->channel, used);
	return daemon_await_result(d, error);
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
		return daemon_fail(
			error, rc,
			"%s: permission denied; join group nix-users, or "
			"whichever may use the Nix daemon here",
			d->name);
	}
	if (rc < 0) {
		return daemon_fail(error, rc, "%s: %s", d->name,
		                   strerrordesc_np(-rc));
	}
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
		return daemon_fail(error, -ENOMEM, "nix-daemon: out of memory");

	(void)snprintf(d->name, sizeof(d->name), DAEMON_PROGRAM " --stdio");
	rc = channel_spawn(argv, &d->channel);
	if (rc < 0) {
		return daemon_fail(error, rc, "%s: %s", d->name,
		                   strerrordesc_np(-rc));
	}
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
		return daemon_fail(error, -errno, "store %s: %s", printable,
		                   strerrordesc_np(errno));
	}

	len = snprintf(d->physical_dir, sizeof(d->physical_dir), "%s%s",
	               strcmp(real, "/") == 0 ? "" : real, d->store_dir);
	if (len < 0 || (size_t)len >= sizeof(d->physical_dir)) {
		return daemon_fail(error, -ENAMETOOLONG,
		                   "store %s: name too long", printable);
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
		return daemon_fail(error, -EINVAL,
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
	return daemon_fail(
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
		return daemon_fail(error, -ENOMEM, "nix daemon: out of memory");
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
