#include "tests/lib/nix_daemon.h"
#include "tests/lib/test.h"

#include "client/store/closure.h"
#include "protocol/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define BASE "00000000000000000000000000000001-p"
#define ELSE "00000000000000000000000000000002-p"

static void make_link(const struct place *p, const char *name,
                      const char *format)
{
	char path[256], target[256];

	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	(void)snprintf(target, sizeof(target), "%s%s",
	               format[0] == '@' ? p->dir : "",
	               format[0] == '@' ? format + 1 : format);
	CHECK(symlink(target, path) == 0);
}

static void make_directory(const struct place *p, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	CHECK(mkdir(path, 0755) == 0);
}

/* A chroot store whose logical directory does not exist on this machine. */
static void make_chroot(struct place *p, struct daemon **d)
{
	char self[PATH_MAX] = "";
	struct daemon_error error;

	place_make(p);
	CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	CHECK(setenv("NIX_STORE_DIR", "/no-such-nix/store", 1) == 0);
	CHECK(open_spawned(p, self, p->dir, d, &error) == 0);
	CHECK(unsetenv("NIX_STORE_DIR") == 0);
	make_directory(p, "no-such-nix");
	make_directory(p, "no-such-nix/store");
	make_directory(p, "no-such-nix/store/" BASE);
	make_directory(p, "sub");
	make_link(p, "no-such-nix/store/" ELSE, "/etc/passwd");
	make_link(p, "result", "/no-such-nix/store/" BASE);
	make_link(p, "physical", "@/no-such-nix/store/" BASE);
	make_link(p, "relative", "no-such-nix/store/" BASE "/bin");
	make_link(p, "sub/up", "../result");
	make_link(p, "sub/store", "../no-such-nix/store");
	make_link(p, "inner", "/no-such-nix/store/" ELSE);
	make_link(p, "loop", "loop");
	make_link(p, "outside", "/etc/passwd");
	make_link(p, "dangling", "/nonexistent/x");
}

static const struct {
	const char *path; /* '@': the place */
	int rc;
	const char *base;
} cases[] = {
	{ "/no-such-nix/store/" BASE, 0, BASE },
	{ "/no-such-nix/store/" BASE "/", 0, BASE },
	{ "//no-such-nix/store//" BASE "//bin/x", 0, BASE },
	{ "/no-such-nix/store/" BASE "/bin/../lib", 0, BASE },
	{ "/no-such-nix/store/" BASE "/../" ELSE, -EINVAL, NULL },
	{ "/no-such-nix/store/" BASE "/..", -EINVAL, NULL },
	{ "/no-such-nix/store", -ENOENT, NULL },
	{ "/no-such-nix/store/", -EINVAL, NULL },
	{ "/no-such-nix/store/short-x", -EINVAL, NULL },
	{ "/no-such-nix/storex/" BASE, -ENOENT, NULL },
	{ "@/no-such-nix/store/" BASE, 0, BASE },
	{ "@/no-such-nix/store/" ELSE, 0, ELSE }, /* itself a link */
	{ "@/no-such-nix/store", -EINVAL, NULL },
	{ "@/no-such-nix/store/.links", -EINVAL, NULL },
	{ "@/result", 0, BASE },
	{ "@/result/", 0, BASE },
	{ "@/result/bin/x", 0, BASE },
	{ "@/physical", 0, BASE },
	{ "@/relative", 0, BASE },
	{ "@/sub/up", 0, BASE },
	{ "@/sub/../result", 0, BASE },
	{ "@/./sub/.././sub/up", 0, BASE },
	{ "@/sub/store/" BASE "/x", 0, BASE },
	{ "@/inner", 0, ELSE },
	{ "result", 0, BASE },
	{ "./result", 0, BASE },
	{ "sub/../result/", 0, BASE },
	{ "@/loop", -ELOOP, NULL },
	{ "@/outside", -EINVAL, NULL },
	{ "@/dangling", -ENOENT, NULL },
	{ "@/none", -ENOENT, NULL },
	{ "@", -EINVAL, NULL },
	{ "/", -EINVAL, NULL },
	{ ".", -EINVAL, NULL },
	{ "..", -EINVAL, NULL },
	{ "", -ENOENT, NULL },
	{ "@/sub/up/../../../../../../../..", -EINVAL, NULL },
};

static void names_lead_to_the_store_path_and_stop_there(void)
{
	cleanup_close int before = open(".", O_RDONLY | O_CLOEXEC);
	struct daemon *d = NULL;
	struct place p;

	make_chroot(&p, &d);
	CHECK(chdir(p.dir) == 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[512], base[STORE_PATH_BASE_SIZE] = "";
		const char *text = cases[i].path;
		struct daemon_error error = { .text = "" };
		int rc;

		(void)snprintf(path, sizeof(path), "%s%s",
		               text[0] == '@' ? p.dir : "",
		               text[0] == '@' ? text + 1 : text);
		rc = closure_resolve(d, path, base, &error);
		if (rc != cases[i].rc ||
		    strcmp(base, cases[i].base ? cases[i].base : "") != 0 ||
		    (rc < 0) != (error.text[0] != '\0'))
			test_fail(__FILE__, __LINE__, text);
	}
	CHECK(fchdir(before) == 0);
	daemon_close(d);
	place_remove(&p);
}

static void a_name_of_any_length_is_no_harm(void)
{
	struct daemon_error error;
	struct daemon *d = NULL;
	char base[STORE_PATH_BASE_SIZE];
	struct place p;

	make_chroot(&p, &d);
	for (size_t len = PATH_MAX - 3; len < PATH_MAX + 3; len++) {
		char path[PATH_MAX + 8] = "";

		memset(path, 'x', len);
		CHECK(closure_resolve(d, path, base, &error) == -ENAMETOOLONG);
		path[0] = '/';
		CHECK(closure_resolve(d, path, base, &error) == -ENAMETOOLONG);
		memset(path, '/', len);
		CHECK(closure_resolve(d, path, base, &error) ==
		      (len < PATH_MAX ? -EINVAL : -ENAMETOOLONG));
	}
	daemon_close(d);
	place_remove(&p);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "names lead to the store path and stop there",
		  names_lead_to_the_store_path_and_stop_there },
		{ "a name of any length is no harm",
		  a_name_of_any_length_is_no_harm },
	};

	if (nix_daemon_is_called(argc, argv))
		return nix_daemon_main();
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
