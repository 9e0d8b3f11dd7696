/* test_syscalls: walks every system call into the sealed roles
 *
 * Each call is made in a fresh process behind the real filter; only what the
 * role needs may come back from it.
 */
#include "agent/seal/seal.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALL_MAX     520 /* Linux 6.18 ends at 470 */
#define X32_BIT      0x40000000L
#define NOBODY       65534
#define HANG_SECONDS 5
#define DOOR         10
#define INTAKE       11
#define ALLOWED_MAX  6 /* what the vault may have at most */

enum role {
	ROLE_PLAIN,
	ROLE_VAULT,
	ROLE_DOOR,
};

struct call {
	const char *name;
	long number;
	long args[4];
};

/* A door and an intake with something to read in each. */
static int open_ends(void)
{
	int doors[2], intakes[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, doors) < 0 ||
	    pipe(intakes) < 0 || write(doors[1], "x", 1) != 1 ||
	    write(intakes[1], "x", 1) != 1 || dup2(doors[0], DOOR) < 0 ||
	    dup2(intakes[0], INTAKE) < 0)
		return -errno;
	return 0;
}

/* As nobody: a filter with a hole must not let the walk harm the machine. */
static int prepare(enum role role)
{
	struct report report = { .process = "test" };
	const struct rlimit no_core = { 0, 0 };
	int rc = open_ends();

	if (rc < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0 ||
	    (geteuid() == 0 && setuid(NOBODY) < 0))
		return -1;
	(void)alarm(HANG_SECONDS);
	switch (role) {
	case ROLE_PLAIN:
		return 0;
	case ROLE_VAULT:
		return seal_vault(DOOR, INTAKE);
	case ROLE_DOOR:
		return seal_door(&report);
	}
	return -1;
}

/* The signal that ended it, or minus its exit status. */
static int outcome_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static int try_call(enum role role, const struct call *call)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (prepare(role) < 0)
			abort();
		(void)syscall(call->number, call->args[0], call->args[1],
		              call->args[2], call->args[3], 0L, 0L);
		(void)syscall(SYS_exit_group, errno == ENXIO ? ENXIO : 0);
	}
	return outcome_of(pid);
}

static bool is_killed(enum role role, const struct call *call)
{
	return try_call(role, call) == SIGSYS;
}

/* The kernel lets its own uretprobe and uprobe calls (x86-64, since Linux 6.11
 * and 6.18) pass every filter; where no probe of its making stands, it answers
 * the one by SIGILL and the other by ENXIO, and does nothing. */
static bool is_past_filters(long number, int outcome)
{
	return (number == 335 && outcome == SIGILL) ||
	       (number == 336 && outcome == -ENXIO);
}

/* With several sets of arguments, for a filter may look at those. */
static bool is_allowed(enum role role, long number)
{
	char byte[64] = { 0 };
	struct pollfd poll_door = { .fd = DOOR, .events = POLLIN };
	const struct call calls[] = {
		{ .number = number },
		{ .number = number, .args = { DOOR, (long)byte, 1 } },
		{ .number = number, .args = { INTAKE, (long)byte, 1 } },
		{ .number = number, .args = { (long)&poll_door, 1 } },
		{ .number = number, .args = { CLOCK_REALTIME, (long)byte } },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int outcome = try_call(role, &calls[i]);

		if (outcome != SIGSYS && !is_past_filters(number, outcome))
			return true;
	}
	return false;
}

