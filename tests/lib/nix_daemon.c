#include "tests/lib/nix_daemon.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/cursor.h"
#include "protocol/base/fd.h"
#include "tests/lib/remove_tree.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

struct script script_plain(void)
{
	return (struct script){
		.version = 0x122,
		.shape = SHAPE_TREE,
		.count = 100,
	};
}

void base_name(unsigned i, char out[STORE_PATH_BASE_SIZE])
{
	(void)snprintf(out, STORE_PATH_BASE_SIZE, "%032u-p", i);
}

void put_text(struct buffer *b, const char *text)
{
	size_t len = strlen(text);

	buffer_put_u64_le(b, len);
	buffer_append(b, text, len);
	while (len++ % 8 != 0)
		buffer_append_char(b, '\0');
}

static void put_path(struct buffer *b, unsigned i)
{
	char base[STORE_PATH_BASE_SIZE], path[STORE_PATH_SIZE];

	base_name(i, base);
	(void)snprintf(path, sizeof(path), DIR "/%s", base);
	put_text(b, path);
}

static void put_references(struct buffer *b, const struct script *s, unsigned i)
{
	switch (s->shape) {
	case SHAPE_TREE:
		buffer_put_u64_le(b, i ? 3 : 1);
		put_path(b, i);
		if (i > 0) {
			put_path(b, i / 2);
			put_path(b, (i * 7 + 3) % i);
		}
		break;
	case SHAPE_CHAIN:
		buffer_put_u64_le(b, i ? 1 : 0);
		if (i > 0)
			put_path(b, i - 1);
		break;
	case SHAPE_WIDE:
		buffer_put_u64_le(b, i + 1 == s->count ? i : 0);
		for (unsigned k = 0; i + 1 == s->count && k < i; k++)
			put_path(b, k);
		break;
	case SHAPE_CIRCLE:
		buffer_put_u64_le(b, 1);
		put_path(b, (i + 1) % s->count);
		break;
	}
}

static void put_info(struct buffer *b, const struct script *s, unsigned i)
{
	buffer_put_u64_le(b, i < s->count ? 1 : 0);
	if (i >= s->count)
		return;
	put_text(b, "");
	put_text(b, "000102030405060708090a0b0c0d0e0f"
	            "101112131415161718191a1b1c1d1e1f");
	put_references(b, s, i);
	buffer_put_u64_le(b, 0);
	buffer_put_u64_le(b, 1000 + i);
	buffer_put_u64_le(b, 0);
	buffer_put_u64_le(b, 0);
	put_text(b, "");
}

static void put_chatter(struct buffer *b)
{
	buffer_put_u64_le(b, 0x6f6c6d67);
	put_text(b, "a line of the log\n");
	buffer_put_u64_le(b, 0x53545254);
	for (int i = 1; i < 4; i++)
		buffer_put_u64_le(b, (uint64_t)i);
	put_text(b, "querying");
	buffer_put_u64_le(b, 0);
	buffer_put_u64_le(b, 0);
	buffer_put_u64_le(b, 0x53544f50);
	buffer_put_u64_le(b, 1);
}

static void put_error(struct buffer *b, const char *text)
{
	buffer_put_u64_le(b, 0x63787470);
	put_text(b, "Error");
	buffer_put_u64_le(b, 0);
	put_text(b, "Error");
	put_text(b, text);
	buffer_put_u64_le(b, 0);
	buffer_put_u64_le(b, 0);
}

static bool get_number(int fd, uint64_t *value)
{
	uint8_t bytes[8];
	struct cursor c;

	if (fd_read_full(fd, bytes, sizeof(bytes)) != sizeof(bytes))
		return false;
	cursor_init(&c, (struct bytes){ bytes, sizeof(bytes) });
	*value = cursor_get_u64_le(&c);
	return true;
}

#define TEXT_SIZE 512

static bool get_text(int fd, char text[TEXT_SIZE])
{
	uint64_t len;

	memset(text, 0, TEXT_SIZE);
	if (!get_number(fd, &len) || len >= TEXT_SIZE - 8)
		return false;
	len = (len + 7) / 8 * 8;
	return fd_read_full(fd, text, len) == (ssize_t)len;
}

/* Reads a path of our kind and returns its number. */
static bool get_path(int fd, unsigned *index)
{
	char text[TEXT_SIZE];

	if (!get_text(fd, text))
		return false;
	*index = (unsigned)strtoul(text + strlen(DIR "/"), NULL, 10);
	return true;
}

