#include "tests/lib/test.h"

#include "client/pack/nar_reader.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/cursor.h"
#include "tests/lib/remove_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE_MAX ((size_t)4 * 1024 * 1024)

struct tree {
	char path[64];
	int fd;
};

static void tree_make(struct tree *t)
{
	*t = (struct tree){ .path = "/tmp/nar-reader-XXXXXX" };
	CHECK(mkdtemp(t->path) != NULL);
	t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(t->fd >= 0);
}

static void tree_remove(struct tree *t)
{
	(void)close(t->fd);
	(void)remove_tree(t->path);
}

static void make_file(int at, const char *name, const char *text, mode_t mode)
{
	cleanup_close int fd =
		openat(at, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(fchmod(fd, mode) == 0);
}

/* Reads with a buffer of size bytes; appends to out. */
static int read_all(const char *path, size_t size, struct buffer *out,
                    char *complaint)
{
	cleanup_nar_reader struct nar_reader *r = NULL;
	int rc;

	rc = nar_reader_open(path, &r);
	while (rc == 0) {
		uint8_t *room = buffer_reserve(out, size);
		size_t len = 0;

		if (!room)
			return -EMSGSIZE;
		rc = nar_reader_read(r, room, size, &len);
		if (rc == 0 && len == 0)
			return 0;
		CHECK(rc < 0 || len <= size);
		if (rc == 0)
			out->len += len;
	}
	if (complaint)
		(void)snprintf(complaint, 256, "%s", nar_reader_complaint(r));
	return rc;
}

static void str(struct buffer *b, const char *text)
{
	size_t len = strlen(text);

	buffer_put_u64_le(b, len);
	buffer_append(b, text, len);
	while (len++ % 8 != 0)
		buffer_append_char(b, '\0');
}

static void strs(struct buffer *b, const char *const *texts)
{
	for (; *texts; texts++)
		str(b, *texts);
}

#define STRS(b, ...) strs((b), (const char *const[]){ __VA_ARGS__, NULL })

static void check_nar(const char *path, struct buffer *want)
{
	static const size_t sizes[] = { 1, 7, 8, 96, 4096, 65536 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cleanup_buffer struct buffer got;

		buffer_init(&got, TREE_MAX);
		CHECK(read_all(path, sizes[i], &got, NULL) == 0);
		CHECK(bytes_equal(buffer_bytes(&got), buffer_bytes(want)));
	}
}

static void a_file_has_its_contents_at_offset_96(void)
{
	cleanup_buffer struct buffer want;
	char path[PATH_MAX];
	struct tree t;

	tree_make(&t);
	make_file(t.fd, "plain", "hello", 0644);
	buffer_init(&want, TREE_MAX);
	STRS(&want, "nix-archive-1", "(", "type", "regular", "contents");
	CHECK(want.len == 88);
	STRS(&want, "hello", ")");
	(void)snprintf(path, sizeof(path), "%s/plain", t.path);
	check_nar(path, &want);
	tree_remove(&t);
}

static void only_the_owners_x_bit_counts(void)
{
	static const struct {
		mode_t mode;
		bool is_executable;
	} cases[] = {
		{ 0700, true }, { 0555, true }, { 0677, false }, { 0444, false }
	};
	char path[PATH_MAX];
	struct tree t;

	tree_make(&t);
	(void)snprintf(path, sizeof(path), "%s/file", t.path);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_buffer struct buffer want;

		(void)unlinkat(t.fd, "file", 0);
		make_file(t.fd, "file", "x", cases[i].mode);
		buffer_init(&want, TREE_MAX);
		STRS(&want, "nix-archive-1", "(", "type", "regular");
		if (cases[i].is_executable)
			STRS(&want, "executable", "");
		STRS(&want, "contents", "x", ")");
		check_nar(path, &want);
	}
	tree_remove(&t);
}

static void a_symlink_is_not_followed_wherever_it_points(void)
{
	static const char *const targets[] = { "/etc/passwd", "gone", ".",
		                               "../x" };
	char path[PATH_MAX];
	struct tree t;

	tree_make(&t);
	(void)snprintf(path, sizeof(path), "%s/link", t.path);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		cleanup_buffer struct buffer want;

		(void)unlinkat(t.fd, "link", 0);
		CHECK(symlinkat(targets[i], t.fd, "link") == 0);
		buffer_init(&want, TREE_MAX);
		STRS(&want, "nix-archive-1", "(", "type", "symlink", "target",
		     targets[i], ")");
		check_nar(path, &want);
	}
	tree_remove(&t);
}

/* By bytes, not by a locale, and not as if '/' took part. */
static void entries_come_in_the_order_of_their_bytes(void)
{
	static const char *const names[] = { "A",  "a",  "a-b",      "a.b",
		                             "a0", "ab", "\xc3\xa4", "\xff" };
	static const char *const order[] = { "ab", "\xff",     "a.b", "A",
		                             "a0", "\xc3\xa4", "a",   "a-b" };
	cleanup_buffer struct buffer want;
	struct tree t;

	tree_make(&t);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		make_file(t.fd, order[i], "", 0644);
	buffer_init(&want, TREE_MAX);
	STRS(&want, "nix-archive-1", "(", "type", "directory");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		STRS(&want, "entry", "(", "name", names[i], "node", "(", "type",
		     "regular", "contents", "", ")", ")");
	}
	STRS(&want, ")");
	check_nar(t.path, &want);
	tree_remove(&t);
}

