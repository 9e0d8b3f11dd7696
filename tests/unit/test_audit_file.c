#include "agent/launcher/audit_file.h"
#include "agent/launcher/audit_open.h"
#include "agent/launcher/peer_look.h"
#include "protocol/base/fd.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ZEROES \
	"0000000000000000000000000000000000000000000000000000000000000000"
#define LINE(seq)                                                              \
	"{\"seq\":" seq ",\"time\":\"t\",\"event\":\"end\",\"prev\":\"" ZEROES \
	"\"}"
#define OTHER_USER 65534

struct stage {
	char dir[32];
	char log[64];
	struct config config;
	struct audit_file file;
};

static void stage_open(struct stage *s)
{
	*s = (struct stage){ .dir = "/tmp/audit.XXXXXX" };
	CHECK(mkdtemp(s->dir) != NULL);
	(void)snprintf(s->log, sizeof(s->log), "%s/a/b/audit.jsonl", s->dir);
	s->config = (struct config){ .audit = s->log, .audit_max_size = 1000 };
	audit_file_init(&s->file);
}

static void stage_close(struct stage *s)
{
	char command[64];
	pid_t pid;

	audit_file_close(&s->file);
	(void)snprintf(command, sizeof(command), "%s", s->dir);
	pid = fork();
	if (pid == 0) {
		(void)execlp("rm", "rm", "-rf", command, (char *)NULL);
		_exit(1);
	}
	CHECK(waitpid(pid, NULL, 0) == pid);
}

static int reopen(struct stage *s)
{
	return audit_file_open(&s->file, &s->config);
}

/* As another agent would. */
static int open_other(struct stage *s, struct audit_file *other)
{
	audit_file_init(other);
	return audit_file_open(other, &s->config);
}

static void put(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && fd_write_full(fd, text, len) == 0);
	(void)close(fd);
}

static void make_folders(const struct stage *s)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/a", s->dir);
	CHECK(mkdir(path, 0700) == 0);
	(void)snprintf(path, sizeof(path), "%s/a/b", s->dir);
	CHECK(mkdir(path, 0700) == 0);
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mode & 07777U : 0;
}

static void a_new_log_is_ours_alone(void)
{
	static struct stage s;
	struct audit_start start;
	char path[64];

	stage_open(&s);
	(void)umask(0);
	CHECK(reopen(&s) == 0);
	(void)umask(022);
	CHECK(mode_of(s.log) == 0600);
	(void)snprintf(path, sizeof(path), "%s/a", s.dir);
	CHECK(mode_of(path) == 0700);
	start = audit_file_start(&s.file, &s.config);
	CHECK(start.fd >= 0 && strcmp(start.path, s.log) == 0);
	CHECK(start.sequence == 0 && start.size == 0 && !start.former);
	CHECK(start.size_max == 1000 && start.pid == getpid());
	CHECK(strlen(start.boot) == 36);
	CHECK((fcntl(start.fd, F_GETFL) & (O_ACCMODE | O_APPEND)) ==
	      (O_WRONLY | O_APPEND));
	CHECK(fcntl(start.fd, F_GETFD) == FD_CLOEXEC);
	stage_close(&s);
}

static void none_is_none(void)
{
	static struct stage s;
	struct audit_start start;

	stage_open(&s);
	s.config.audit = NULL;
	CHECK(reopen(&s) == 0);
	start = audit_file_start(&s.file, &s.config);
	CHECK(start.fd < 0 && !start.path);
	stage_close(&s);
}

struct end {
	const char *what;
	const char *text;
	size_t len;
	uint64_t sequence; /* 0: it is refused */
	const char *last;  /* the last line, whose hash is the head */
	bool is_mended;
};

#define TEXT(s) (s), sizeof(s) - 1

