/* main.c - nixcache-agent: from the command line to the three processes */
#include "agent/config.h"
#include "agent/door/door.h"
#include "agent/launcher/launcher.h"
#include "agent/options.h"
#include "agent/seal/landlock_domain.h"
#include "agent/seal/seal.h"
#include "agent/seal/surroundings.h"
#include "agent/start/announce.h"
#include "agent/start/ask.h"
#include "agent/start/confine.h"
#include "agent/start/detach.h"
#include "agent/start/job.h"
#include "agent/start/kill.h"
#include "agent/start/selfexec.h"
#include "agent/start/sockets.h"
#include "agent/vault/vault.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All that is made before the split, in the order it is made. */
struct agent {
	struct options options;
	struct report report;
	struct config *config;
	struct source *source;
	int intake;
	struct sockets sockets;
	bool is_activated; /* the service manager made the sockets */
	pid_t starter;     /* of the command that is served */
	struct job job;    /* ends the agent with it */
};

static int run_door(const struct role_start *start)
{
	const struct door_start door = {
		.config = start->config,
		.launcher_report = start->report,
		.launcher_pid = start->launcher_pid,
		.launcher = start->launcher,
		.listeners = start->listeners,
		.listener_count = start->listener_count,
		.audit = start->audit,
	};

	return door_run(&door);
}

static int run_vault(const struct role_start *start)
{
	const struct vault_start vault = {
		.config = start->config,
		.door = start->door,
		.intake = start->intake,
		.parent = start->launcher_pid,
	};

	return vault_run(&vault);
}

_Noreturn static void die(int exit_status, const char *why)
{
	log_error("%s", why);
	exit(exit_status);
}

static bool is_allowed(const struct options *options, int danger)
{
	return danger == SEAL_TRACED ? options->allow_weak_trace
	                             : options->allow_weak_namespace;
}

static void check_environment(struct agent *agent)
{
	char why[WIRE_DETAIL_MAX];
	int rc = seal_check_environment(why, sizeof(why));

	if (rc < 0)
		die(EXIT_UNSAFE, strerror(-rc));
	if (rc == SEAL_SAFE) {
		report_add(&agent->report, "surroundings", MEASURE_HELD,
		           "not traced, no foreign user namespace");
		return;
	}
	if (!is_allowed(&agent->options, rc))
		die(EXIT_UNSAFE, why);
	report_add(&agent->report, "surroundings", MEASURE_WEAKER, "%s", why);
}

/* What the agent, and a command, will need of the kernel. */
static void check_measures(struct agent *agent)
{
	const struct options *options = &agent->options;
	char why[WIRE_DETAIL_MAX];

	if (options->is_confined && confine_check(&agent->report) < 0 &&
	    !options->allow_weak_confinement) {
		die(EXIT_UNSAFE,
		    "--confine: this kernel has no Landlock, so the command "
		    "could read the memory of other processes: run it without "
		    "--confine, or accept that with --allow-weak confinement");
	}
	/* A command is a job of its own. */
	agent->job.pidfd = -1;
	if ((!options->command || options->watched > 0) &&
	    job_open(options->watched, &agent->report, &agent->job, why,
	             sizeof(why)) < 0)
		die(EXIT_FAILED, why);
}

static void say_what_is_watched(const struct agent *agent)
{
	if (agent->job.pidfd < 0 || agent->options.is_quiet)
		return;
	log_info("this agent ends when process %d (%s) ends",
	         (int)agent->job.pid, agent->job.name);
}

/* A live agent is as good as a new one, unless this one was to stay in the
 * foreground or to be there for a command alone. */
_Noreturn static void reuse(const struct agent *agent)
{
	const char *path = agent->sockets.items[0].path;
	char why[WIRE_DETAIL_MAX];
	pid_t pid;
	int rc = ask_pid(path, &pid);

	if (rc < 0) {
		(void)snprintf(why, sizeof(why),
		               "%s: something listens there that is no agent "
		               "of ours: %s",
		               path, strerror(-rc));
		die(EXIT_FAILED, why);
	}
	if (agent->options.socket_count > 0) {
		(void)snprintf(why, sizeof(why),
		               "%s: an agent runs already (pid %d), and "
		               "cannot be given another socket: end it first "
		               "(nixcache-agent -k)",
		               path, (int)pid);
		die(EXIT_FAILED, why);
	}
	if (agent->options.is_foreground || agent->options.command) {
		(void)snprintf(why, sizeof(why),
		               "%s: an agent runs already (pid %d)", path,
		               (int)pid);
		die(EXIT_FAILED, why);
	}
	if (agent->options.watched > 0) {
		log_warn("%s: an agent runs already (pid %d), which does not "
		         "end with process %d",
		         path, (int)pid, (int)agent->options.watched);
	}
	exit(announce_agent(&agent->options, path, pid) < 0 ? EXIT_FAILED
	                                                    : EXIT_DONE);
}