static void directories_nest_and_may_be_empty(void)
{
	cleanup_buffer struct buffer want;
	struct tree t;

	tree_make(&t);
	CHECK(mkdirat(t.fd, "d", 0755) == 0 && mkdirat(t.fd, "d/e", 0755) == 0);
	make_file(t.fd, "d/f", "12345678", 0644);
	make_file(t.fd, "z", "123456789", 0644);
	buffer_init(&want, TREE_MAX);
	STRS(&want, "nix-archive-1", "(", "type", "directory", "entry", "(",
	     "name", "d", "node", "(", "type", "directory", "entry", "(",
	     "name", "e", "node", "(", "type", "directory", ")", ")", "entry",
	     "(", "name", "f", "node", "(", "type", "regular", "contents",
	     "12345678", ")", ")", ")", ")", "entry", "(", "name", "z", "node",
	     "(", "type", "regular", "contents", "123456789", ")", ")", ")");
	check_nar(t.path, &want);
	tree_remove(&t);
}

static void anything_but_files_directories_and_links_is_named(void)
{
	cleanup_buffer struct buffer got;
	char complaint[256] = "", path[PATH_MAX];
	struct tree t;

	tree_make(&t);
	CHECK(mkdirat(t.fd, "sub", 0755) == 0);
	CHECK(mkfifoat(t.fd, "sub/fi\033fo", 0644) == 0);
	buffer_init(&got, TREE_MAX);
	CHECK(read_all(t.path, 64, &got, complaint) == -EINVAL);
	CHECK(strcmp(complaint,
	             "sub/fi?fo: not a file, directory or symbolic link") == 0);

	(void)snprintf(path, sizeof(path), "%s/sub/fi\033fo", t.path);
	CHECK(read_all(path, 64, &got, complaint) == -EINVAL);
	CHECK(strcmp(complaint, "not a file, directory or symbolic link") == 0);
	tree_remove(&t);
}

static void a_path_that_is_not_there_is_enoent(void)
{
	cleanup_buffer struct buffer got;
	char complaint[256] = "";

	buffer_init(&got, TREE_MAX);
	CHECK(read_all("/nonexistent/path", 64, &got, complaint) == -ENOENT);
	CHECK(complaint[0] != '\0');
}

static int read_nested(const struct tree *t, size_t depth, char *complaint)
{
	cleanup_buffer struct buffer got;
	cleanup_close int at = dup(t->fd);

	for (size_t i = 1; i < depth; i++) {
		int next;

		CHECK(mkdirat(at, "d", 0755) == 0);
		next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(at);
		at = next;
	}
	make_file(at, "file", "deep", 0644);
	buffer_init(&got, TREE_MAX);
	return read_all(t->path, 512, &got, complaint);
}

static void directories_nest_64_deep_and_no_deeper(void)
{
	char complaint[256] = "";
	struct tree t;

	tree_make(&t);
	CHECK(read_nested(&t, NAR_DEPTH_MAX, complaint) == 0);
	tree_remove(&t);
	tree_make(&t);
	CHECK(read_nested(&t, NAR_DEPTH_MAX + 1, complaint) == -ELOOP);
	CHECK(strstr(complaint, "too deeply") != NULL);
	tree_remove(&t);
}

static void change_size(const struct tree *t, off_t size)
{
	cleanup_close int fd = openat(t->fd, "f", O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0 && ftruncate(fd, size) == 0);
}

static void a_file_whose_size_changes_is_an_error(void)
{
	static const off_t sizes[] = { 0, 20, 99, 101, 4096 };
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cleanup_nar_reader struct nar_reader *r = NULL;
		struct tree t;
		char out[512];
		size_t len;

		tree_make(&t);
		make_file(t.fd, "f", "", 0644);
		change_size(&t, 100);
		(void)snprintf(path, sizeof(path), "%s/f", t.path);
		CHECK(nar_reader_open(path, &r) == 0);
		CHECK(nar_reader_read(r, out, 100, &len) == 0 && len == 100);
		change_size(&t, sizes[i]);
		CHECK(nar_reader_read(r, out, sizeof(out), &len) == -EBADMSG);
		CHECK(strstr(nar_reader_complaint(r), "changed") != NULL);
		CHECK(nar_reader_read(r, out, sizeof(out), &len) == -EBADMSG);
		tree_remove(&t);
	}
}

static void no_descriptor_is_left_open(void)
{
	cleanup_nar_reader struct nar_reader *r = NULL;
	int before, after;
	struct tree t;
	char out[300];
	size_t len;

	tree_make(&t);
	CHECK(mkdirat(t.fd, "d", 0755) == 0);
	make_file(t.fd, "d/f", "some text", 0644);
	before = dup(0);
	(void)close(before);
	CHECK(nar_reader_open(t.path, &r) == 0);
	CHECK(nar_reader_read(r, out, sizeof(out), &len) == 0);
	nar_reader_close(r);
	r = NULL;
	after = dup(0);
	(void)close(after);
	CHECK(before == after);
	tree_remove(&t);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a file has its contents at offset 96",
		  a_file_has_its_contents_at_offset_96 },
		{ "only the owner's x bit counts",
		  only_the_owners_x_bit_counts },
		{ "a symlink is not followed, wherever it points",
		  a_symlink_is_not_followed_wherever_it_points },
		{ "entries come in the order of their bytes",
		  entries_come_in_the_order_of_their_bytes },
		{ "directories nest and may be empty",
		  directories_nest_and_may_be_empty },
		{ "anything but files, directories and links is named",
		  anything_but_files_directories_and_links_is_named },
		{ "a path that is not there is ENOENT",
		  a_path_that_is_not_there_is_enoent },
		{ "directories nest 64 deep and no deeper",
		  directories_nest_64_deep_and_no_deeper },
		{ "a file whose size changes is an error",
		  a_file_whose_size_changes_is_an_error },
		{ "no descriptor is left open", no_descriptor_is_left_open },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