static void check_end(const struct end *end)
{
	static struct stage s;
	struct audit_start start;
	int rc;

	stage_open(&s);
	make_folders(&s);
	put(s.log, end->text, end->len);
	rc = reopen(&s);
	start = audit_file_start(&s.file, &s.config);
	test_check(end->sequence > 0 ? rc == 0 : rc == -EBADMSG, __FILE__,
	           __LINE__, end->what);
	if (rc == 0 && end->last) {
		uint8_t head[DIGEST_SHA256_LEN];

		CHECK(digest_sha256(bytes_of_text(end->last), head) == 0);
		test_check(start.sequence == end->sequence, __FILE__, __LINE__,
		           end->what);
		test_check(memcmp(start.head, head, sizeof(head)) == 0 &&
		                   start.size ==
		                           end->len + (end->is_mended ? 1 : 0),
		           __FILE__, __LINE__, end->what);
	} else {
		CHECK(start.fd < 0 && strstr(start.why, "no record"));
	}
	stage_close(&s);
}

static void the_chain_goes_on_from_the_last_line(void)
{
	static const struct end ends[] = {
		{ "one line", TEXT(LINE("1") "\n"), 1, LINE("1"), false },
		{ "two lines", TEXT(LINE("8") "\n" LINE("9") "\n"), 9,
		  LINE("9"), false },
		{ "no newline", TEXT(LINE("8") "\n" LINE("9")), 9, LINE("9"),
		  true },
		{ "a cut line", TEXT(LINE("8") "\n{\"seq\":9,\"ti"), 9,
		  "{\"seq\":9,\"ti", true },
		{ "cut before its number", TEXT(LINE("8") "\n{\"s"), 9, "{\"s",
		  true },
		{ "cut and closed", TEXT(LINE("8") "\n{\"s\n"), 9, "{\"s",
		  false },
		{ "cut twice", TEXT(LINE("8") "\n{\"seq\":9\n{\"seq\":10,"), 10,
		  "{\"seq\":10,", true },
		{ "cut and alone", TEXT("{\"seq\":1,"), 1, "{\"seq\":1,",
		  true },
		{ "a text", TEXT("hello\n"), 0, NULL, false },
		{ "a text behind it", TEXT(LINE("1") "\nhello\n"), 0, NULL,
		  false },
		{ "an empty line", TEXT(LINE("1") "\n\n"), 0, NULL, false },
		{ "four cut lines",
		  TEXT(LINE("1") "\n{\"s\n{\"s\n{\"s\n{\"s\n"), 0, NULL,
		  false },
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		check_end(&ends[i]);
}

static void zeroes_after_a_loss_of_power_are_a_cut_line(void)
{
	static const char text[] = LINE("8") "\n\0\0\0";
	static struct stage s;

	stage_open(&s);
	make_folders(&s);
	put(s.log, text, sizeof(text) - 1);
	CHECK(reopen(&s) == 0 && s.file.end.sequence == 9);
	stage_close(&s);
}

static void the_longest_line_is_found_and_a_longer_one_is_not(void)
{
	static char text[2 * AUDIT_LINE_MAX + WIRE_FRAME_MAX];
	static struct stage s;
	const char *tail = strchr(LINE("1"), ',') + 1;

	stage_open(&s);
	make_folders(&s);
	(void)snprintf(text, sizeof(text), "%s\n{\"seq\":2,%0*d%s\n", LINE("1"),
	               (int)(AUDIT_LINE_MAX - strlen(tail) - 20), 0, tail);
	put(s.log, text, strlen(text));
	CHECK(reopen(&s) == 0 && s.file.end.sequence == 2);
	audit_file_close(&s.file);

	(void)snprintf(text, sizeof(text), "{\"seq\":1,%0*d",
	               (int)sizeof(text) - 10, 0);
	put(s.log, text, strlen(text));
	audit_file_init(&s.file);
	CHECK(reopen(&s) == -EBADMSG);
	stage_close(&s);
}

static void what_is_no_file_of_ours_is_refused(void)
{
	static struct stage s;
	char other[64];

	stage_open(&s);
	make_folders(&s);
	(void)snprintf(other, sizeof(other), "%s/other", s.dir);
	put(other, "", 0);

	CHECK(symlink(other, s.log) == 0);
	CHECK(reopen(&s) == -ELOOP && strstr(s.file.why, "symbolic link"));
	CHECK(unlink(s.log) == 0 && mkfifo(s.log, 0600) == 0);
	CHECK(reopen(&s) < 0 && strstr(s.file.why, "no regular file"));
	CHECK(unlink(s.log) == 0 && mkdir(s.log, 0700) == 0);
	CHECK(reopen(&s) < 0 && strstr(s.file.why, "no regular file"));
	CHECK(rmdir(s.log) == 0);
	put(s.log, "", 0);
	CHECK(chmod(s.log, 0620) == 0);
	CHECK(reopen(&s) == -EPERM && strstr(s.file.why, "others"));
	CHECK(chmod(s.log, 0600) == 0 && reopen(&s) == 0);
	audit_file_close(&s.file);
	if (geteuid() == 0) {
		CHECK(chown(s.log, OTHER_USER, OTHER_USER) == 0);
		CHECK(reopen(&s) == -EPERM && strstr(s.file.why, "somebody"));
	}
	stage_close(&s);
}

static void a_log_has_one_agent(void)
{
	static struct stage s;
	static struct audit_file other;

	stage_open(&s);
	CHECK(reopen(&s) == 0);
	CHECK(open_other(&s, &other) == -EWOULDBLOCK);
	CHECK(strstr(other.why, "another agent"));
	CHECK(reopen(&s) == 0); /* but we may again, after a reload */
	CHECK(open_other(&s, &other) == -EWOULDBLOCK);
	audit_file_close(&s.file);
	CHECK(open_other(&s, &other) == 0);
	audit_file_close(&other);
	stage_close(&s);
}

/* Nobody has named the file: each agent finds one of its own. */
static void usual_logs_are_numbered(void)
{
	static struct stage s;
	static struct audit_file other;
	char want[64];

	stage_open(&s);
	s.config.is_audit_usual = true;
	(void)snprintf(want, sizeof(want), "%s/a/b/audit-2.jsonl", s.dir);
	CHECK(reopen(&s) == 0 && strcmp(s.file.path, s.log) == 0);
	CHECK(open_other(&s, &other) == 0 && strcmp(other.path, want) == 0);
	CHECK(audit_file_open(&other, &s.config) == 0 &&
	      strcmp(other.path, want) == 0);
	audit_file_close(&other);
	stage_close(&s);
}

static void a_change_of_files_names_the_old_one(void)
{
	static struct stage s;
	struct errand done = { .fd = -1 };
	static struct audit_file other;
	char old[96];

	stage_open(&s);
	CHECK(reopen(&s) == 0);
	CHECK(fd_write_full(s.file.fd, TEXT(LINE("7") "\n")) == 0);
	audit_file_rotate(&s.file, 7, &done);
	CHECK(done.end == ERRAND_DONE && done.fd >= 0);
	CHECK(strcmp(done.text, "audit.jsonl.000000000007") == 0);
	(void)snprintf(old, sizeof(old), "%s.000000000007", s.log);
	CHECK(access(old, F_OK) == 0 && mode_of(s.log) == 0600);
	CHECK(open_other(&s, &other) == -EWOULDBLOCK);

	/* An agent that ends here has written nothing into the new file. */
	(void)close(done.fd);
	audit_file_close(&s.file);
	CHECK(open_other(&s, &other) == 0);
	CHECK(other.end.sequence == 7);
	CHECK(strcmp(other.former, "audit.jsonl.000000000007") == 0);
	audit_file_close(&other);
	stage_close(&s);
}

static void a_change_of_files_that_fails_leaves_the_old_one(void)
{
	static struct stage s;
	struct errand done = { .fd = -1 };
	char old[96];

	stage_open(&s);
	CHECK(reopen(&s) == 0);
	(void)snprintf(old, sizeof(old), "%s.000000000007", s.log);
	put(old, "", 0);
	audit_file_rotate(&s.file, 7, &done);
	CHECK(done.end == ERRAND_FAILED && done.fd < 0);
	CHECK(strstr(done.text, "renamed") && strstr(done.text, "exists"));
	CHECK(audit_open_is_at(s.file.fd, s.log));
	stage_close(&s);
}

/* logrotate moves the file, then sends SIGHUP. */
static void a_log_that_was_moved_is_gone_on_with(void)
{
	static struct stage s;
	struct audit_start start;
	char moved[96];

	stage_open(&s);
	CHECK(reopen(&s) == 0);
	CHECK(fd_write_full(s.file.fd, TEXT(LINE("7") "\n")) == 0);
	(void)snprintf(moved, sizeof(moved), "%s/moved", s.dir);
	CHECK(rename(s.log, moved) == 0);
	CHECK(reopen(&s) == 0);
	start = audit_file_start(&s.file, &s.config);
	CHECK(start.sequence == 7 && start.size == 0);
	CHECK(start.former && strcmp(start.former, "moved") == 0);
	CHECK(audit_open_is_at(start.fd, s.log));
	stage_close(&s);
}

static void look(pid_t pid, int pidfd, struct errand *ret_done)
{
	const struct errand errand = { .kind = ERRAND_PEER,
		                       .pid = pid,
		                       .fd = pidfd };

	*ret_done = (struct errand){ .kind = ERRAND_PEER, .fd = -1 };
	peer_look(&errand, ret_done);
}

static void a_peer_is_looked_at_while_it_is_there(void)
{
	struct errand done;
	char program[1024];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	pid_t child;

	program[n > 0 ? n : 0] = '\0';
	look(getpid(), pidfd, &done);
	CHECK(done.end == ERRAND_DONE && done.number > 0);
	CHECK(strcmp(done.text, program) == 0);
	look(getpid(), -1, &done);
	CHECK(done.end == ERRAND_DONE && strcmp(done.text, program) == 0);
	(void)close(pidfd);

	/* Its number is still there, but it has ended: who might have it now? */
	child = fork();
	if (child == 0)
		_exit(0);
	pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	CHECK(waitid(P_PID, (id_t)child, &(siginfo_t){ 0 },
	             WEXITED | WNOWAIT) == 0);
	look(child, pidfd, &done);
	CHECK(done.end == ERRAND_FAILED && done.text[0] == '\0' &&
	      done.number == 0);
	look(getpid(), pidfd, &done);
	CHECK(done.end == ERRAND_FAILED);
	CHECK(waitpid(child, NULL, 0) == child);
	(void)close(pidfd);
	look(0, -1, &done);
	CHECK(done.end == ERRAND_FAILED);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a new log is ours alone", a_new_log_is_ours_alone },
		{ "none is none", none_is_none },
		{ "the chain goes on from the last line",
		  the_chain_goes_on_from_the_last_line },
		{ "zeroes after a loss of power are a cut line",
		  zeroes_after_a_loss_of_power_are_a_cut_line },
		{ "the longest line is found, and a longer one is not",
		  the_longest_line_is_found_and_a_longer_one_is_not },
		{ "what is no file of ours is refused",
		  what_is_no_file_of_ours_is_refused },
		{ "a log has one agent", a_log_has_one_agent },
		{ "usual logs are numbered", usual_logs_are_numbered },
		{ "a change of files names the old one",
		  a_change_of_files_names_the_old_one },
		{ "a change of files that fails leaves the old one",
		  a_change_of_files_that_fails_leaves_the_old_one },
		{ "a log that was moved is gone on with",
		  a_log_that_was_moved_is_gone_on_with },
		{ "a peer is looked at while it is there",
		  a_peer_is_looked_at_while_it_is_there },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