static bool skip_texts(int fd)
{
	char text[TEXT_SIZE];
	uint64_t count;

	if (!get_number(fd, &count))
		return false;
	while (count > 0 && get_text(fd, text))
		count--;
	return count == 0;
}

static void send_all(int fd, struct buffer *b, const struct script *s)
{
	size_t step = s->is_drop_wise ? 1 : b->len;

	for (size_t at = 0; at < b->len; at += step) {
		if (fd_write_full(fd, b->data + at, step) < 0)
			_exit(0);
	}
	buffer_rewind(b);
}

static bool greet(int in, int out, struct buffer *b, const struct script *s)
{
	uint8_t two_numbers[16];

	if (fd_read_full(in, two_numbers, 16) != 16)
		return false;
	buffer_put_u64_le(b, 0x6478696f);
	buffer_put_u64_le(b, s->version);
	send_all(out, b, s);
	if (fd_read_full(in, two_numbers, 16) != 16)
		return false;
	if (s->version >= 0x121)
		put_text(b, "2.8.0");
	if (s->version >= 0x123)
		buffer_put_u64_le(b, 1);
	if (s->is_chatty)
		put_chatter(b);
	buffer_put_u64_le(b, 0x616c7473);
	send_all(out, b, s);
	return true;
}

static void put_answer(struct buffer *b, const struct script *s,
                       uint64_t question, unsigned index)
{
	if (s->is_chatty)
		put_chatter(b);
	if (s->error) {
		put_error(b, s->error);
		return;
	}
	buffer_put_u64_le(b, 0x616c7473);
	if (question == 26) {
		put_info(b, s, index);
	} else {
		buffer_put_u64_le(b, 1);
	}
}

static bool answer(int out, struct buffer *b, const struct script *s,
                   uint64_t question, unsigned index)
{
	put_answer(b, s, question, index);
	send_all(out, b, s);
	return true;
}

/* Which of them it has: a set in, a set out. */
static bool answer_valid(int in, int out, struct buffer *b,
                         const struct script *s)
{
	cleanup_buffer struct buffer found;
	uint64_t count, none, valid = 0;
	unsigned index;

	buffer_init(&found, (size_t)1024 * 1024);
	if (!get_number(in, &count))
		return false;
	for (; count > 0 && get_path(in, &index); count--) {
		if (index >= s->count)
			continue;
		put_path(&found, index);
		valid++;
	}
	if (count > 0 || (s->version >= 0x11b && !get_number(in, &none)))
		return false;
	if (s->is_chatty)
		put_chatter(b);
	buffer_put_u64_le(b, 0x616c7473);
	buffer_put_u64_le(b, valid);
	buffer_append_bytes(b, buffer_bytes(&found));
	send_all(out, b, s);
	return true;
}

static bool answer_signatures(int in, int out, struct buffer *b,
                              const struct script *s)
{
	unsigned index;

	return get_path(in, &index) && skip_texts(in) && index < s->count &&
	       answer(out, b, s, 37, index);
}

/* True at the end of the frames; *ret_len is what was in them. */
static bool get_frames(int in, const struct script *s, uint64_t *ret_len)
{
	uint64_t whole = 0, len;
	char bytes[4096];

	while (get_number(in, &len)) {
		if (len == 0) {
			*ret_len = whole;
			return true;
		}
		for (uint64_t left = len; left > 0;) {
			size_t n = left < sizeof(bytes) ? left : sizeof(bytes);

			if (fd_read_full(in, bytes, n) != (ssize_t)n)
				return false;
			left -= n;
			whole += n;
			if (s->die_within > 0 && whole >= s->die_within)
				return false;
		}
	}
	return false;
}

static void chatter(int out, struct buffer *b, const struct script *s)
{
	for (size_t len = 0; len < s->chatter; len += b->len) {
		buffer_rewind(b);
		put_chatter(b);
		if (fd_write_full(out, b->data, b->len) < 0)
			_exit(0);
	}
	buffer_rewind(b);
}