static void open_sockets(struct agent *agent)
{
	const char *path = agent->options.socket_path;
	char why[WIRE_DETAIL_MAX];
	int rc = listen_inherit(agent->sockets.items, LISTEN_SOCKETS_MAX, why,
	                        sizeof(why));

	if (rc < 0)
		die(EXIT_FAILED, why);
	agent->is_activated = rc > 0;
	agent->sockets.count = agent->is_activated ? (size_t)rc : 1;
	if (agent->is_activated)
		return;

	if (agent->options.command && !path) {
		rc = listen_open_private(&agent->sockets.items[0], why,
		                         sizeof(why));
	} else {
		rc = listen_open(path, &agent->sockets.items[0], why,
		                 sizeof(why));
	}
	if (rc < 0)
		die(EXIT_FAILED, why);
	if (rc == LISTEN_ALIVE)
		reuse(agent);
	if (agent->options.scope) {
		(void)snprintf(agent->sockets.items[0].scope, LISTEN_SCOPE_SIZE,
		               "%.*s", LISTEN_SCOPE_SIZE - 1,
		               agent->options.scope);
	}
}

/* Number of a fd: source, or -1. */
static int slot_fd(const struct secret_slot *slot)
{
	uint64_t fd;

	return slot->source == SECRET_FD &&
	                       number_parse(slot->spec, INT32_MAX, &fd) == 0
	               ? (int)fd
	               : -1;
}

/* Before this program opens anything that lasts: a number that nobody opened
 * for us would soon be one of our own. */
static int check_descriptors(const struct config *config, char *why,
                             size_t why_size)
{
	for (size_t i = 0; i < config->slot_count; i++) {
		int fd = slot_fd(&config->slots[i]);
		char slot[160];

		if (fd < 0 || fcntl(fd, F_GETFD) >= 0)
			continue;
		config_describe_slot(config, i, slot, sizeof(slot));
		(void)snprintf(why, why_size, "%s: descriptor %d is not open",
		               slot, fd);
		return -EBADF;
	}
	return 0;
}

static void say_what_is_ignored(const struct agent *agent)
{
	for (size_t i = 0; i < agent->config->cache_count; i++) {
		const struct config_cache *cache = &agent->config->caches[i];

		if (cache->store.has_profile && !agent->options.is_quiet) {
			log_warn("cache %s: profile= is ignored: the "
			         "credentials come from access-key-id and "
			         "secret-access-key",
			         cache->name);
		}
	}
}

/* The configuration is read first and complained of last: an agent that runs
 * already is found in spite of it. */
static void load_config_and_sockets(struct agent *agent)
{
	char why[WIRE_DETAIL_MAX];
	int rc = config_load(agent->options.config_path, &agent->config, why,
	                     sizeof(why));

	if (rc == 0)
		rc = check_descriptors(agent->config, why, sizeof(why));
	open_sockets(agent);
	if (rc == 0) {
		rc = sockets_open_extra(&agent->sockets, &agent->options,
		                        agent->config, why, sizeof(why));
	}
	if (rc != 0) {
		sockets_remove(&agent->sockets);
		die(EXIT_FAILED, why);
	}
	agent->config->is_weak_memory_allowed =
		agent->options.allow_weak_memory;
	say_what_is_ignored(agent);
	say_what_is_watched(agent);
}

/* What a shell or a build left open must not live as long as the agent does:
 * somebody may wait for the end of that pipe. */
static int close_foreign(const struct agent *agent, int ready)
{
	int keep[2 * LISTEN_SOCKETS_MAX + 2 + WIRE_SLOTS_MAX];
	size_t count = 0;

	keep[count++] = ready;
	keep[count++] = agent->job.pidfd;
	for (size_t i = 0; i < agent->sockets.count; i++) {
		keep[count++] = agent->sockets.items[i].fd;
		keep[count++] = agent->sockets.items[i].lock;
	}
	for (size_t i = 0; i < agent->config->slot_count; i++) {
		int fd = slot_fd(&agent->config->slots[i]);

		if (fd >= 0)
			keep[count++] = fd;
	}
	return fd_close_except(STDERR_FILENO + 1, keep, count);
}

/* The command must not get what was the agent's alone. */
static void drop_secrets(const struct config *config)
{
	(void)unsetenv("OP_SERVICE_ACCOUNT_TOKEN");
	for (size_t i = 0; i < config->slot_count; i++) {
		const struct secret_slot *slot = &config->slots[i];

		if (slot->source == SECRET_ENV)
			(void)unsetenv(slot->spec);
		if (slot_fd(slot) >= 0)
			(void)close(slot_fd(slot));
	}
}

/* A pidfd of the command we serve, or -errno; -ESRCH if it has ended already. */
static int watch_starter(const struct agent *agent)
{
	cleanup_close int fd = (int)syscall(SYS_pidfd_open, agent->starter, 0);

	if (fd < 0)
		return -errno;
	/* Somebody else may have that number by now. */
	return getppid() == agent->starter ? take_fd(&fd) : -ESRCH;
}

static int refuse(struct agent *agent, int *ready, int exit_status,
                  const char *why)
{
	sockets_remove(&agent->sockets);
	if (*ready < 0)
		log_error("%s", why);
	ready_tell(ready, exit_status, why);
	return exit_status;
}

