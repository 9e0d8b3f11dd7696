#include "agent/launcher/nix_store.h"

#include "agent/launcher/spawn.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/env.h"
#include "protocol/base/fd.h"
#include "protocol/base/program.h"
#include "protocol/base/text.h"
#include "protocol/nix/target.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define DAEMON     "nix-daemon"
#define SHOWN_SIZE 256

/* Returns false. */
printf_like(2, 3) static bool fail(struct errand *done, const char *format, ...)
{
	va_list args;

	done->end = ERRAND_FAILED;
	va_start(args, format);
	(void)vsnprintf(done->text, sizeof(done->text), format, args);
	va_end(args);
	return false;
}

void nix_store_init(struct nix_store *store)
{
	static const char *const usual[] = {
		"/nix/var/nix/profiles/default/bin/" DAEMON,
		"/run/current-system/sw/bin/" DAEMON,
	};

	*store = (struct nix_store){ .program = NULL };
	if (program_find(DAEMON, &store->program) == 0)
		return;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		if (!store->program && access(usual[i], X_OK) == 0)
			store->program = strdup(usual[i]);
	}
}

void nix_store_reap(struct nix_store *store)
{
	for (size_t i = 0; i < NIX_STORE_CHILDREN; i++) {
		pid_t pid = store->children[i];

		if (pid > 0 && waitpid(pid, NULL, WNOHANG) != 0)
			store->children[i] = 0;
	}
}

static void kill_children(const struct nix_store *store)
{
	for (size_t i = 0; i < NIX_STORE_CHILDREN; i++) {
		if (store->children[i] > 0)
			(void)kill(-store->children[i], SIGKILL);
	}
}

void nix_store_close(struct nix_store *store)
{
	kill_children(store);
	nix_store_reap(store);
	free(store->program);
	*store = (struct nix_store){ .program = NULL };
}

/* Where a child can be noted.  The door leaves one before it wants another, so
 * those that fill the place hang. */
static pid_t *find_place(struct nix_store *store)
{
	nix_store_reap(store);
	for (size_t i = 0; i < NIX_STORE_CHILDREN; i++) {
		if (store->children[i] == 0)
			return &store->children[i];
	}
	kill_children(store);
	return NULL;
}

/* Standard input and output are the stream. */
static int start_daemon(const char *program, const char *store_text, int stream,
                        pid_t *ret_pid)
{
	const char *const argv[] = { DAEMON, "--stdio",
		                     store_text ? "--store" : NULL, store_text,
		                     NULL };
	struct env env;

	env_init_child(&env);
	env_add_nix(&env);
	return spawn_run(&(struct spawn_start){ .path = program,
	                                        .argv = argv,
	                                        .envp = env.entries,
	                                        .in = stream,
	                                        .out = stream,
	                                        .err = -1,
	                                        .input = -1 },
	                 ret_pid);
}

/* The program may have been replaced since the start. */
static bool is_safe(const struct nix_store *store, struct errand *done)
{
	char why[SHOWN_SIZE] = "";
	int rc;

	if (!store->program) {
		return fail(done, "no daemon listens, and " DAEMON
		                  " was not in PATH when the agent started");
	}
	rc = program_check(store->program, why, sizeof(why));
	if (rc < 0)
		(void)snprintf(why, sizeof(why), "%s", strerror(-rc));
	return rc == PROGRAM_OK || fail(done, DAEMON " is not run: %s", why);
}

/* A socket pair: the door sends and receives on one descriptor.  (Only a
 * daemon that stands before another one wants pipes, to splice them; NIX_REMOTE
 * is not passed on.)  store_text is NULL for what nix-daemon finds right. */
static void run_daemon(struct nix_store *store, const char *store_text,
                       struct errand *done)
{
	cleanup_close int ours = -1, theirs = -1;
	pid_t *place = find_place(store);
	int pair[2], rc;

	if (!is_safe(store, done))
		return;
	if (!place) {
		(void)fail(done, "earlier runs of " DAEMON " do not end");
		return;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		(void)fail(done, "socketpair: %s", strerror(errno));
		return;
	}
	ours = pair[0];
	theirs = pair[1];
	rc = fd_set_nonblocking(ours);
	if (rc == 0)
		rc = start_daemon(store->program, store_text, theirs, place);
	if (rc < 0) {
		*place = 0;
		(void)fail(done, DAEMON ": %s", strerror(-rc));
		return;
	}
	done->fd = take_fd(&ours);
}

/* 0 or -errno.  A listener with too many waiting is -EAGAIN: we cannot. */
static int connect_socket(const char *path, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

static void fail_socket(const char *path, int rc, struct errand *done)
{
	char shown[SHOWN_SIZE];

	text_printable(path, strlen(path), shown, sizeof(shown));
	if (rc == -EAGAIN) {
		(void)fail(done, "%s: too many wait for this daemon; try again",
		           shown);
	} else if (rc == -EACCES) {
		(void)fail(done, "%s: this user may not use the Nix daemon",
		           shown);
	} else {
		(void)fail(done, "%s: %s", shown, strerror(-rc));
	}
}

static void run_root(struct nix_store *store, const char *root,
                     struct errand *done)
{
	cleanup_free char *real = realpath(root, NULL);
	char shown[SHOWN_SIZE];
	int error = errno;

	if (real) {
		run_daemon(store, real, done);
		return;
	}
	text_printable(root, strlen(root), shown, sizeof(shown));
	(void)fail(done, "%s: %s", shown, strerror(error));
}

static bool is_nobody_there(int rc)
{
	return rc == -ENOENT || rc == -ECONNREFUSED || rc == -ENOTDIR;
}

static void open_target(struct nix_store *store, const struct target *target,
                        struct errand *done)
{
	int rc = 0;

	switch (target->kind) {
	case TARGET_AUTO:
	case TARGET_SOCKET:
		rc = connect_socket(target->path, &done->fd);
		break;
	case TARGET_LOCAL:
		run_daemon(store, "local", done);
		return;
	case TARGET_ROOT:
		run_root(store, target->path, done);
		return;
	}
	if (target->kind == TARGET_AUTO && is_nobody_there(rc)) {
		run_daemon(store, NULL, done);
	} else if (rc < 0) {
		fail_socket(target->path, rc, done);
	}
}

void nix_store_open(struct nix_store *store, const char *configured,
                    struct errand *ret_done)
{
	const char *remote = env_find("NIX_REMOTE");
	bool is_auto = !configured || strcmp(configured, "auto") == 0;
	const char *text = is_auto ? remote : configured;
	char usual[TARGET_PATH_SIZE];
	char shown[SHOWN_SIZE];
	struct target target;
	int rc = target_default_socket(usual);

	ret_done->end = ERRAND_DONE;
	if (rc == 0)
		rc = target_parse(text ? text : "", usual, &target);
	if (rc == 0) {
		open_target(store, &target, ret_done);
		return;
	}
	text_printable(text ? text : "", text ? strlen(text) : 0, shown,
	               sizeof(shown));
	(void)fail(ret_done,
	           "NIX_REMOTE is %s, which is no store that can be "
	           "asked; set nix-store in [agent]",
	           shown);
}
