#include "client/serve/access.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/base/number.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define BUILD_GROUP "nixbld" /* Nix builds as its members */

/* (uid_t)-1 is "no change" to setreuid(2) and the like, and nobody's. */
#define UID_GREATEST ((uint64_t)UINT32_MAX - 1)

static printf_like(2, 3) int complain(char why[ACCESS_WHY_MAX],
                                      const char *format, ...)
{
	char text[ACCESS_WHY_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text_printable(text, strlen(text), why, ACCESS_WHY_MAX);
	return -EINVAL;
}

static int add_uid(struct access_rules *rules, uid_t uid,
                   char why[ACCESS_WHY_MAX])
{
	for (size_t i = 0; i < rules->uid_count; i++) {
		if (rules->uids[i] == uid)
			return 0;
	}
	if (rules->uid_count == ACCESS_UIDS_MAX) {
		return complain(why, "more than %d users: name fewer of them",
		                ACCESS_UIDS_MAX);
	}
	rules->uids[rules->uid_count++] = uid;
	return 0;
}

static int add_user(struct access_rules *rules, const char *user,
                    char why[ACCESS_WHY_MAX])
{
	const struct passwd *entry;
	uint64_t number;

	if (number_parse(user, UID_GREATEST, &number) == 0)
		return add_uid(rules, (uid_t)number, why);

	/* cppcheck-suppress getpwnamCalled ; no thread runs yet */
	entry = getpwnam(user);
	if (!entry) {
		return complain(why,
		                "user %s: there is none of that name: "
		                "give a name or a uid of this machine",
		                user);
	}
	return add_uid(rules, entry->pw_uid, why);
}

/* Without such a group, or with a member that is gone, there is nobody to
 * add: a single-user Nix builds as its own user. */
static int add_builders(struct access_rules *rules, char why[ACCESS_WHY_MAX])
{
	/* cppcheck-suppress getgrnamCalled ; no thread runs yet */
	const struct group *group = getgrnam(BUILD_GROUP);
	int rc = 0;

	for (size_t i = 0; group && group->gr_mem[i] && rc == 0; i++) {
		/* cppcheck-suppress getpwnamCalled ; as above */
		const struct passwd *entry = getpwnam(group->gr_mem[i]);

		if (entry)
			rc = add_uid(rules, entry->pw_uid, why);
	}
	return rc;
}

static int add_usual(struct access_rules *rules, char why[ACCESS_WHY_MAX])
{
	int rc = add_uid(rules, getuid(), why);

	if (rc == 0)
		rc = add_uid(rules, 0, why);
	return rc < 0 ? rc : add_builders(rules, why);
}

static int add_users(struct access_rules *rules, const struct strings *users,
                     char why[ACCESS_WHY_MAX])
{
	int rc = 0;

	if (users->count == 0)
		return add_usual(rules, why);
	for (size_t i = 0; i < users->count && rc == 0; i++)
		rc = add_user(rules, users->items[i], why);
	return rc;
}

static int check_file(int fd, const char *path, char why[ACCESS_WHY_MAX])
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return complain(why, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode)) {
		return complain(why,
		                "%s: not a file: name one that holds the "
		                "password",
		                path);
	}
	if (st.st_uid != getuid() && st.st_uid != 0) {
		return complain(why, "%s: it belongs to another user: chown it",
		                path);
	}
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		return complain(why,
		                "%s: others may read or change it: chmod "
		                "0600 it",
		                path);
	}
	return 0;
}

/* text: the file's beginning, with room for one byte more than a password
 * and its newline. */
static int take_line(struct access_rules *rules, const char *text,
                     const char *path, char why[ACCESS_WHY_MAX])
{
	size_t len = strcspn(text, "\n");

	if (len == 0) {
		return complain(why,
		                "%s: its first line is empty: write the "
		                "password there",
		                path);
	}
	if (len > ACCESS_PASSWORD_MAX) {
		return complain(why, "%s: a password has at most %d bytes",
		                path, ACCESS_PASSWORD_MAX);
	}
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
			return complain(why,
			                "%s: a control character in the "
			                "password: take another",
			                path);
		}
	}
	memcpy(rules->password, text, len);
	rules->password[len] = '\0';
	rules->has_password = true;
	return 0;
}

static int read_password(struct access_rules *rules, const char *path,
                         char why[ACCESS_WHY_MAX])
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[ACCESS_PASSWORD_MAX + 2];
	ssize_t len;
	int rc;

	if (fd < 0)
		return complain(why, "%s: %s", path, strerror(errno));
	rc = check_file(fd, path, why);
	if (rc < 0)
		return rc;
	len = fd_read_full(fd, text, sizeof(text) - 1);
	if (len < 0)
		return complain(why, "%s: %s", path, strerror((int)-len));
	text[len] = '\0';
	rc = strlen(text) == (size_t)len || memchr(text, '\n', strlen(text))
	             ? take_line(rules, text, path, why)
	             : complain(why, "%s: a NUL in the password", path);
	explicit_bzero(text, sizeof(text));
	return rc;
}

int access_rules_load(const struct strings *users, const char *password_file,
                      struct access_rules *ret_rules, char why[ACCESS_WHY_MAX])
{
	struct access_rules rules = { .uid_count = 0 };
	int rc = add_users(&rules, users, why);

	if (rc == 0 && password_file)
		rc = read_password(&rules, password_file, why);
	if (rc == 0)
		*ret_rules = rules;
	access_rules_clear(&rules);
	return rc;
}

void access_rules_clear(struct access_rules *rules)
{
	explicit_bzero(rules, sizeof(*rules));
}
