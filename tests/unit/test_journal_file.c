/* test_journal_file.c - where a journal may lie, and what is done with a
 * damaged one */
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "tests/lib/journal_stage.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define HASH_A     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER_USER 65534
#define DAY        86400

static void begin(struct journal_stage *s)
{
	journal_stage_set_up(s);
	CHECK(mkdir(journal_stage_file(s, "a"), 0700) == 0);
	CHECK(mkdir(s->folder, 0700) == 0);
}

static void put(const char *path, const char *text, size_t len)
{
	cleanup_close int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && fd_write_full(fd, text, len) == 0);
}

static bool holds(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char found[64];
	ssize_t len = fd < 0 ? -1 : fd_read_full(fd, found, sizeof(found));

	return len == (ssize_t)strlen(text) &&
	       memcmp(found, text, strlen(text)) == 0;
}

static bool is_empty(struct journal_stage *s)
{
	return !journal_stage_knows(s, STAGE_STORE, HASH_A, DAY);
}

static void what_is_made_is_ours_alone(void)
{
	static struct journal_stage s;

	journal_stage_set_up(&s);
	(void)umask(0);
	CHECK(journal_stage_open(&s) == 0);
	journal_stage_upload(&s, "id", "1", 1);
	(void)umask(022);
	CHECK(journal_stage_mode(s.folder) == 0700);
	CHECK(journal_stage_mode(journal_stage_file(&s, "a")) == 0700);
	CHECK(journal_stage_mode(s.path) == 0600);
	CHECK(journal_stage_mode(journal_stage_file(
		      &s, "a/b/journal.sqlite.lock")) == 0600);
	CHECK(journal_stage_mode(journal_stage_file(
		      &s, "a/b/journal.sqlite-journal")) == 0600);
	journal_stage_tear_down(&s);
}

static void a_file_that_others_may_read_is_ours_alone_again(void)
{
	static struct journal_stage s;

	begin(&s);
	put(s.path, "", 0);
	CHECK(chmod(s.path, 0666) == 0);
	CHECK(journal_stage_open(&s) == 0);
	CHECK(journal_stage_mode(s.path) == 0600);
	journal_stage_tear_down(&s);
}

static void it_is_found_below_home(void)
{
	static struct journal_stage s;
	char why[JOURNAL_WHY_MAX];
	struct journal *journal = NULL;

	journal_stage_set_up(&s);
	(void)unsetenv("STATE_DIRECTORY");
	CHECK(setenv("HOME", s.root, 1) == 0);
	CHECK(setenv("XDG_STATE_HOME", "relative/is/not/set", 1) == 0);
	CHECK(journal_open(NULL, &journal, why) == 0);
	journal_close(journal);
	CHECK(journal_stage_mode(journal_stage_file(
		      &s, ".local/state/nixcache/journal.sqlite")) == 0600);
	CHECK(journal_stage_mode(
		      journal_stage_file(&s, ".local/state/nixcache")) == 0700);

	CHECK(setenv("XDG_STATE_HOME", journal_stage_file(&s, "x"), 1) == 0);
	CHECK(journal_open(NULL, &journal, why) == 0);
	journal_close(journal);
	CHECK(journal_stage_mode(journal_stage_file(
		      &s, "x/nixcache/journal.sqlite")) == 0600);

	journal = NULL;
	(void)unsetenv("HOME");
	(void)unsetenv("XDG_STATE_HOME");
	CHECK(journal_open(NULL, &journal, why) == -ENOENT);
	CHECK(!journal && strstr(why, "HOME") != NULL);
	journal_stage_tear_down(&s);
}

/* What the name stands for instead of a file, and the sentence for it. */
static void check_refused(struct journal_stage *s, int rc, const char *reason)
{
	CHECK(journal_stage_open(s) == rc);
	CHECK(s->journal == NULL);
	if (!strstr(s->why, reason) || !strstr(s->why, s->root)) {
		printf("# said: %s\n", s->why);
		FAIL("the reason");
	}
}

