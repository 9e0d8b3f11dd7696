#include "client/serve/access.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRANGER 65534 /* nobody */

static void fail_hard(const char *what)
{
	perror(what);
	abort();
}

static void add(struct strings *list, const char *text)
{
	if (strings_add(list, text, strlen(text)) < 0)
		abort();
}

struct folder {
	char path[64];
	char file[80];
};

static struct folder folder_new(const char *text, size_t len, mode_t mode)
{
	struct folder f = { .path = "/tmp/test-access-XXXXXX" };
	int fd;

	if (!mkdtemp(f.path))
		fail_hard("mkdtemp");
	(void)snprintf(f.file, sizeof(f.file), "%s/password", f.path);
	fd = open(f.file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len ||
	    fchmod(fd, mode) < 0)
		fail_hard(f.file);
	(void)close(fd);
	return f;
}

static void folder_free(const struct folder *f)
{
	(void)unlink(f->file);
	(void)rmdir(f->path);
}

static void the_usual_users_are_we_and_root(void)
{
	const struct strings none = { .items = NULL };
	/* cppcheck-suppress getpwnamCalled ; there are no threads */
	const struct passwd *builder = getpwnam("nixbld1");
	struct access_rules rules;
	char why[ACCESS_WHY_MAX];
	bool has_root = false, has_us = false, has_builder = false;

	CHECK(access_rules_load(&none, NULL, &rules, why) == 0);
	CHECK(!rules.has_password);
	for (size_t i = 0; i < rules.uid_count; i++) {
		has_root |= rules.uids[i] == 0;
		has_us |= rules.uids[i] == getuid();
		has_builder |= builder && rules.uids[i] == builder->pw_uid;
		CHECK(rules.uids[i] != STRANGER);
	}
	CHECK(has_root && has_us && has_builder == !!builder);
	access_rules_clear(&rules);
}

static void users_have_names_or_numbers(void)
{
	cleanup_strings struct strings users = { .items = NULL };
	struct access_rules rules;
	char why[ACCESS_WHY_MAX];

	add(&users, "root");
	add(&users, "12345");
	add(&users, "0");
	add(&users, "4294967294");
	CHECK(access_rules_load(&users, NULL, &rules, why) == 0);
	CHECK(rules.uid_count == 3 && rules.uids[0] == 0 &&
	      rules.uids[1] == 12345 && rules.uids[2] == 4294967294U);
}

static void a_user_that_is_none_is_named(void)
{
	static const char *const bad[] = { "no-such-user-here", "", "-1",
		                           "4294967295", "99999999999" };
	struct access_rules rules = { .uid_count = 77 };
	char why[ACCESS_WHY_MAX];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cleanup_strings struct strings users = { .items = NULL };

		add(&users, bad[i]);
		CHECK(access_rules_load(&users, NULL, &rules, why) == -EINVAL);
		CHECK(strstr(why, bad[i]) && rules.uid_count == 77);
	}
}

static void there_is_a_limit_to_users(void)
{
	cleanup_strings struct strings users = { .items = NULL };
	struct access_rules rules;
	char why[ACCESS_WHY_MAX];
	char text[16];

	for (int i = 0; i < ACCESS_UIDS_MAX; i++) {
		(void)snprintf(text, sizeof(text), "%d", 70000 + i);
		add(&users, text);
	}
	CHECK(access_rules_load(&users, NULL, &rules, why) == 0);
	CHECK(rules.uid_count == ACCESS_UIDS_MAX);
	add(&users, "1");
	CHECK(access_rules_load(&users, NULL, &rules, why) == -EINVAL);
}

static int load(const struct folder *f, struct access_rules *ret_rules,
                char why[ACCESS_WHY_MAX])
{
	const struct strings none = { .items = NULL };

	return access_rules_load(&none, f->file, ret_rules, why);
}

