/* test_journal_owner.c - one journal, several processes, and their deaths */
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "tests/lib/journal_stage.h"
#include "tests/lib/test.h"

#include <sqlite3.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define DAY      86400
#define CHILDREN 6
#define UPLOADS  40

static const char garbage[] = "garbage, garbage, garbage";

/* A child that runs until it is told something, or killed.  That we close our
 * end tells it nothing: those that were begun after it have it too. */
struct child {
	pid_t pid;
	int from; /* what it says */
	int to;   /* what it waits for */
};

static struct child spawn(const struct journal_stage *s,
                          void (*run)(const struct journal_stage *, int from,
                                      int to))
{
	int out[2] = { -1, -1 }, in[2] = { -1, -1 };
	struct child child;

	CHECK(pipe2(out, O_CLOEXEC) == 0 && pipe2(in, O_CLOEXEC) == 0);
	(void)fflush(stdout);
	child = (struct child){ fork(), out[0], in[1] };
	if (child.pid == 0) {
		(void)close(out[0]);
		(void)close(in[1]);
		run(s, in[0], out[1]);
		_exit(0);
	}
	(void)close(out[1]);
	(void)close(in[0]);
	return child;
}

static void say(int to)
{
	CHECK(write(to, ".", 1) == 1);
}

static bool hear(int from)
{
	char c;

	return fd_read_full(from, &c, 1) == 1;
}

static void end(struct child *child, int signal_number)
{
	if (signal_number != 0) {
		CHECK(kill(child->pid, signal_number) == 0);
	} else if (write(child->to, ".", 1) < 0) {
		CHECK(errno == EPIPE); /* it has ended by itself */
	}
	(void)close(child->to);
	(void)close(child->from);
	CHECK(waitpid(child->pid, NULL, 0) == child->pid);
}

static struct journal *open_own(const struct journal_stage *s)
{
	struct journal *journal = NULL;
	char why[JOURNAL_WHY_MAX];

	if (journal_open(s->path, &journal, why) < 0) {
		printf("# %s\n", why);
		(void)fflush(stdout);
		_exit(1);
	}
	return journal;
}

static void begin_and_live(const struct journal_stage *s, int from, int to)
{
	struct journal_stage own = *s;

	own.journal = open_own(s);
	journal_stage_upload(&own, "id", "12", 100);
	say(to);
	(void)hear(from);
}

static void an_upload_is_its_owners_while_that_lives(void)
{
	static struct journal_stage s;
	struct journal_upload u;
	struct child child;

	journal_stage_set_up(&s);
	child = spawn(&s, begin_and_live);
	CHECK(hear(child.from));
	CHECK(journal_stage_open(&s) == 0);
	CHECK(journal_stage_adopt(&s, &u) == 0);
	end(&child, SIGKILL);
	CHECK(journal_stage_adopt(&s, &u) == 1);
	CHECK(u.etags.count == 2);
	journal_upload_clear(&u);
	journal_stage_tear_down(&s);
}

/* Says the number of each that it is given, then lives until it is told. */
static void adopt_all(const struct journal_stage *s, int from, int to)
{
	struct journal_stage own = *s;
	struct journal_upload u;
	int rc;

	own.journal = open_own(s);
	say(to);
	(void)hear(from);
	while ((rc = journal_stage_adopt(&own, &u)) == 1) {
		CHECK(write(to, u.upload_id, 4) == 4);
		journal_upload_clear(&u);
	}
	CHECK(write(to, rc == 0 ? "end " : "fail", 4) == 4);
	(void)hear(from);
}

static void count_adopted(const struct child *child, unsigned taken[UPLOADS])
{
	char word[5] = "";

	while (fd_read_full(child->from, word, 4) == 4 && word[0] >= '0' &&
	       word[0] <= '9') {
		int number = (int)strtol(word, NULL, 10);

		if (number < UPLOADS)
			taken[number]++;
	}
	CHECK(strcmp(word, "end ") == 0);
}

static void no_two_are_given_the_same(void)
{
	static struct journal_stage s;
	struct child children[CHILDREN];
	unsigned taken[UPLOADS] = { 0 };
	size_t once = 0;

	journal_stage_set_up(&s);
	CHECK(journal_stage_open(&s) == 0);
	for (int i = 0; i < UPLOADS; i++) {
		char id[8];

		(void)snprintf(id, sizeof(id), "%04d", i);
		journal_stage_upload(&s, id, "12", 100);
	}
	journal_close(s.journal);
	s.journal = NULL;
	for (int i = 0; i < CHILDREN; i++) {
		children[i] = spawn(&s, adopt_all);
		CHECK(hear(children[i].from));
	}
	for (int i = 0; i < CHILDREN; i++)
		say(children[i].to);
	for (int i = 0; i < CHILDREN; i++)
		count_adopted(&children[i], taken);
	for (int i = 0; i < CHILDREN; i++)
		end(&children[i], 0);
	for (int i = 0; i < UPLOADS; i++)
		once += taken[i] == 1 ? 1 : 0;
	CHECK(once == UPLOADS);
	journal_stage_tear_down(&s);
}