static void no_link_is_followed(void)
{
	static struct journal_stage s;
	const char *victim;

	begin(&s);
	victim = journal_stage_file(&s, "victim");
	put(victim, "", 0);
	CHECK(symlink(victim, s.path) == 0);
	check_refused(&s, -ELOOP, "is a symbolic link");
	victim = journal_stage_file(&s, "victim");
	CHECK(holds(victim, ""));
	CHECK(unlink(victim) == 0);
	check_refused(&s, -ELOOP, "is a symbolic link");
	CHECK(journal_stage_mode(victim) == 0);
	CHECK(unlink(s.path) == 0);

	/* Nor for the file with the locks. */
	CHECK(unlink(journal_stage_file(&s, "a/b/journal.sqlite.lock")) == 0);
	CHECK(symlink(victim,
	              journal_stage_file(&s, "a/b/journal.sqlite.lock")) == 0);
	check_refused(&s, -ELOOP, ".lock: is a symbolic link");
	CHECK(journal_stage_mode(journal_stage_file(&s, "victim")) == 0);
	journal_stage_tear_down(&s);
}

static void a_link_to_a_folder_of_ours_is_followed(void)
{
	static struct journal_stage s;

	journal_stage_set_up(&s);
	CHECK(mkdir(journal_stage_file(&s, "real"), 0700) == 0);
	CHECK(mkdir(journal_stage_file(&s, "real/b"), 0700) == 0);
	CHECK(symlink("real", journal_stage_file(&s, "a")) == 0);
	CHECK(journal_stage_open(&s) == 0);
	CHECK(journal_stage_mode(
		      journal_stage_file(&s, "real/b/journal.sqlite")) == 0600);
	journal_stage_tear_down(&s);
}

static int remove_folder(const struct journal_stage *s)
{
	(void)unlink(journal_stage_file(s, "a/b/journal.sqlite.lock"));
	return rmdir(s->folder);
}

static void what_is_no_plain_file_is_refused(void)
{
	static struct journal_stage s;

	begin(&s);
	CHECK(mkfifo(s.path, 0600) == 0);
	check_refused(&s, -ENXIO, "is no plain file");
	CHECK(unlink(s.path) == 0 && mkdir(s.path, 0700) == 0);
	check_refused(&s, -EISDIR, "is no plain file");
	CHECK(rmdir(s.path) == 0 && remove_folder(&s) == 0);
	put(s.folder, "", 0);
	check_refused(&s, -ENOTDIR, "Not a directory");
	journal_stage_tear_down(&s);
}

static void what_others_can_change_is_refused(void)
{
	static struct journal_stage s;

	begin(&s);
	CHECK(chmod(s.folder, 0770) == 0);
	check_refused(&s, -EPERM, "others may write there");
	CHECK(chmod(s.folder, 0700) == 0);
	if (geteuid() != 0) {
		printf("# not root: nobody else's are tried\n");
		journal_stage_tear_down(&s);
		return;
	}
	put(s.path, "", 0);
	CHECK(chown(s.path, OTHER_USER, OTHER_USER) == 0);
	check_refused(&s, -EPERM, "belongs to somebody else");
	CHECK(unlink(s.path) == 0);
	CHECK(chown(s.folder, OTHER_USER, OTHER_USER) == 0);
	check_refused(&s, -EPERM, "belongs to somebody else");

	/* And no folder is made below another's. */
	CHECK(remove_folder(&s) == 0);
	CHECK(chown(journal_stage_file(&s, "a"), OTHER_USER, OTHER_USER) == 0);
	check_refused(&s, -EPERM, "belongs to somebody else");
	CHECK(journal_stage_mode(s.folder) == 0);
	journal_stage_tear_down(&s);
}

