#include "tests/lib/test.h"

#include "protocol/varlink/socket_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void the_first_place_that_is_set_is_taken(void)
{
	static const struct {
		struct socket_path_env env;
		const char *find; /* NULL: -ENOENT */
		const char *usual;
	} cases[] = {
		{ { "/s/a.sock", "/run/user/1", "/home/u" },
		  "/s/a.sock",
		  "/run/user/1/nixcache/agent.sock" },
		{ { NULL, "/run/user/1", "/home/u" },
		  "/run/user/1/nixcache/agent.sock",
		  "/run/user/1/nixcache/agent.sock" },
		{ { "", "", "/home/u" },
		  "/home/u/.local/state/nixcache/agent.sock",
		  "/home/u/.local/state/nixcache/agent.sock" },
		{ { NULL, "run", "/home/u" },
		  "/home/u/.local/state/nixcache/agent.sock",
		  "/home/u/.local/state/nixcache/agent.sock" },
		{ { "relative.sock", NULL, NULL }, "relative.sock", NULL },
		{ { NULL, NULL, "home" }, NULL, NULL },
		{ { NULL, NULL, NULL }, NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[SOCKET_PATH_SIZE] = "";
		int rc = socket_path_find(&cases[i].env, path);

		CHECK(rc == (cases[i].find ? 0 : -ENOENT));
		CHECK(strcmp(path, cases[i].find ? cases[i].find : "") == 0);
		path[0] = '\0';
		rc = socket_path_usual(&cases[i].env, path);
		CHECK(rc == (cases[i].usual ? 0 : -ENOENT));
		CHECK(strcmp(path, cases[i].usual ? cases[i].usual : "") == 0);
	}
}

static void a_path_must_fit_into_a_socket_address(void)
{
	char text[SOCKET_PATH_MAX + 2], path[SOCKET_PATH_SIZE] = "";
	struct socket_path_env env = { .agent_sock = text };

	memset(text, 'x', sizeof(text) - 1);
	text[0] = '/';
	text[SOCKET_PATH_MAX + 1] = '\0';
	CHECK(socket_path_find(&env, path) == -ENAMETOOLONG);
	text[SOCKET_PATH_MAX] = '\0';
	CHECK(socket_path_find(&env, path) == 0);
	CHECK(strcmp(path, text) == 0);

	env = (struct socket_path_env){ .runtime_dir = text };
	CHECK(socket_path_usual(&env, path) == -ENAMETOOLONG);
	text[SOCKET_PATH_MAX - strlen("/nixcache/agent.sock")] = '\0';
	env.runtime_dir = text;
	CHECK(socket_path_usual(&env, path) == 0);
	CHECK(strlen(path) == SOCKET_PATH_MAX);
}

static void the_environment_is_read(void)
{
	struct socket_path_env env;

	CHECK(setenv(SOCKET_PATH_VARIABLE, "/a", 1) == 0);
	CHECK(setenv("XDG_RUNTIME_DIR", "/b", 1) == 0);
	CHECK(setenv("HOME", "/c", 1) == 0);
	env = socket_path_read_env();
	CHECK(strcmp(env.agent_sock, "/a") == 0);
	CHECK(strcmp(env.runtime_dir, "/b") == 0);
	CHECK(strcmp(env.home, "/c") == 0);
	CHECK(unsetenv(SOCKET_PATH_VARIABLE) == 0);
	CHECK(socket_path_read_env().agent_sock == NULL);
}

int main(void)
{
	static const struct test tests[] = {
		{ "the first place that is set is taken",
		  the_first_place_that_is_set_is_taken },
		{ "a path must fit into a socket address",
		  a_path_must_fit_into_a_socket_address },
		{ "the environment is read", the_environment_is_read },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