static void the_first_line_is_the_password(void)
{
	static const char *const texts[] = { "pass word", "pass word\n",
		                             "pass word\nmore\n" };
	struct access_rules rules;
	char why[ACCESS_WHY_MAX];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct folder f = folder_new(texts[i], strlen(texts[i]), 0600);

		CHECK(load(&f, &rules, why) == 0 && rules.has_password);
		CHECK(strcmp(rules.password, "pass word") == 0);
		access_rules_clear(&rules);
		CHECK(rules.password[0] == '\0' && !rules.has_password);
		folder_free(&f);
	}
}

static void a_password_has_a_greatest_length(void)
{
	char text[ACCESS_PASSWORD_MAX + 3];
	struct access_rules rules;
	char why[ACCESS_WHY_MAX];

	memset(text, 'y', sizeof(text));
	for (size_t len = ACCESS_PASSWORD_MAX; len < sizeof(text); len++) {
		struct folder f = folder_new(text, len, 0400);
		int rc = load(&f, &rules, why);

		CHECK((rc == 0) == (len == ACCESS_PASSWORD_MAX));
		folder_free(&f);
	}
	text[ACCESS_PASSWORD_MAX] = '\n';
	{
		struct folder f = folder_new(text, sizeof(text), 0600);

		CHECK(load(&f, &rules, why) == 0 &&
		      strlen(rules.password) == ACCESS_PASSWORD_MAX);
		folder_free(&f);
	}
}

static void a_file_that_others_may_touch_is_refused(void)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610 };
	struct access_rules rules;
	char why[ACCESS_WHY_MAX];

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct folder f = folder_new("pw\n", 3, modes[i]);

		CHECK(load(&f, &rules, why) == -EINVAL);
		CHECK(strstr(why, f.file) && strstr(why, "chmod"));
		folder_free(&f);
	}
}

static void another_users_file_is_refused(void)
{
	struct folder f = folder_new("pw\n", 3, 0600);

	if (getuid() == 0) {
		struct access_rules rules;
		char why[ACCESS_WHY_MAX];

		CHECK(chown(f.file, STRANGER, (gid_t)-1) == 0);
		CHECK(load(&f, &rules, why) == -EINVAL);
		CHECK(strstr(why, "another user"));
	} else {
		printf("# skipped: only root can give a file away\n");
	}
	folder_free(&f);
}

static void bad_password_files_are_refused(void)
{
	static const struct {
		const char *text;
		size_t len;
	} bad[] = { { "", 0 },       { "\n", 1 },     { "\nx", 2 },
		    { "a\r\n", 3 },  { "a\tb", 3 },   { "\0a", 2 },
		    { "a\0b\n", 4 }, { "a\x7f\n", 3 } };
	struct folder f = folder_new("", 0, 0600);
	struct access_rules rules;
	char why[ACCESS_WHY_MAX];

	folder_free(&f);
	CHECK(load(&f, &rules, why) == -EINVAL && strstr(why, f.file));
	(void)snprintf(f.file, sizeof(f.file), "/tmp");
	CHECK(load(&f, &rules, why) == -EINVAL);
	(void)snprintf(f.file, sizeof(f.file), "/dev/null");
	CHECK(load(&f, &rules, why) == -EINVAL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f = folder_new(bad[i].text, bad[i].len, 0600);
		CHECK(load(&f, &rules, why) == -EINVAL);
		folder_free(&f);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "the usual users are we, root and the builders",
		  the_usual_users_are_we_and_root },
		{ "users have names or numbers", users_have_names_or_numbers },
		{ "a user that is none is named",
		  a_user_that_is_none_is_named },
		{ "there is a limit to users", there_is_a_limit_to_users },
		{ "the first line is the password",
		  the_first_line_is_the_password },
		{ "a password has a greatest length",
		  a_password_has_a_greatest_length },
		{ "a file that others may touch is refused",
		  a_file_that_others_may_touch_is_refused },
		{ "another user's file is refused",
		  another_users_file_is_refused },
		{ "bad password files are refused",
		  bad_password_files_are_refused },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
