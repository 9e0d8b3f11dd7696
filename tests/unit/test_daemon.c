#include "tests/lib/nix_daemon.h"
#include "tests/lib/test.h"

#include "client/store/channel.h"
#include "client/store/closure.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/text.h"
#include "protocol/nix/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Computes the closure of one path; the error's text is kept. */
static int compute(const struct script *script, unsigned root, bool follow,
                   struct closure *ret_closure, struct daemon_error *error)
{
	cleanup_strings struct strings roots = { .items = NULL };
	char base[STORE_PATH_BASE_SIZE];
	struct daemon *d = NULL;
	struct place p;
	int rc;

	base_name(root, base);
	CHECK(strings_add(&roots, base, strlen(base)) == 0);
	CHECK(strings_add(&roots, base, strlen(base)) == 0);
	place_make(&p);
	place_serve(&p, script);
	error->text[0] = '\0';
	rc = daemon_open(p.uri, &d, error);
	if (rc == 0)
		rc = closure_compute(d, &roots, follow, ret_closure, error);
	daemon_close(d);
	place_remove(&p);
	return rc;
}

static void the_daemons_error_is_told_without_colours(void)
{
	struct script script = script_plain();
	struct closure c = { .count = 0 };
	struct daemon_error error;

	script.error =
		"\033[31;1merror:\033[0m path '\033[35;1mx\033[0m' is bad";
	CHECK(compute(&script, 5, true, &c, &error) == -EREMOTEIO);
	CHECK(strstr(error.text, ": path 'x' is bad"));
	CHECK(!strchr(error.text, '\033'));
}

static void a_daemon_that_dies_is_told_wherever_it_dies(void)
{
	for (unsigned n = 1; n < 5; n++) {
		struct script script = script_plain();
		struct closure c = { .count = 0 };
		struct daemon_error error;

		script.die_after = n;
		CHECK(compute(&script, 99, true, &c, &error) == -ECONNRESET);
		CHECK(strstr(error.text, "closed the connection"));
	}
}

static void an_old_daemon_is_refused_with_its_version(void)
{
	struct script script = script_plain();
	struct closure c = { .count = 0 };
	struct daemon_error error;

	script.version = 0x115;
	CHECK(compute(&script, 5, true, &c, &error) == -EPROTONOSUPPORT);
	CHECK(strstr(error.text, "1.21") && strstr(error.text, "1.23"));
}

static void after_an_error_the_connection_is_not_used_again(void)
{
	cleanup_strings struct strings bases = { .items = NULL };
	struct script script = script_plain();
	struct path_info info;
	struct daemon_error error;
	struct daemon *d = NULL;
	char base[STORE_PATH_BASE_SIZE];
	struct place p;

	script.error = "no";
	base_name(1, base);
	CHECK(strings_add(&bases, base, strlen(base)) == 0);
	place_make(&p);
	place_serve(&p, &script);
	CHECK(daemon_open(p.uri, &d, &error) == 0);
	CHECK(daemon_query_infos(d, &bases, &info, &error) == -EREMOTEIO);
	CHECK(daemon_query_infos(d, &bases, &info, &error) == -ENOTCONN);
	daemon_close(d);
	place_remove(&p);
}

static void a_malformed_name_is_never_sent(void)
{
	struct script script = script_plain();
	cleanup_strings struct strings bases = { .items = NULL };
	struct path_info infos[2];
	struct daemon_error error;
	struct daemon *d = NULL;
	struct place p;

	CHECK(strings_add(&bases, "../x\n", 5) == 0);
	place_make(&p);
	place_serve(&p, &script);
	CHECK(daemon_open(p.uri, &d, &error) == 0);
	CHECK(daemon_query_infos(d, &bases, infos, &error) == -EINVAL);
	CHECK(strstr(error.text, "../x?"));
	strings_clear(&bases);
	CHECK(strings_add(&bases, "00000000000000000000000000000001-p", 34) ==
	      0);
	CHECK(daemon_query_infos(d, &bases, infos, &error) == 0);
	CHECK(infos[0].nar_size == 1001);
	path_info_clear(&infos[0]);
	daemon_close(d);
	place_remove(&p);
}