static bool answer_import(int in, int out, struct buffer *b,
                          const struct script *s)
{
	char text[TEXT_SIZE];
	uint64_t number, size, len = 0;
	unsigned index;

	if (!get_path(in, &index) || !get_text(in, text) ||
	    !get_text(in, text) || !skip_texts(in) ||
	    !get_number(in, &number) || !get_number(in, &size) ||
	    !get_number(in, &number) || !skip_texts(in) ||
	    !get_text(in, text) || !get_number(in, &number) ||
	    !get_number(in, &number))
		return false;
	chatter(out, b, s);
	if (s->is_early) {
		if (s->error) {
			put_error(b, s->error);
			put_error(b, s->error);
		} else {
			buffer_put_u64_le(b, 0x616c7473);
		}
		send_all(out, b, s);
		return s->error ? false : get_frames(in, s, &len);
	}
	if (!get_frames(in, s, &len))
		return false;
	if (s->error) {
		put_error(b, s->error);
	} else if (len != size) {
		put_error(b, "size mismatch importing path");
	} else {
		buffer_put_u64_le(b, 0x616c7473);
	}
	send_all(out, b, s);
	return true;
}

/* What follows the question's number is different for each of these. */
static bool answer_other(int in, int out, const struct script *s,
                         uint64_t question)
{
	cleanup_buffer struct buffer b;

	buffer_init(&b, (size_t)16 * 1024 * 1024);
	switch (question) {
	case 31:
		return answer_valid(in, out, &b, s);
	case 37:
		return answer_signatures(in, out, &b, s);
	case 39:
		return answer_import(in, out, &b, s);
	default:
		return false;
	}
}

static bool is_about_one_path(uint64_t question)
{
	return question == 10 || question == 11 || question == 26;
}

static void serve(int in, int out, const struct script *s)
{
	cleanup_buffer struct buffer b;
	unsigned index, roots = 0, infos = 0;
	uint64_t question;

	buffer_init(&b, (size_t)16 * 1024 * 1024);
	if (!greet(in, out, &b, s))
		return;
	for (unsigned n = 1; get_number(in, &question); n++) {
		if (s->die_after == n)
			return;
		if (!is_about_one_path(question)) {
			if (!answer_other(in, out, s, question))
				return;
			continue;
		}
		if (!get_path(in, &index))
			return;
		roots += question == 11 ? 1 : 0;
		infos += question == 26 ? 1 : 0;
		if (s->wants_roots && infos > roots)
			return;
		(void)answer(out, &b, s, question, index);
	}
}

void place_make(struct place *p)
{
	*p = (struct place){ .pid = -1 };
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/closure-XXXXXX");
	CHECK(mkdtemp(p->dir) != NULL);
}

/* Serves one connection, in a process of its own. */
void place_serve(struct place *p, const struct script *script)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int listener =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket",
	               p->dir);
	(void)snprintf(p->uri, sizeof(p->uri), "unix://%s/socket", p->dir);
	CHECK(bind(listener, (struct sockaddr *)&address, sizeof(address)) ==
	      0);
	CHECK(listen(listener, 4) == 0);
	(void)fflush(stdout);
	p->pid = fork();
	if (p->pid == 0) {
		int fd = accept(listener, NULL, NULL);

		serve(fd, fd, script);
		_exit(0);
	}
}

void place_remove(struct place *p)
{
	if (p->pid > 0) {
		(void)kill(p->pid, SIGTERM);
		(void)waitpid(p->pid, NULL, 0);
	}
	(void)remove_tree(p->dir);
}

/* Makes `program` what nix-daemon in PATH is, for the time of one open. */
int open_spawned(const struct place *p, const char *program, const char *store,
                 struct daemon **ret_daemon, struct daemon_error *error)
{
	char before[4096];
	char link[128];
	int rc;

	(void)snprintf(before, sizeof(before), "%s", getenv("PATH"));
	(void)snprintf(link, sizeof(link), "%s/nix-daemon", p->dir);
	if (program)
		CHECK(symlink(program, link) == 0);
	CHECK(setenv("PATH", p->dir, 1) == 0);
	rc = daemon_open(store, ret_daemon, error);
	CHECK(setenv("PATH", before, 1) == 0);
	return rc;
}

int run_line(char *const *argv, char *line, int size)
{
	int ends[2], status;
	FILE *file;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	(void)close(ends[1]);
	file = fdopen(ends[0], "r");
	line[0] = '\0';
	if (file && fgets(line, size, file))
		line[strcspn(line, "\n")] = '\0';
	if (file)
		(void)fclose(file);
	if (waitpid(pid, &status, 0) != pid)
		return -ECHILD;
	return status == 0 ? 0 : -EIO;
}

bool nix_daemon_is_called(int argc, char **argv)
{
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;

	return argc > 0 && strcmp(name ? name + 1 : argv[0], "nix-daemon") == 0;
}

int nix_daemon_main(void)
{
	struct script script = script_plain();

	serve(STDIN_FILENO, STDOUT_FILENO, &script);
	return 0;
}
