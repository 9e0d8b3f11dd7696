/* A tree of files, read as a NAR: the bytes are those that a second writer, in
 * here, makes of the same tree, whatever the sizes of reads are.
 *
 * The input is a list of operations: a byte that says which, a length, a name
 * or contents of that length. */
#include "tests/fuzz/fuzz.h"

#include "client/pack/nar_reader.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/cursor.h"
#include "protocol/base/fd.h"
#include "tests/lib/remove_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAR_MAX   ((size_t)1024 * 1024)
#define DEPTH_MAX 70
#define OPS_MAX   200

static void str(struct buffer *out, const void *text, size_t len)
{
	buffer_put_u64_le(out, len);
	buffer_append(out, text, len);
	for (; len % 8 != 0; len++)
		buffer_append_char(out, '\0');
}

static void word(struct buffer *out, const char *text)
{
	str(out, text, strlen(text));
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_node(int at, const char *name, struct buffer *out);

static void put_entries(int folder, struct buffer *out)
{
	DIR *stream = fdopendir(dup(folder));
	char *names[OPS_MAX + 1];
	struct dirent *entry;
	size_t count = 0;

	MUST(stream);
	/* cppcheck-suppress readdirCalled ; there are no threads here */
	while ((entry = readdir(stream))) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		MUST(count <= OPS_MAX);
		names[count++] = strdup(entry->d_name);
	}
	(void)closedir(stream);
	qsort((void *)names, count, sizeof(names[0]), by_bytes);
	for (size_t i = 0; i < count; i++) {
		word(out, "entry");
		word(out, "(");
		word(out, "name");
		word(out, names[i]);
		word(out, "node");
		put_node(folder, names[i], out);
		word(out, ")");
		free(names[i]);
	}
}

static void put_file(int at, const char *name, const struct stat *st,
                     struct buffer *out)
{
	cleanup_close int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
	char contents[512];

	MUST(fd >= 0 && (size_t)st->st_size <= sizeof(contents));
	MUST(fd_read_full(fd, contents, sizeof(contents)) == st->st_size);
	word(out, "regular");
	if (st->st_mode & S_IXUSR) {
		word(out, "executable");
		word(out, "");
	}
	word(out, "contents");
	str(out, contents, (size_t)st->st_size);
}

static void put_node(int at, const char *name, struct buffer *out)
{
	char target[PATH_MAX];
	struct stat st;
	ssize_t len;

	MUST(fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
	word(out, "(");
	word(out, "type");
	if (S_ISREG(st.st_mode)) {
		put_file(at, name, &st, out);
	} else if (S_ISLNK(st.st_mode)) {
		len = readlinkat(at, name, target, sizeof(target));
		MUST(len > 0);
		word(out, "symlink");
		word(out, "target");
		str(out, target, (size_t)len);
	} else {
		cleanup_close int fd =
			openat(at, name,
		               O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

		MUST(fd >= 0);
		word(out, "directory");
		put_entries(fd, out);
	}
	word(out, ")");
}

static int read_nar(const char *path, size_t size, struct buffer *out)
{
	cleanup_nar_reader struct nar_reader *reader = NULL;
	uint8_t piece[4096];
	size_t len = size;
	int rc;

	MUST(nar_reader_open(path, &reader) == 0);
	do {
		bool was_short = len < size;

		rc = nar_reader_read(reader, piece, size, &len);
		if (rc == 0) {
			MUST(len <= size && (!was_short || len == 0));
			buffer_append(out, piece, len);
		}
	} while (rc == 0 && len > 0);
	MUST(buffer_end(out) == 0);
	if (rc < 0) {
		const char *complaint = nar_reader_complaint(reader);

		MUST(complaint[0] != '\0');
		fuzz_check_printable(complaint, strlen(complaint) + 1);
	}
	return rc;
}

struct tree {
	char path[40];
	int fds[DEPTH_MAX]; /* of the folders down to where we are */
	size_t depth;
	bool is_odd; /* has what no NAR can hold */
};

static void make_file(int at, const char *name, struct bytes contents,
                      mode_t mode)
{
	cleanup_close int fd =
		openat(at, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	MUST(fd_write_full(fd, contents.data, contents.len) == 0);
	MUST(fchmod(fd, mode) == 0);
}

static void enter(struct tree *t, const char *name)
{
	int at = t->fds[t->depth], fd;

	if (t->depth + 1 == DEPTH_MAX || mkdirat(at, name, 0700) < 0)
		return;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MUST(fd >= 0);
	t->fds[++t->depth] = fd;
	t->is_odd = t->is_odd || t->depth >= NAR_DEPTH_MAX;
}

static void operate(struct tree *t, unsigned what, struct bytes text)
{
	int at = t->fds[t->depth];
	char name[256];

	(void)snprintf(name, sizeof(name), "%.*s", (int)text.len,
	               (const char *)text.data);
	if (what % 6 == 5) {
		if (t->depth > 0)
			(void)close(t->fds[t->depth--]);
		return;
	}
	/* Never above or beside the tree. */
	if (name[0] == '\0' || strchr(name, '/') || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return;
	switch (what % 6) {
	case 0:
		enter(t, name);
		break;
	case 1:
	case 2:
		make_file(at, name, text, what & 0x40 ? 0700 : 0655);
		break;
	case 3:
		(void)symlinkat(name, at, name);
		break;
	case 4:
		if (mkfifoat(at, name, 0600) == 0)
			t->is_odd = true;
		break;
	}
}

static void tree_make(struct tree *t, struct bytes in)
{
	struct cursor c;

	*t = (struct tree){ .depth = 0 };
	/* Memory is faster, where there is such a folder. */
	(void)snprintf(t->path, sizeof(t->path), "%s/fuzz-nar-XXXXXX",
	               access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	MUST(mkdtemp(t->path));
	t->fds[0] = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MUST(t->fds[0] >= 0);
	cursor_init(&c, in);
	for (size_t i = 0; i < OPS_MAX && c.left > 0 && !c.failed; i++) {
		unsigned what = cursor_get_u8(&c);
		size_t len = what % 6 == 5 ? 0 : cursor_get_u8(&c);

		operate(t, what, cursor_get_raw(&c, len));
	}
}

static void tree_remove(struct tree *t)
{
	for (size_t i = 0; i <= t->depth; i++)
		(void)close(t->fds[i]);
	MUST(remove_tree(t->path) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	cleanup_buffer struct buffer want, got, again;
	struct tree tree;
	int rc;

	if (len > 8192)
		return 0;
	buffer_init(&want, NAR_MAX);
	buffer_init(&got, NAR_MAX);
	buffer_init(&again, NAR_MAX);
	tree_make(&tree, (struct bytes){ bytes, len });
	rc = read_nar(tree.path, 4096, &got);
	MUST(rc == read_nar(tree.path, 7, &again));
	MUST((rc < 0) == tree.is_odd);
	if (rc == 0) {
		word(&want, "nix-archive-1");
		put_node(AT_FDCWD, tree.path, &want);
		MUST(bytes_equal(buffer_bytes(&want), buffer_bytes(&got)));
		MUST(bytes_equal(buffer_bytes(&want), buffer_bytes(&again)));
	}
	tree_remove(&tree);
	return 0;
}