/* As an ordinary user, in a process of its own: root may write anywhere. */
static void as_user(struct journal_stage *s,
                    void (*run)(struct journal_stage *))
{
	int status = 0;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 &&
		    setresuid(OTHER_USER, OTHER_USER, OTHER_USER) < 0)
			_exit(1);
		run(s);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void open_read_only(struct journal_stage *s)
{
	int rc = journal_stage_open(s);

	if (rc != -EACCES || !strstr(s->why, "Permission denied")) {
		printf("# %d: %s\n", rc, s->why);
		_exit(1);
	}
}

static void a_folder_that_cannot_be_written_has_none(void)
{
	static struct journal_stage s;

	begin(&s);
	if (geteuid() == 0) {
		CHECK(chown(s.root, OTHER_USER, OTHER_USER) == 0);
		CHECK(chown(journal_stage_file(&s, "a"), OTHER_USER,
		            OTHER_USER) == 0);
		CHECK(chown(s.folder, OTHER_USER, OTHER_USER) == 0);
	}
	CHECK(chmod(s.folder, 0500) == 0);
	as_user(&s, open_read_only);
	CHECK(rmdir(s.folder) == 0);
	CHECK(chmod(journal_stage_file(&s, "a"), 0500) == 0);
	as_user(&s, open_read_only);
	journal_stage_tear_down(&s);
}

/* Opens what is damaged, and sees that it is a new one, the other aside. */
static void check_begun_anew(struct journal_stage *s)
{
	const char *aside = journal_stage_file(s, "a/b/journal.sqlite.aside");
	struct stat st = { .st_size = -1 };

	CHECK(journal_stage_open(s) == 0);
	CHECK(is_empty(s));
	CHECK(stat(aside, &st) == 0);
	CHECK(unlink(aside) == 0);
	journal_stage_add(s, STAGE_STORE, HASH_A);
	CHECK(!is_empty(s));
}

static void a_damaged_file_is_put_aside(void)
{
	static const char garbage[] = "this was never a data base, whatever it "
				      "is called, and is of some length";
	static struct journal_stage s;
	struct stat st = { .st_size = 0 };

	begin(&s);
	put(s.path, garbage, strlen(garbage));
	CHECK(journal_stage_open(&s) == 0);
	CHECK(is_empty(&s));
	journal_close(s.journal);
	s.journal = NULL;
	check_begun_anew(&s);

	CHECK(stat(s.path, &st) == 0);
	/* Of a page that is there in part, SQLite takes the rest for zeroes:
	 * the last one may be. */
	for (off_t len = st.st_size - 4096; len > 0; len -= 1999) {
		CHECK(truncate(s.path, len) == 0);
		check_begun_anew(&s);
	}
	CHECK(truncate(s.path, 0) == 0 && truncate(s.path, 8192) == 0);
	check_begun_anew(&s);
	journal_stage_tear_down(&s);
}

static void a_file_of_a_later_version_is_put_aside(void)
{
	static struct journal_stage s;

	begin(&s);
	CHECK(journal_stage_open(&s) == 0);
	journal_stage_add(&s, STAGE_STORE, HASH_A);
	journal_stage_execute(&s, "PRAGMA user_version = 2");
	check_begun_anew(&s);
	journal_stage_execute(&s, "PRAGMA user_version = -1");
	check_begun_anew(&s);
	journal_stage_tear_down(&s);
}

static void fill(struct journal_stage *s)
{
	CHECK(journal_stage_open(s) == 0);
	journal_stage_add(s, STAGE_STORE, HASH_A);
	journal_stage_execute(
		s, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 "
		   "FROM n WHERE i < 5000) INSERT INTO presence "
		   "SELECT 1, printf('%032d', i), unixepoch() FROM n");
}

/* Pages in the middle, and the file is as long as it should be. */
static void spoil(const struct journal_stage *s)
{
	cleanup_close int fd = open(s->path, O_WRONLY | O_CLOEXEC);
	static char zeroes[65536];

	CHECK(pwrite(fd, zeroes, sizeof(zeroes), 131072) == sizeof(zeroes));
}

