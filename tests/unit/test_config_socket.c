#include "tests/lib/test.h"
#include "tests/unit/config_sample.h"

#define SOCKET FILE_CACHE "[socket ci]\nscope = push\n"
#define TWO    FILE_CACHE "[cache g]\nstore = file:///srv/other\n"

static const struct {
	const char *text;
	int line;
	const char *words;
} refused[] = {
	{ FILE_CACHE "[socket]\n", 3, "unknown section" },
	{ FILE_CACHE "[socket ]\n", 3, "the name of a socket" },
	{ FILE_CACHE "[socket a/b]\n", 3, "the name of a socket" },
	{ FILE_CACHE "[socket owner]\n", 3, "has a meaning" },
	{ FILE_CACHE "[socket push]\n", 3, "has a meaning" },
	{ FILE_CACHE "[socket pull]\n", 3, "has a meaning" },
	{ FILE_CACHE "[socket agent]\n", 3, "has a meaning" },
	{ SOCKET "[socket ci]\n", 5, "first in line 3" },
	{ FILE_CACHE "[socket ci]\npath = /a\n", 3, "has no scope" },
	{ FILE_CACHE "[socket ci]\nscope = ci\n", 4, "owner, push or pull" },
	{ FILE_CACHE "[socket ci]\nscope =\n", 4, "has no value" },
	{ SOCKET "scope = owner\n", 5, "is here twice" },
	{ SOCKET "paht = /a\n", 5, "unknown key of [socket]" },
	{ SOCKET "store = file:///a\n", 5, "unknown key of [socket]" },
	{ SOCKET "path = a\n", 5, "absolute path" },
	{ SOCKET "path = /a/\n", 5, "absolute path" },
	{ SOCKET "path = /" KEY_A KEY_A KEY_A "\n", 5, "too long" },
	{ SOCKET "path = /a\n[socket b]\nscope = pull\npath = /a\n", 6,
	  "has the path of [socket ci]" },
	{ SOCKET "mode = 600x\n", 5, "mode:" },
	{ SOCKET "mode = 0777\n", 5, "mode:" },
	{ SOCKET "mode = 0060\n", 5, "mode:" },
	{ SOCKET "mode = -1\n", 5, "mode:" },
	{ SOCKET "mode = 8\n", 5, "mode:" },
	{ SOCKET "mode = 77777777777777777777777777\n", 5, "mode:" },
	{ SOCKET "group = no-such-group-here\n", 5, "no such group" },
	{ SOCKET "allow = ,\n", 5, "has no value" },
	{ SOCKET "allow = Sign, Everything\n", 5, "allow:" },
	{ SOCKET "allow = sign\n", 5, "allow:" },
	{ SOCKET "cache = none\n", 3, "there is no [cache none]" },
	{ SOCKET "cache = a b\n", 5, "the name of a cache" },
	{ SOCKET "key = nar/[\n", 5, "key: the pattern" },
	{ SOCKET "key = /nar/*\n", 5, "key: the pattern" },
	{ SOCKET "store-path = /nix/store/*\n", 5, "store-path: the pattern" },
	{ SOCKET "max-count = -1\n", 5, "max-count" },
	{ SOCKET "max-count = 18446744073709551615\n", 5, "max-count" },
	{ SOCKET "max-bytes = much\n", 5, "max-bytes" },
	{ SOCKET "max-expires = 0\n", 5, "max-expires" },
	{ SOCKET "max-expires = 2h\n", 5, "max-expires" },
	{ SOCKET "rate = 0\n", 5, "rate" },
	{ SOCKET "rate = 1000001\n", 5, "rate" },
	{ SOCKET "peer-uid = no-such-user-here\n", 5, "no such user" },
	{ SOCKET "peer-uid = 4294967295\n", 5, "no such user" },
	{ SOCKET "peer-gid = no-such-group-here\n", 5, "no such group" },
	{ SOCKET "until = tomorrow\n", 5, "until" },
	{ SOCKET "until = 2026-12-31\n", 5, "until" },
	{ SOCKET "until = 2026-12-31T00:00:00\n", 5, "until" },
	{ SOCKET "until = 2026-12-31T00:00:00+01:00\n", 5, "until" },
	{ SOCKET "until = 2026-12-31T00:00:00Zx\n", 5, "until" },
	{ SOCKET "until = 2026-12-31 00:00:00Z\n", 5, "until" },
	{ SOCKET "until = 2026-2-31T00:00:00Z\n", 5, "until" },
	{ SOCKET "until = 2026-02-30T00:00:00Z\n", 5, "until" },
	{ SOCKET "until = 1970-01-01T00:00:00Z\n", 5, "until" },
	{ SOCKET "until = 1960-01-01T00:00:00Z\n", 5, "until" },
};