static int launch(struct agent *agent, int ready)
{
	const struct launcher_roles roles = { run_door, run_vault };
	struct agent_listener listeners[LISTEN_SOCKETS_MAX];
	struct launcher_start start = {
		.config_path = agent->options.config_path,
		.config = agent->config,
		.source = agent->source,
		.intake = agent->intake,
		.has_lifetime = agent->options.has_lifetime,
		.lifetime = agent->options.lifetime,
		.has_idle = agent->options.has_idle,
		.idle = agent->options.idle,
		.is_weak_memory_allowed = agent->options.allow_weak_memory,
		.listeners = listeners,
		.listener_count = agent->sockets.count,
		.watched = { -1, agent->job.pidfd },
		.is_job = agent->job.is_ci && !agent->options.command,
		.ready = &ready,
		.is_prefetch = agent->options.is_prefetch,
		.report = &agent->report,
	};
	char error[READY_ERROR_MAX] = "the agent ended while it started";
	int exit_status;

	for (size_t i = 0; i < agent->sockets.count; i++) {
		/* cppcheck-suppress unreadVariable ; start points to them */
		listeners[i] = (struct agent_listener){
			.fd = agent->sockets.items[i].fd,
			.scope = agent->sockets.items[i].scope,
		};
		/* Others may look at the socket now; the lock is for the start. */
		if (agent->sockets.items[i].lock >= 0)
			(void)close(agent->sockets.items[i].lock);
	}
	if (agent->options.command)
		start.watched[0] = watch_starter(agent);
	if (agent->options.command && start.watched[0] < 0) {
		(void)snprintf(error, sizeof(error),
		               "the command cannot be watched: %s",
		               strerror(-start.watched[0]));
		exit_status = EXIT_FAILED;
	} else {
		exit_status = launcher_run(&start, &roles, error);
	}
	sockets_remove(&agent->sockets);
	ready_tell(&ready, exit_status, error);
	return exit_status;
}

static int run_agent(struct agent *agent, int ready)
{
	char why[WIRE_DETAIL_MAX] =
		"memory of this process cannot be protected";

	if (seal_start(&agent->report) < 0)
		return refuse(agent, &ready, EXIT_UNSAFE, why);
	if (close_foreign(agent, ready) < 0 ||
	    source_open(agent->config, &agent->source, &agent->intake, why,
	                sizeof(why)) != 0)
		return refuse(agent, &ready, EXIT_FAILED, why);

	surroundings_report_descriptors(&agent->report);
	surroundings_report_root(&agent->report);
	for (size_t i = 0; i < agent->sockets.count; i++) {
		surroundings_report_socket(&agent->report,
		                           agent->sockets.items[i].path);
	}
	return launch(agent, ready);
}

/* This process becomes it.  Returns only on failure: an exit status. */
static int run_command(const struct agent *agent, pid_t pid)
{
	const struct options *options = &agent->options;
	int rc = options->is_confined ? confine_self(landlock_abi()) : 0;

	if (rc < 0)
		die(EXIT_UNSAFE, strerror(-rc));
	return detach_run_command(options->command,
	                          agent->sockets.items[0].path, pid);
}

/* In the background, or beside the command that this process becomes. */
static int run_detached(struct agent *agent)
{
	const char *path = agent->sockets.items[0].path;
	struct ready outcome;
	int ready = -1;
	pid_t pid = 0;
	int rc;

	agent->starter = getpid();
	rc = detach_fork(&ready, &pid, &outcome);
	if (rc < 0) {
		sockets_remove(&agent->sockets);
		die(EXIT_FAILED, strerror(-rc));
	}
	if (rc == DETACH_AGENT) {
		return detach_output() < 0 ? EXIT_FAILED
		                           : run_agent(agent, ready);
	}
	if (outcome.exit_status != EXIT_DONE)
		die(outcome.exit_status, outcome.error);
	drop_secrets(agent->config);
	if (agent->options.command)
		return run_command(agent, pid);
	return announce_agent(&agent->options, path, pid) < 0 ? EXIT_FAILED
	                                                      : EXIT_DONE;
}

static int run_in_foreground(struct agent *agent)
{
	if (!agent->is_activated && !agent->options.is_quiet &&
	    announce_agent(&agent->options, agent->sockets.items[0].path,
	                   getpid()) < 0) {
		sockets_remove(&agent->sockets);
		return EXIT_FAILED;
	}
	return run_agent(agent, -1);
}

int main(int argc, char **argv)
{
	struct agent agent = { .report = { .process = "launcher" } };

	selfexec_run(argv, &agent.report);
	if (detach_mend_output() < 0)
		return EXIT_FAILED;
	options_parse(&agent.options, argc, argv);
	log_setup("nixcache-agent",
	          agent.options.is_debug ? LOG_DEBUG : LOG_INFO);
	if (agent.options.is_kill)
		return kill_agent(&agent.options);

	check_environment(&agent);
	check_measures(&agent);
	load_config_and_sockets(&agent);
	return agent.is_activated || agent.options.is_foreground
	               ? run_in_foreground(&agent)
	               : run_detached(&agent);
}