static void pages_are_looked_at_when_the_machine_was_started(void)
{
	static struct journal_stage s;
	static char zeroes[4096];
	int64_t page;
	int fd;

	begin(&s);
	fill(&s);
	page = journal_stage_query(&s, "SELECT rootpage FROM sqlite_schema "
	                               "WHERE name = 'link'");
	journal_stage_execute(&s, "UPDATE care SET boot = 'another'");
	fd = open(s.path, O_WRONLY | O_CLOEXEC);
	CHECK(pwrite(fd, zeroes, sizeof(zeroes), (page - 1) * 4096) == 4096);
	(void)close(fd);
	check_begun_anew(&s);
	journal_stage_tear_down(&s);
}

static void damage_that_is_met_later_is_put_aside_at_the_end(void)
{
	static struct journal_stage s;
	cleanup_strings struct strings bases = { .items = NULL };
	static bool known[5000];
	bool any = false;

	begin(&s);
	fill(&s);
	for (int i = 1; i <= 5000; i++) {
		char base[40];

		(void)snprintf(base, sizeof(base), "%032d", i);
		CHECK(strings_add(&bases, base, strlen(base)) == 0);
	}
	CHECK(journal_stage_open(&s) == 0);
	spoil(&s);
	CHECK(journal_find_known(s.journal, STAGE_STORE, &bases, DAY, known) ==
	      -EBADMSG);
	for (size_t i = 0; i < bases.count; i++)
		any |= known[i];
	CHECK(!any);
	check_begun_anew(&s);

	/* Tables that are not ours are no better. */
	journal_stage_execute(&s, "DROP TABLE presence");
	CHECK(journal_forget(s.journal, STAGE_STORE) == -EBADMSG);
	check_begun_anew(&s);
	journal_stage_tear_down(&s);
}

static void a_full_disk_costs_only_what_is_new(void)
{
	static struct journal_stage s;
	cleanup_strings struct strings bases = { .items = NULL };
	struct rlimit old, small;

	begin(&s);
	fill(&s);
	for (int i = 0; i < 5000; i++) {
		char base[40];

		(void)snprintf(base, sizeof(base), "x%031d", i);
		CHECK(strings_add(&bases, base, strlen(base)) == 0);
	}
	CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
	small = old;
	small.rlim_cur = 300000;
	(void)signal(SIGXFSZ, SIG_IGN);
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	CHECK(journal_add_known(s.journal, STAGE_STORE, &bases) < 0);
	CHECK(!is_empty(&s));
	CHECK(!journal_stage_knows(&s, STAGE_STORE, bases.items[0], DAY));
	CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
	CHECK(journal_add_known(s.journal, STAGE_STORE, &bases) == 0);
	CHECK(journal_stage_knows(&s, STAGE_STORE, bases.items[0], DAY));
	CHECK(journal_stage_open(&s) == 0);
	CHECK(!is_empty(&s));
	journal_stage_tear_down(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "what is made is ours alone", what_is_made_is_ours_alone },
		{ "a file that others may read is ours alone again",
		  a_file_that_others_may_read_is_ours_alone_again },
		{ "it is found below home", it_is_found_below_home },
		{ "no link is followed", no_link_is_followed },
		{ "a link to a folder of ours is followed",
		  a_link_to_a_folder_of_ours_is_followed },
		{ "what is no plain file is refused",
		  what_is_no_plain_file_is_refused },
		{ "what others can change is refused",
		  what_others_can_change_is_refused },
		{ "a folder that cannot be written has none",
		  a_folder_that_cannot_be_written_has_none },
		{ "a damaged file is put aside", a_damaged_file_is_put_aside },
		{ "a file of a later version is put aside",
		  a_file_of_a_later_version_is_put_aside },
		{ "pages are looked at when the machine was started",
		  pages_are_looked_at_when_the_machine_was_started },
		{ "damage that is met later is put aside at the end",
		  damage_that_is_met_later_is_put_aside_at_the_end },
		{ "a full disk costs only what is new",
		  a_full_disk_costs_only_what_is_new },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