static void add_hundreds(const struct journal_stage *s, int from, int to)
{
	struct journal *journal;

	(void)hear(from);
	journal = open_own(s);
	for (int i = 0; i < 100; i++) {
		cleanup_strings struct strings bases = { .items = NULL };
		char base[40];

		(void)snprintf(base, sizeof(base), "%016d%016d", (int)getpid(),
		               i);
		if (strings_add(&bases, base, strlen(base)) < 0 ||
		    journal_add_known(journal, STAGE_STORE, &bases) < 0)
			_exit(1);
	}
	journal_close(journal);
	say(to);
}

static void many_write_at_once(void)
{
	static struct journal_stage s;
	struct child children[CHILDREN];

	journal_stage_set_up(&s);
	for (int i = 0; i < CHILDREN; i++)
		children[i] = spawn(&s, add_hundreds);
	for (int i = 0; i < CHILDREN; i++)
		say(children[i].to);
	for (int i = 0; i < CHILDREN; i++) {
		CHECK(hear(children[i].from));
		end(&children[i], 0);
	}
	CHECK(journal_stage_query(&s, "SELECT count(*) FROM presence") ==
	      (int64_t)CHILDREN * 100);
	journal_stage_tear_down(&s);
}

/* In the middle of a transaction, of which half is in the file already. */
static void write_half(const struct journal_stage *s, int from, int to)
{
	sqlite3 *db = NULL;

	journal_close(open_own(s));
	CHECK(sqlite3_open(s->path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db,
	                   "PRAGMA journal_mode=TRUNCATE;"
	                   "PRAGMA synchronous=OFF; PRAGMA cache_size=2;"
	                   "BEGIN IMMEDIATE;"
	                   "DELETE FROM presence WHERE hash > 'a';"
	                   "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL "
	                   "SELECT i + 1 FROM n WHERE i < 9000) "
	                   "INSERT INTO presence SELECT 1, "
	                   "printf('%032d', i), unixepoch() FROM n",
	                   NULL, NULL, NULL) == SQLITE_OK);
	say(to);
	(void)hear(from);
}

static void a_transaction_that_was_cut_short_never_was(void)
{
	static struct journal_stage s;
	struct child child;
	struct stat st;

	journal_stage_set_up(&s);
	CHECK(journal_stage_open(&s) == 0);
	journal_stage_add(&s, STAGE_STORE, "bbbb");
	child = spawn(&s, write_half);
	CHECK(hear(child.from));
	end(&child, SIGKILL);
	CHECK(stat(s.path, &st) == 0 && st.st_size > 200000);
	CHECK(journal_stage_knows(&s, STAGE_STORE, "bbbb", DAY));
	CHECK(journal_stage_query(&s, "SELECT count(*) FROM presence") == 1);
	CHECK(journal_stage_open(&s) == 0);
	CHECK(journal_stage_knows(&s, STAGE_STORE, "bbbb", DAY));
	CHECK(journal_stage_mode(
		      journal_stage_file(&s, "a/b/journal.sqlite.aside")) == 0);
	journal_stage_tear_down(&s);
}

/* Thousand at a time, until it is killed. */
static void add_thousands(const struct journal_stage *s, int from, int to)
{
	struct journal *journal = open_own(s);

	(void)from;
	for (int round = 0;; round++) {
		cleanup_strings struct strings bases = { .items = NULL };

		for (int i = 0; i < 1000; i++) {
			char base[40];

			(void)snprintf(base, sizeof(base), "%016d%08d%08d",
			               (int)getpid(), i, round);
			CHECK(strings_add(&bases, base, strlen(base)) == 0);
		}
		if (journal_add_known(journal, STAGE_STORE, &bases) < 0)
			_exit(1);
		if (round < 2)
			say(to);
	}
}

static void killed_at_any_moment_it_is_usable(void)
{
	static struct journal_stage s;

	journal_stage_set_up(&s);
	for (int i = 0; i < 10; i++) {
		struct child child = spawn(&s, add_thousands);

		CHECK(hear(child.from));
		if (i % 2 == 1)
			CHECK(hear(child.from));
		end(&child, SIGKILL);
		CHECK(journal_stage_open(&s) == 0);
		CHECK(journal_stage_query(&s, "SELECT count(*) % 1000 FROM "
		                              "presence") == 0);
	}
	CHECK(journal_stage_query(&s, "PRAGMA integrity_check") == 0);
	CHECK(journal_stage_mode(
		      journal_stage_file(&s, "a/b/journal.sqlite.aside")) == 0);
	journal_stage_tear_down(&s);
}