static void an_error_names_file_and_line(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		check_refused(refused[i].text, refused[i].line,
		              refused[i].words);
	}
}

static void more_than_eight_are_refused(void)
{
	char text[1024] = FILE_CACHE;

	for (int i = 0; i < 9; i++) {
		char section[64];

		(void)snprintf(section, sizeof(section),
		               "[socket %c]\nscope = pull\n", 'a' + i);
		(void)strncat(text, section, sizeof(text) - strlen(text) - 1);
	}
	check_refused(text, 19, "more than 8 sockets");
}

static void what_is_not_said_is_the_scopes(void)
{
	struct loaded l = load(SOCKET);
	const struct config_socket *socket;

	CHECK(l.rc == 0 && l.config->socket_count == 1);
	socket = &l.config->sockets[0];
	CHECK(strcmp(socket->name, "ci") == 0);
	CHECK(!socket->path && socket->mode == 0600 && !socket->has_gid);
	CHECK(socket->grant.base == SCOPE_PUSH);
	CHECK(socket->grant.allow == UINT32_MAX);
	CHECK(socket->grant.caches == UINT64_MAX);
	CHECK(socket->grant.max_count == GRANT_UNLIMITED);
	CHECK(socket->grant.max_bytes == GRANT_UNLIMITED);
	CHECK(socket->grant.max_expires == S3_EXPIRES_MAX);
	CHECK(socket->grant.until == 0 && socket->grant.rate == 0);
	CHECK(socket->uid_count == 0 && socket->gid_count == 0);
	config_free(l.config);
}

static void every_key_is_taken(void)
{
	struct loaded l =
		load("[socket ci]\nscope = owner\npath = /run/ci.sock\n"
	             "mode = 0660\ngroup = 17\nallow = Sign, GetObject Lock\n"
	             "cache = g\nkey = nar/*\nkey = *.narinfo\n"
	             "store-path = *-hello\nmax-count = 7\nmax-bytes = 4G\n"
	             "max-expires = 1m\nrate = 50\npeer-uid = 1234\n"
	             "peer-uid = root\npeer-gid = 99\n"
	             "until = 2026-12-31T23:59:59Z\n" TWO);
	const struct config_socket *socket;
	const struct grant *grant;

	if (l.rc != 0)
		(void)printf("# %s\n", l.why);
	CHECK(l.rc == 0 && l.config->socket_count == 1);
	socket = &l.config->sockets[0];
	grant = &socket->grant;
	CHECK(strcmp(socket->path, "/run/ci.sock") == 0);
	CHECK(socket->mode == 0660 && socket->has_gid && socket->gid == 17);
	CHECK(grant->allow == (1U << PERMIT_SIGN | 1U << PERMIT_LOCK |
	                       1U << (PERMIT_OBJECT + S3_GET_OBJECT)));
	CHECK(grant->caches == 1U << 1);
	CHECK(grant->keys.count == 2 && grant->store_paths.count == 1);
	CHECK(grant->max_count == 7 && grant->max_bytes == 4ULL << 30);
	CHECK(grant->max_expires == 60 && grant->rate == 50);
	CHECK(socket->uid_count == 2 && socket->uids[0] == 1234 &&
	      socket->uids[1] == 0);
	CHECK(socket->gid_count == 1 && socket->gids[0] == 99);
	CHECK(grant->until == 1798761599);
	CHECK(config_has_scope(l.config, "ci"));
	CHECK(config_has_scope(l.config, "pull"));
	CHECK(!config_has_scope(l.config, "c"));
	CHECK(!config_has_scope(l.config, ""));
	config_free(l.config);
}

static const struct test tests[] = {
	{ "an error names file and line", an_error_names_file_and_line },
	{ "more than eight are refused", more_than_eight_are_refused },
	{ "what is not said is the scope's", what_is_not_said_is_the_scopes },
	{ "every key is taken", every_key_is_taken },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
