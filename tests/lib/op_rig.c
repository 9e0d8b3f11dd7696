#include "tests/lib/op_rig.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/base/program.h"
#include "protocol/base/text.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FDS_MAX      1024
#define RUN_MAX_MS   30000
#define INTAKE_MAX   (16U << 20)
#define STAND_IN_MAX 65536
#define USUAL_PYTHON "/usr/bin/python3"

static int count_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < FDS_MAX; fd++)
		count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
	return count;
}

void op_rig_path(const struct op_rig *rig, const char *name, char *out,
                 size_t size)
{
	(void)snprintf(out, size, "%s/%s", rig->dir, name);
}

static void write_bytes(const struct op_rig *rig, const char *name,
                        struct bytes bytes, unsigned mode)
{
	char path[256];
	cleanup_close int fd = -1;

	op_rig_path(rig, name, path, sizeof(path));
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && fd_write_full(fd, bytes.data, bytes.len) == 0 &&
	      fchmod(fd, mode) == 0);
}

void op_rig_write(const struct op_rig *rig, const char *name, const char *text,
                  unsigned mode)
{
	write_bytes(rig, name, bytes_of_text(text), mode);
}

/* The stand-in lies beside this file; __FILE__ is relative to the top of the
 * build folder, which holds tests/unit/THIS. */