static void hold_lock(const struct journal_stage *s, int from, int to)
{
	sqlite3 *db = NULL;

	CHECK(sqlite3_open(s->path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL) ==
	      SQLITE_OK);
	say(to);
	(void)hear(from);
}

static void one_that_keeps_the_lock_is_not_waited_for(void)
{
	static struct journal_stage s;
	cleanup_strings struct strings bases = { .items = NULL };
	struct child child;
	struct journal_upload u;
	struct journal *journal = NULL;
	bool known = true;

	journal_stage_set_up(&s);
	CHECK(journal_stage_open(&s) == 0);
	CHECK(strings_add(&bases, "a", 1) == 0);
	child = spawn(&s, hold_lock);
	CHECK(hear(child.from));
	CHECK(journal_add_known(s.journal, STAGE_STORE, &bases) == -EBUSY);
	CHECK(journal_find_known(s.journal, STAGE_STORE, &bases, DAY, &known) ==
	      -EBUSY);
	CHECK(!known);
	CHECK(journal_stage_adopt(&s, &u) == -EBUSY);
	CHECK(journal_open(s.path, &journal, s.why) == -EBUSY);
	CHECK(!journal && strstr(s.why, "locked") != NULL);
	end(&child, SIGKILL);
	CHECK(journal_add_known(s.journal, STAGE_STORE, &bases) == 0);
	CHECK(journal_stage_open(&s) == 0);
	journal_stage_tear_down(&s);
}

static void open_and_add(const struct journal_stage *s, int from, int to)
{
	struct journal_stage own = *s;

	(void)hear(from);
	own.journal = open_own(s);
	journal_stage_add(&own, STAGE_STORE, "bbbb");
	journal_close(own.journal);
	say(to);
}

static void put_garbage(const struct journal_stage *s)
{
	cleanup_close int fd = open(s->path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	CHECK(fd_write_full(fd, garbage, sizeof(garbage)) == 0);
}

static void a_damaged_one_is_left_to_whoever_has_it_open(void)
{
	static struct journal_stage s;
	struct journal *journal = NULL;
	struct child child;

	journal_stage_set_up(&s);
	child = spawn(&s, begin_and_live);
	CHECK(hear(child.from));
	put_garbage(&s);
	CHECK(journal_open(s.path, &journal, s.why) == -EBUSY);
	CHECK(!journal && strstr(s.why, "open in another process") != NULL);
	end(&child, SIGKILL);
	CHECK(journal_stage_open(&s) == 0);
	CHECK(!journal_stage_knows(&s, STAGE_STORE, "bbbb", DAY));
	journal_stage_tear_down(&s);
}

static void many_that_find_it_damaged_put_it_aside_once(void)
{
	static struct journal_stage s;
	struct child children[CHILDREN];
	const char *aside;
	struct stat st = { .st_size = 0 };

	journal_stage_set_up(&s);
	CHECK(journal_stage_open(&s) == 0);
	journal_close(s.journal);
	s.journal = NULL;
	for (int i = 0; i < CHILDREN; i++)
		children[i] = spawn(&s, open_and_add);
	put_garbage(&s);
	for (int i = 0; i < CHILDREN; i++)
		say(children[i].to);
	for (int i = 0; i < CHILDREN; i++) {
		CHECK(hear(children[i].from));
		end(&children[i], 0);
	}
	aside = journal_stage_file(&s, "a/b/journal.sqlite.aside");
	CHECK(stat(aside, &st) == 0 && st.st_size == sizeof(garbage));
	CHECK(journal_stage_open(&s) == 0);
	CHECK(journal_stage_knows(&s, STAGE_STORE, "bbbb", DAY));
	journal_stage_tear_down(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "an upload is its owner's while that lives",
		  an_upload_is_its_owners_while_that_lives },
		{ "no two are given the same", no_two_are_given_the_same },
		{ "many write at once", many_write_at_once },
		{ "a transaction that was cut short never was",
		  a_transaction_that_was_cut_short_never_was },
		{ "killed at any moment it is usable",
		  killed_at_any_moment_it_is_usable },
		{ "one that keeps the lock is not waited for",
		  one_that_keeps_the_lock_is_not_waited_for },
		{ "a damaged one is left to whoever has it open",
		  a_damaged_one_is_left_to_whoever_has_it_open },
		{ "many that find it damaged put it aside once",
		  many_that_find_it_damaged_put_it_aside_once },
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