static void an_unsealed_process_survives_them(void)
{
	const struct call calls[] = {
		{ .number = SYS_getpid },
		{ .number = SYS_socket, .args = { AF_UNIX, SOCK_STREAM } },
		{ .number = SYS_prctl },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		CHECK(try_call(ROLE_PLAIN, &calls[i]) == 0);
}

static void the_vault_survives_five_calls_and_no_other(void)
{
	static const long expected[] = { SYS_read, SYS_write, SYS_ppoll,
		                         SYS_clock_gettime, SYS_exit_group };
	const size_t expected_count = sizeof(expected) / sizeof(expected[0]);
	size_t count = 0;

	for (long number = 0; number <= CALL_MAX; number++) {
		bool is_expected = false;

		if (!is_allowed(ROLE_VAULT, number))
			continue;
		count++;
		for (size_t i = 0; i < expected_count; i++)
			is_expected |= expected[i] == number;
		(void)printf("# system call %ld comes back\n", number);
		CHECK(is_expected);
	}
	CHECK(count == expected_count);
	CHECK(count <= ALLOWED_MAX);
}

static void the_vaults_calls_are_bound_to_their_arguments(void)
{
	char byte[64] = { 0 };
	struct pollfd fds[3] = { { .fd = DOOR, .events = POLLIN },
		                 { .fd = INTAKE, .events = POLLIN },
		                 { .fd = DOOR, .events = POLLIN } };
	struct timespec now = { 0, 0 };
	sigset_t none;
	const struct call killed[] = {
		{ "read another", SYS_read, { 0, (long)byte, 1 } },
		{ "write another", SYS_write, { 2, (long)byte, 1 } },
		{ "write intake", SYS_write, { INTAKE, (long)byte, 1 } },
		{ "poll three", SYS_ppoll, { (long)fds, 3 } },
		{ "poll with a timeout",
		  SYS_ppoll,
		  { (long)fds, 1, (long)&now } },
		{ "poll with a mask",
		  SYS_ppoll,
		  { (long)fds, 1, 0, (long)&none } },
		{ "another clock",
		  SYS_clock_gettime,
		  { CLOCK_MONOTONIC, (long)&now } },
	};
	const struct call alive[] = {
		{ "read door", SYS_read, { DOOR, (long)byte, 1 } },
		{ "read intake", SYS_read, { INTAKE, (long)byte, 1 } },
		{ "write door", SYS_write, { DOOR, (long)byte, 1 } },
		{ "poll two", SYS_ppoll, { (long)fds, 2 } },
		{ "the clock",
		  SYS_clock_gettime,
		  { CLOCK_REALTIME, (long)&now } },
	};

	(void)sigemptyset(&none);
	for (size_t i = 0; i < sizeof(killed) / sizeof(killed[0]); i++) {
		if (!is_killed(ROLE_VAULT, &killed[i]))
			test_fail(__FILE__, __LINE__, killed[i].name);
	}
	for (size_t i = 0; i < sizeof(alive) / sizeof(alive[0]); i++) {
		if (try_call(ROLE_VAULT, &alive[i]) != 0)
			test_fail(__FILE__, __LINE__, alive[i].name);
	}
}

static void the_door_is_killed_by_what_it_must_not(void)
{
	static char path[] = "/dev/null";
	static char *argv[] = { path, NULL };
	const struct call calls[] = {
		{ "openat", SYS_openat, { AT_FDCWD, (long)path } },
		{ "openat2", SYS_openat2, { AT_FDCWD, (long)path } },
		{ "socket", SYS_socket, { AF_UNIX, SOCK_STREAM } },
		{ "socketpair", SYS_socketpair, { AF_UNIX, SOCK_STREAM } },
		{ "connect", SYS_connect, { DOOR } },
		{ "bind", SYS_bind, { DOOR } },
		{ "listen", SYS_listen, { DOOR } },
		{ "execve", SYS_execve, { (long)path, (long)argv } },
		{ "execveat",
		  SYS_execveat,
		  { AT_FDCWD, (long)path, (long)argv } },
		{ "clone", SYS_clone, { SIGCHLD } },
		{ "clone3", SYS_clone3, { 0 } },
		{ "ptrace", SYS_ptrace, { 0 } },
		{ "process_vm_readv", SYS_process_vm_readv, { 1 } },
		{ "process_vm_writev", SYS_process_vm_writev, { 1 } },
		{ "pidfd_open", SYS_pidfd_open, { 1 } },
		{ "pidfd_getfd", SYS_pidfd_getfd, { 1 } },
		{ "kill", SYS_kill, { 1, 0 } },
		{ "tgkill another", SYS_tgkill, { 1, 1, 0 } },
		{ "prctl", SYS_prctl, { 0 } },
		{ "prlimit64", SYS_prlimit64, { 0 } },
		{ "ioctl", SYS_ioctl, { DOOR } },
		{ "fcntl dup", SYS_fcntl, { DOOR, F_DUPFD, 3 } },
		{ "unshare", SYS_unshare, { 0 } },
		{ "setns", SYS_setns, { DOOR } },
		{ "mount", SYS_mount, { 0 } },
		{ "bpf", SYS_bpf, { 0 } },
		{ "io_uring_setup", SYS_io_uring_setup, { 1 } },
		{ "userfaultfd", SYS_userfaultfd, { 0 } },
		{ "memfd_create", SYS_memfd_create, { (long)path } },
		{ "unlinkat", SYS_unlinkat, { AT_FDCWD, (long)path } },
		{ "map code",
		  SYS_mmap,
		  { 0, 4096, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS } },
		{ "map a file", SYS_mmap, { 0, 4096, PROT_READ, MAP_PRIVATE } },
		{ "make code",
		  SYS_mprotect,
		  { 0, 4096, PROT_READ | PROT_EXEC } },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (!is_killed(ROLE_DOOR, &calls[i]))
			test_fail(__FILE__, __LINE__, calls[i].name);
	}
}

/* What an event loop with a JSON library on malloc does. */
static bool live_like_a_door(void)
{
	struct pollfd fd = { .fd = DOOR, .events = POLLIN };
	struct sockaddr_un name;
	socklen_t name_len = sizeof(name);
	struct ucred peer;
	socklen_t len = sizeof(peer);
	struct timespec now;
	char byte;

	for (size_t size = 16; size < 16UL << 20; size *= 2) {
		void *memory = calloc(1, size);
		void *larger = realloc(memory, size * 3);

		if (!larger)
			return false;
		free(larger);
	}
	return poll(&fd, 1, 0) == 1 && recv(DOOR, &byte, 1, 0) == 1 &&
	       send(DOOR, &byte, 1, MSG_NOSIGNAL) == 1 &&
	       getsockopt(DOOR, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       fcntl(DOOR, F_SETFL, O_NONBLOCK) == 0 &&
	       accept4(DOOR, (struct sockaddr *)&name, &name_len,
	               SOCK_CLOEXEC) < 0 &&
	       clock_gettime(CLOCK_BOOTTIME, &now) == 0 && getpid() > 1 &&
	       shutdown(DOOR, SHUT_RDWR) == 0 && close(DOOR) == 0;
}

static void the_door_can_do_its_work(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (prepare(ROLE_DOOR) < 0)
			abort();
		_exit(live_like_a_door() ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void an_aborting_door_dies_of_its_abort(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (prepare(ROLE_DOOR) == 0)
			abort();
		_exit(1);
	}
	CHECK(outcome_of(pid) == SIGABRT);
}

#if defined(__x86_64__)

static int try_i386(enum role role, int number)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (prepare(role) < 0)
			abort();
		__asm__ volatile("int $0x80"
		                 : "+a"(number)
		                 : "b"(0), "c"(0), "d"(0)
		                 : "memory");
		(void)syscall(SYS_exit_group, 0);
	}
	return outcome_of(pid);
}

/* A kernel without 32-bit programs answers int $0x80 with SIGSEGV. */
static void no_call_of_another_architecture_comes_back(void)
{
	static const int i386[] = { 1, 3, 4, 20,
		                    252 }; /* exit ... exit_group */
	static const long native[] = { SYS_read, SYS_write, SYS_getpid,
		                       SYS_exit_group };

	for (enum role role = ROLE_VAULT; role <= ROLE_DOOR; role++) {
		for (size_t i = 0; i < sizeof(i386) / sizeof(i386[0]); i++) {
			int signal = try_i386(role, i386[i]);

			CHECK(signal == SIGSYS || signal == SIGSEGV);
		}
		for (size_t i = 0; i < sizeof(native) / sizeof(native[0]);
		     i++) {
			const struct call call = {
				.number = native[i] | X32_BIT,
				.args = { DOOR },
			};

			CHECK(is_killed(role, &call));
		}
	}
	CHECK(try_i386(ROLE_PLAIN, 20) == 0 ||
	      try_i386(ROLE_PLAIN, 20) == SIGSEGV);
}

#else

static void no_call_of_another_architecture_comes_back(void)
{
	(void)printf("# this processor has one way in\n");
}

#endif

int main(void)
{
	static const struct test tests[] = {
		{ "an unsealed process survives them",
		  an_unsealed_process_survives_them },
		{ "the vault's calls are bound to their arguments",
		  the_vaults_calls_are_bound_to_their_arguments },
		{ "the door is killed by what it must not",
		  the_door_is_killed_by_what_it_must_not },
		{ "the door can do its work", the_door_can_do_its_work },
		{ "an aborting door dies of its abort",
		  an_aborting_door_dies_of_its_abort },
		{ "no call of another architecture comes back",
		  no_call_of_another_architecture_comes_back },
		{ "the vault survives five calls and no other",
		  the_vault_survives_five_calls_and_no_other },
	};

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