static int open_stand_in(void)
{
	const char *here = __FILE__;
	const char *slash = strrchr(here, '/');
	char top[256] = "", path[1024];
	ssize_t len = readlink("/proc/self/exe", top, sizeof(top) - 1);

	for (int i = 0; i < 3 && len > 0; i++)
		*strrchr(top, '/') = '\0';
	if (text_has_prefix(here, "/"))
		top[0] = '\0';
	(void)snprintf(path, sizeof(path), "%s%s%.*s/op", top,
	               top[0] != '\0' ? "/" : "", (int)(slash - here), here);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* With the interpreter's own path: the PATH that op gets is a fixed one.  The
 * usual one first: a wrapper found in PATH may add to the environment. */
static void copy_stand_in(const struct op_rig *rig)
{
	cleanup_close int fd = open_stand_in();
	cleanup_free char *python = NULL;
	cleanup_buffer struct buffer text;
	ssize_t len = -1;
	uint8_t *at, *line_end;

	buffer_init(&text, 2UL * STAND_IN_MAX);
	if (access(USUAL_PYTHON, X_OK) != 0)
		CHECK(program_find("python3", &python) == 0);
	buffer_append_format(&text, "#!%s", python ? python : USUAL_PYTHON);
	at = malloc(STAND_IN_MAX);
	if (at && fd >= 0)
		len = fd_read_full(fd, at, STAND_IN_MAX);
	line_end = len > 0 ? memchr(at, '\n', (size_t)len) : NULL;
	CHECK(line_end != NULL);
	if (line_end)
		buffer_append(&text, line_end, (size_t)(at + len - line_end));
	free(at);
	write_bytes(rig, "op", buffer_bytes(&text), 0700);
}

void op_rig_init(struct op_rig *rig, const char *behave)
{
	char conf[128];

	*rig = (struct op_rig){ .dir = "/tmp/nixcache-op-XXXXXX",
		                .intake = -1,
		                .fds_before = count_fds() };
	buffer_init(&rig->got, INTAKE_MAX);
	CHECK(mkdtemp(rig->dir) != NULL);
	(void)snprintf(conf, sizeof(conf), "behave = %s\nseconds = 30\n",
	               behave);
	copy_stand_in(rig);
	op_rig_write(rig, "op.conf", conf, 0600);
}

/* lines with DIR replaced. */
static void append_lines(struct buffer *text, const char *lines,
                         const char *dir)
{
	const char *at;

	while ((at = strstr(lines, "DIR")) != NULL) {
		buffer_append(text, lines, (size_t)(at - lines));
		buffer_append_text(text, dir);
		lines = at + strlen("DIR");
	}
	buffer_append_text(text, lines);
}

bool op_rig_open(struct op_rig *rig, const char *lines, unsigned op_timeout)
{
	cleanup_buffer struct buffer text;
	char path[256];
	int rc;

	buffer_init(&text, 65536);
	buffer_append_format(&text,
	                     "[agent]\nop = %s/op\nop-timeout = %u\n"
	                     "[cache a]\nstore = file:///x\n",
	                     rig->dir, op_timeout);
	append_lines(&text, lines, rig->dir);
	op_rig_write(rig, "nixcache.conf", buffer_text(&text), 0600);
	op_rig_path(rig, "nixcache.conf", path, sizeof(path));
	(void)setenv("XDG_STATE_HOME", rig->dir, 1);
	rc = config_load(path, &rig->config, rig->why, sizeof(rig->why));
	if (rc == 0) {
		rc = source_open(rig->config, &rig->source, &rig->intake,
		                 rig->why, sizeof(rig->why));
	}
	return rc == 0;
}

/* Every file that a test or the stand-in may have made. */
static void remove_folder(const struct op_rig *rig)
{
	static const char *const names[] = {
		"op",  "op.conf", "op.report", "op.go", "op.items",
		"key", "cred",    "link",      "loop",  "nixcache.conf"
	};
	char path[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		op_rig_path(rig, names[i], path, sizeof(path));
		(void)unlink(path);
	}
	CHECK(rmdir(rig->dir) == 0);
}

/* The one that the stand-in left behind; it says its number itself. */
static void end_daemon(const struct op_rig *rig)
{
	char report[RIG_TEXT_MAX];
	const char *at;

	op_rig_report(rig, report);
	at = strstr(report, "daemon ");
	if (at) {
		(void)kill((pid_t)strtol(at + strlen("daemon "), NULL, 10),
		           SIGKILL);
	}
}

void op_rig_close(struct op_rig *rig)
{
	end_daemon(rig);
	source_close(rig->source);
	config_free(rig->config);
	if (rig->intake >= 0)
		(void)close(rig->intake);
	buffer_clear(&rig->got);
	remove_folder(rig);
	CHECK(count_fds() == rig->fds_before);
}

/* The vault's part. */
static void read_intake(struct op_rig *rig)
{
	uint8_t chunk[4096];
	ssize_t n;

	while ((n = read(rig->intake, chunk, sizeof(chunk))) > 0)
		buffer_append(&rig->got, chunk, (size_t)n);
}

/* 1: the run has ended. */
static int step(struct op_rig *rig)
{
	struct pollfd fds[SOURCE_POLL_MAX + 1];
	int timeout, rc;
	size_t count = source_poll(rig->source, fds, &timeout);

	fds[count] = (struct pollfd){ .fd = rig->intake, .events = POLLIN };
	(void)poll(fds, count + 1, timeout < 0 || timeout > 20 ? 20 : timeout);
	read_intake(rig);
	rc = source_step(rig->source, &rig->outcome);
	if (rc == 1)
		read_intake(rig);
	return rc;
}

bool op_rig_run(struct op_rig *rig)
{
	long long deadline = clock_boot_ms() + RUN_MAX_MS;

	if (!rig->source || source_start(rig->source) < 0)
		return false;
	while (clock_boot_ms() < deadline) {
		if (step(rig) == 1)
			return true;
	}
	FAIL("the run came to an end");
	return false;
}

bool op_rig_run_until(struct op_rig *rig, const char *words_in_report)
{
	long long deadline = clock_boot_ms() + RUN_MAX_MS;
	char report[RIG_TEXT_MAX];

	if (!rig->source || source_start(rig->source) < 0)
		return false;
	while (clock_boot_ms() < deadline) {
		op_rig_report(rig, report);
		if (strstr(report, words_in_report))
			return true;
		CHECK(step(rig) == 0);
	}
	FAIL("the report came");
	return false;
}

void op_rig_report(const struct op_rig *rig, char out[RIG_TEXT_MAX])
{
	char path[256];
	cleanup_close int fd = -1;
	ssize_t n = -1;

	op_rig_path(rig, "op.report", path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = fd_read_full(fd, out, RIG_TEXT_MAX - 1);
	out[n > 0 ? n : 0] = '\0';
}

unsigned op_rig_count(const struct op_rig *rig, const char *line)
{
	char report[RIG_TEXT_MAX], wanted[256];
	unsigned count = 0;
	const char *at = report;

	op_rig_report(rig, report);
	(void)snprintf(wanted, sizeof(wanted), "%s\n", line);
	while ((at = strstr(at, wanted)) != NULL) {
		count += at == report || at[-1] == '\n';
		at++;
	}
	return count;
}

/* "<mark> label\n" at the start of a line; what follows, or NULL. */
static const char *find_label(struct op_rig *rig, const char *label)
{
	const char *text = buffer_text(&rig->got);
	char line[128];
	const char *at;

	if (!text || strncmp(text, "nixcache-", 9) != 0 ||
	    strcspn(text, " ") != 9 + 32)
		return NULL;
	(void)snprintf(line, sizeof(line), "%.41s %s\n", text, label);
	at = strstr(text, line);
	return at ? at + strlen(line) : NULL;
}

bool op_rig_has(struct op_rig *rig, unsigned slot, const char *value)
{
	char label[16], end[512];
	const char *at;

	(void)snprintf(label, sizeof(label), "%u", slot);
	at = find_label(rig, label);
	(void)snprintf(end, sizeof(end), "%s\n%.41s ", value,
	               (const char *)rig->got.data);
	return at && strncmp(at, end, strlen(end)) == 0;
}

bool op_rig_has_end(struct op_rig *rig)
{
	const char *at = find_label(rig, "end");

	return at && *at == '\0';
}
