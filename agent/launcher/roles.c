#include "agent/launcher/roles.h"

#include "agent/launcher/errands.h"
#include "agent/start/job.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void roles_apply_command_line(const struct launcher_start *start,
                              struct config *config)
{
	if (start->is_job && !config->is_lifetime_said)
		config->lifetime = JOB_LIFETIME;
	if (start->has_lifetime)
		config->lifetime = start->lifetime;
	if (start->has_idle)
		config->idle = start->idle;
	config->is_weak_memory_allowed = start->is_weak_memory_allowed;
}

/* Forks a vault around an intake pipe and hands its socket to the door. */
static int start_vault(struct launcher *l, int owned_intake,
                       enum lock_reason reason)
{
	cleanup_close int intake = owned_intake;
	cleanup_close int ours = -1, theirs = -1;
	int pair[2];
	int rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];

	const struct role_start start = {
		.config = l->config,
		.report = l->start->report,
		.launcher_pid = getpid(),
		.intake = intake,
		.door = theirs,
		.launcher = -1,
	};
	rc = role_fork(&l->vault, l->roles->vault, &start);
	if (rc < 0)
		return rc;
	rc = wire_send_vault(l->door_socket, reason, ours);
	if (rc < 0 || !l->is_prefetching)
		return rc;
	/* The start is told when this is done: also after a wipe meanwhile. */
	return wire_send_launcher(l->door_socket, LAUNCHER_FETCH, -1);
}

static int start_door(struct launcher *l)
{
	cleanup_close int ours = -1, theirs = -1;
	int pair[2];
	int rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];

	const struct role_start start = {
		.config = l->config,
		.report = l->start->report,
		.launcher_pid = getpid(),
		.launcher = theirs,
		.listeners = l->start->listeners,
		.listener_count = l->start->listener_count,
		.audit = audit_file_start(&l->audit, l->config),
		.intake = -1,
		.door = -1,
	};
	rc = role_fork(&l->door, l->roles->door, &start);
	if (rc < 0)
		return rc;
	l->door_socket = take_fd(&ours);
	return 0;
}

int roles_start(struct launcher *l, int owned_intake)
{
	cleanup_close int intake = owned_intake;
	int rc;

	rc = start_door(l);
	return rc < 0 ? rc : start_vault(l, take_fd(&intake), LOCK_ASKED);
}

void roles_renew_vault(struct launcher *l, enum lock_reason reason)
{
	cleanup_close int intake = -1;
	int rc;

	role_end(&l->vault);
	l->lifetime_end_ms = 0;
	rc = source_renew(l->source, &intake);
	if (rc == 0 && l->is_fetching)
		rc = wire_send_launcher(l->door_socket, LAUNCHER_CANCELLED, -1);
	l->is_fetching = false;
	if (rc == 0)
		rc = start_vault(l, take_fd(&intake), reason);
	if (rc < 0) {
		log_error("vault: start: %s", strerror(-rc));
		launcher_end(l, EXIT_FAILED);
	}
}

void roles_reload(struct launcher *l)
{
	struct config *config = NULL;
	struct source *source = NULL;
	char why[WIRE_DETAIL_MAX];
	int intake = -1;
	int rc;

	rc = config_load(l->start->config_path, &config, why, sizeof(why));
	if (rc == 0) {
		roles_apply_command_line(l->start, config);
		rc = source_open(config, &source, &intake, why, sizeof(why));
	}
	if (rc != 0) {
		log_error("configuration kept: %s", why);
		config_free(config);
		roles_renew_vault(l, LOCK_SIGNAL);
		return;
	}

	role_end(&l->door);
	role_end(&l->vault);
	errands_forget(l);
	(void)close(l->door_socket);
	l->door_socket = -1;
	source_pass_token(l->source, source);
	source_close(l->source);
	config_free(l->config);
	l->config = config;
	l->source = source;
	l->lifetime_end_ms = 0;
	l->is_fetching = false;

	/* Without a log the agent goes on, and refuses what must be logged. */
	if (audit_file_open(&l->audit, config) < 0)
		log_error("audit log: %s: %s", l->audit.path, l->audit.why);
	rc = roles_start(l, intake);
	if (rc < 0) {
		log_error("reload: %s", strerror(-rc));
		launcher_end(l, EXIT_FAILED);
	}
}