static void silence_has_an_end(void)
{
	cleanup_channel struct channel *c = NULL;
	int ends[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	CHECK(channel_adopt(ends[0], ends[0], &c) == 0);
	c->timeout_ms = 20;
	buffer_append_text(channel_queue(c), "hello");
	CHECK(channel_step(c) == -ETIMEDOUT);
	(void)close(ends[1]);
	CHECK(channel_step(c) == -ECONNRESET);
}

static void a_daemon_of_our_own_is_spawned_and_buried(void)
{
	char self[PATH_MAX] = "", base[STORE_PATH_BASE_SIZE];
	cleanup_strings struct strings roots = { .items = NULL };
	struct closure c = { .count = 0 };
	struct daemon_error error;
	struct daemon *d = NULL;
	char physical[PATH_MAX];
	struct place p;

	base_name(50, base);
	CHECK(strings_add(&roots, base, strlen(base)) == 0);
	CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	place_make(&p);
	CHECK(open_spawned(&p, self, p.dir, &d, &error) == 0);
	CHECK(strcmp(daemon_store_dir(d), DIR) == 0);
	(void)snprintf(physical, sizeof(physical), "%s" DIR, p.dir);
	CHECK(strcmp(daemon_physical_dir(d), physical) == 0);
	CHECK(closure_compute(d, &roots, true, &c, &error) == 0);
	CHECK(c.count > 5);
	closure_clear(&c);
	daemon_close(d);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	place_remove(&p);
}

static void what_a_dying_daemon_says_is_told(void)
{
	struct daemon_error error;
	struct daemon *d = NULL;
	char script[128];
	struct place p;
	FILE *file;

	place_make(&p);
	(void)snprintf(script, sizeof(script), "%s/script", p.dir);
	file = fopen(script, "we");
	CHECK(file &&
	      fputs("#!/bin/sh\necho warning >&2\n"
	            "printf '\\033[31merror:\\033[0m no store here\\n' >&2\n",
	            file) >= 0);
	CHECK(fclose(file) == 0 && chmod(script, 0700) == 0);
	CHECK(open_spawned(&p, script, "local", &d, &error) == -ECONNRESET);
	CHECK(strstr(error.text, "ended: error: no store here"));
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	place_remove(&p);
}

static void a_missing_program_is_told(void)
{
	struct daemon_error error;
	struct daemon *d = NULL;
	struct place p;

	place_make(&p);
	CHECK(open_spawned(&p, NULL, "local", &d, &error) < 0);
	CHECK(strstr(error.text, "in PATH"));
	place_remove(&p);
}

static void stores_are_named_as_nix_names_them(void)
{
	static const struct {
		const char *text;
		int rc;
		enum target_kind kind;
		const char *path;
	} cases[] = {
		{ "", 0, TARGET_AUTO, "/default" },
		{ "auto", 0, TARGET_AUTO, "/default" },
		{ "daemon", 0, TARGET_SOCKET, "/default" },
		{ "unix://", 0, TARGET_SOCKET, "/default" },
		{ "unix:///run/s", 0, TARGET_SOCKET, "/run/s" },
		{ "local", 0, TARGET_LOCAL, "/default" },
		{ "/mnt", 0, TARGET_ROOT, "/mnt" },
		{ "local?root=/mnt", 0, TARGET_ROOT, "/mnt" },
		{ "local?root=mnt", -EINVAL, TARGET_AUTO, NULL },
		{ "unix://run/s", -EINVAL, TARGET_AUTO, NULL },
		{ "mnt", -EINVAL, TARGET_AUTO, NULL },
		{ "https://example.org", -EINVAL, TARGET_AUTO, NULL },
		{ "ssh://host", -EINVAL, TARGET_AUTO, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct target target;
		int rc = target_parse(cases[i].text, "/default", &target);

		CHECK(rc == cases[i].rc);
		CHECK(rc < 0 || (target.kind == cases[i].kind &&
		                 strcmp(target.path, cases[i].path) == 0));
	}
}

static void a_store_that_cannot_be_is_told_apart(void)
{
	char too_long[256];
	struct daemon_error error;
	struct daemon *d = NULL;

	CHECK(daemon_open("ssh://host", &d, &error) == -EINVAL);
	CHECK(strstr(error.text, "ssh://host"));
	CHECK(daemon_open("unix:///nonexistent/s", &d, &error) == -ENOENT);
	CHECK(strstr(error.text, "/nonexistent/s"));
	CHECK(daemon_open("/proc/no-such-store", &d, &error) == -ENOENT);
	(void)snprintf(too_long, sizeof(too_long), "unix:///%0200d", 1);
	CHECK(daemon_open(too_long, &d, &error) == -ENAMETOOLONG);
}

static void a_socket_we_may_not_use_names_the_group(void)
{
	struct script script = script_plain();
	struct daemon_error error;
	struct daemon *d = NULL;
	struct place p;
	pid_t pid;
	int status;

	place_make(&p);
	place_serve(&p, &script);
	CHECK(chmod(p.dir, 0000) == 0);
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(2);
		_exit(daemon_open(p.uri, &d, &error) == -EACCES &&
		                      strstr(error.text, "nix-users")
		              ? 0
		              : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(chmod(p.dir, 0700) == 0);
	place_remove(&p);
}

static void a_real_chroot_store_answers(void)
{
	char store[] = "nix-store", option[] = "--store", add[] = "--add";
	char file[128], line[PATH_MAX], base[STORE_PATH_BASE_SIZE] = "";
	cleanup_strings struct strings roots = { .items = NULL };
	struct closure c = { .count = 0 };
	struct daemon_error error = { .text = "" };
	struct daemon *d = NULL;
	struct place p;
	int rc;

	place_make(&p);
	(void)snprintf(file, sizeof(file), "%s/file", p.dir);
	rc = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	CHECK(rc >= 0 && write(rc, "hello", 5) == 5 && close(rc) == 0);
	CHECK(setenv("NIX_CONFIG",
	             "substituters =\nsandbox = false\nbuild-users-group =\n",
	             1) == 0);
	rc = run_line((char *[]){ store, option, p.dir, add, file, NULL }, line,
	              sizeof(line));
	if (rc < 0) {
		(void)printf("# skipped: no nix-store that works here\n");
		place_remove(&p);
		return;
	}
	rc = daemon_open(p.dir, &d, &error);
	if (rc == 0)
		rc = closure_resolve(d, line, base, &error);
	if (rc == 0)
		rc = strings_add(&roots, base, strlen(base));
	if (rc == 0)
		rc = closure_compute(d, &roots, true, &c, &error);
	if (rc < 0)
		test_fail(__FILE__, __LINE__, error.text);
	/* 96 bytes, "hello" padded to 8, and ")" */
	CHECK(c.count == 1 && c.paths[0].nar_size == 88 + 16 + 16);
	CHECK(c.count == 1 && c.paths[0].content_address);
	CHECK(text_has_suffix(base, "-file"));
	closure_clear(&c);
	daemon_close(d);
	place_remove(&p);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "the daemon's error is told without colours",
		  the_daemons_error_is_told_without_colours },
		{ "a daemon that dies is told wherever it dies",
		  a_daemon_that_dies_is_told_wherever_it_dies },
		{ "an old daemon is refused with its version",
		  an_old_daemon_is_refused_with_its_version },
		{ "after an error the connection is not used again",
		  after_an_error_the_connection_is_not_used_again },
		{ "a malformed name is never sent",
		  a_malformed_name_is_never_sent },
		{ "silence has an end", silence_has_an_end },
		{ "a daemon of our own is spawned and buried",
		  a_daemon_of_our_own_is_spawned_and_buried },
		{ "what a dying daemon says is told",
		  what_a_dying_daemon_says_is_told },
		{ "a missing program is told", a_missing_program_is_told },
		{ "stores are named as Nix names them",
		  stores_are_named_as_nix_names_them },
		{ "a store that cannot be is told apart",
		  a_store_that_cannot_be_is_told_apart },
		{ "a socket we may not use names the group",
		  a_socket_we_may_not_use_names_the_group },
		{ "a real chroot store answers", a_real_chroot_store_answers },
	};

	if (nix_daemon_is_called(argc, argv))
		return nix_daemon_main();
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
