#include "client/pack/nar_reader.h"

#include "client/pack/listing.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/cursor.h"
#include "protocol/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/*
 * Two sources of bytes: "pending", the tokens made by the last step, and the
 * open file, whose bytes go straight into the caller's buffer.  When both are
 * dry a step is taken: the path itself first, then the end of a file, the next
 * entry of the innermost directory, or that directory's end.
 *
 * Format: Nix manual, "Nix Archive (NAR) format".  Every string has a length of
 * 8 bytes, little endian, and is padded with zeros to a multiple of 8.
 */

#define PENDING_MAX    16384
#define ADVISE_MIN     ((size_t)1024 * 1024) /* files worth a system call more */
#define SHOWN_PATH_MAX 160
#define OPEN_FLAGS     (O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

struct level {
	int fd;
	struct listing listing;
	size_t next;
};

struct nar_reader {
	char *path; /* owned */
	int error;  /* sticks */
	bool has_begun;
	bool is_done;
	int file;      /* or -1 */
	uint64_t size; /* of the file */
	uint64_t left; /* of it to read */
	size_t depth;
	struct level levels[NAR_DEPTH_MAX];
	struct buffer pending;
	size_t pending_at;
	char complaint[256];
};

int nar_reader_open(const char *path, struct nar_reader **ret_reader)
{
	struct nar_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->file = -1;
	buffer_init(&r->pending, PENDING_MAX);
	r->path = strdup(path);
	if (!r->path) {
		nar_reader_close(r);
		return -ENOMEM;
	}
	*ret_reader = r;
	return 0;
}

static void level_clear(struct level *level)
{
	close_at(&level->fd);
	listing_clear(&level->listing);
}

void nar_reader_close(struct nar_reader *reader)
{
	if (!reader)
		return;
	while (reader->depth > 0)
		level_clear(&reader->levels[--reader->depth]);
	close_at(&reader->file);
	buffer_clear(&reader->pending);
	free(reader->path);
	free(reader);
}

const char *nar_reader_complaint(const struct nar_reader *reader)
{
	return reader->complaint;
}

/* Where we are, inside the path; empty for the path itself. */
static void current_path(const struct nar_reader *r, char *out, size_t size)
{
	char inside[PATH_MAX];
	struct buffer b;
	size_t cut = 0;

	buffer_wrap(&b, inside, sizeof(inside));
	for (size_t i = 0; i < r->depth; i++) {
		const struct level *level = &r->levels[i];

		if (level->next == 0)
			break;
		buffer_append_text(&b, i > 0 ? "/" : "");
		buffer_append_text(&b, listing_name(&level->listing,
		                                    level->next - 1));
	}
	if (b.len > size - 1)
		cut = b.len - (size - 1);
	text_printable(inside + cut, b.len - cut, out, size);
}

static int complain(struct nar_reader *r, int rc, const char *what)
{
	char where[SHOWN_PATH_MAX];

	current_path(r, where, sizeof(where));
	(void)snprintf(r->complaint, sizeof(r->complaint), "%s%s%s", where,
	               where[0] != '\0' ? ": " : "", what);
	r->error = rc;
	return rc;
}

static int complain_errno(struct nar_reader *r, int rc)
{
	return complain(r, rc, strerrordesc_np(-rc));
}

static void pad(struct nar_reader *r, uint64_t len)
{
	buffer_append(&r->pending, "\0\0\0\0\0\0\0", (8 - len % 8) % 8);
}

static void put(struct nar_reader *r, const char *text)
{
	size_t len = strlen(text);

	buffer_put_u64_le(&r->pending, len);
	buffer_append(&r->pending, text, len);
	pad(r, len);
}

/* Closes a node, and the entry it is in. */
static void end_node(struct nar_reader *r)
{
	put(r, ")");
	if (r->depth > 0) {
		put(r, ")");
	} else {
		r->is_done = true;
	}
}

/* The file's size is in the NAR before its bytes: they must agree. */
static int end_file(struct nar_reader *r)
{
	struct stat st;

	if (fstat(r->file, &st) < 0)
		return complain_errno(r, -errno);
	if ((uint64_t)st.st_size != r->size)
		return complain(r, -EBADMSG, "changed while it was read");

	(void)close(r->file);
	r->file = -1;
	pad(r, r->size);
	end_node(r);
	return 0;
}

static int begin_file(struct nar_reader *r, int at, const char *name)
{
	struct stat st;

	r->file = openat(at, name, OPEN_FLAGS);
	if (r->file < 0 || fstat(r->file, &st) < 0)
		return complain_errno(r, -errno);
	if (!S_ISREG(st.st_mode))
		return complain(r, -EBADMSG, "changed while it was read");

	r->size = (uint64_t)st.st_size;
	r->left = r->size;
	if (r->size >= ADVISE_MIN)
		(void)posix_fadvise(r->file, 0, 0, POSIX_FADV_SEQUENTIAL);
	put(r, "regular");
	if (st.st_mode & S_IXUSR) {
		put(r, "executable");
		put(r, "");
	}
	put(r, "contents");
	buffer_put_u64_le(&r->pending, r->size);
	return 0;
}

static int begin_directory(struct nar_reader *r, int at, const char *name)
{
	struct level level = { .fd = -1 };
	int rc;

	if (r->depth == NAR_DEPTH_MAX)
		return complain(r, -ELOOP, "directories are nested too deeply");

	level.fd = openat(at, name, OPEN_FLAGS | O_DIRECTORY);
	if (level.fd < 0)
		return complain_errno(r, -errno);
	rc = listing_load(level.fd, &level.listing);
	if (rc < 0) {
		level_clear(&level);
		return complain(r, rc,
		                rc == -E2BIG ? "too many entries"
		                             : strerrordesc_np(-rc));
	}
	r->levels[r->depth++] = level;
	put(r, "directory");
	return 0;
}

static int add_symlink(struct nar_reader *r, int at, const char *name)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(at, name, target, sizeof(target));

	if (len < 0)
		return complain_errno(r, -errno);
	if ((size_t)len >= sizeof(target))
		return complain_errno(r, -ENAMETOOLONG);
	target[len] = '\0';
	put(r, "symlink");
	put(r, "target");
	put(r, target);
	end_node(r);
	return 0;
}

/* DT_* also where the file system does not tell in its listing. */
static int find_type(struct nar_reader *r, int at, const char *name,
                     uint8_t *type)
{
	struct stat st;

	if (*type != DT_UNKNOWN)
		return 0;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return complain_errno(r, -errno);
	*type = (uint8_t)IFTODT(st.st_mode);
	return 0;
}

static int begin_node(struct nar_reader *r, int at, const char *name,
                      uint8_t type)
{
	int rc;

	rc = find_type(r, at, name, &type);
	if (rc < 0)
		return rc;

	put(r, "(");
	put(r, "type");
	switch (type) {
	case DT_REG:
		return begin_file(r, at, name);
	case DT_DIR:
		return begin_directory(r, at, name);
	case DT_LNK:
		return add_symlink(r, at, name);
	default:
		return complain(r, -EINVAL,
		                "not a file, directory or symbolic link");
	}
}

static int next_entry(struct nar_reader *r)
{
	struct level *level = &r->levels[r->depth - 1];
	const char *name;
	uint8_t type;

	if (level->next == level->listing.count) {
		level_clear(level);
		r->depth--;
		end_node(r);
		return 0;
	}

	name = listing_name(&level->listing, level->next);
	type = level->listing.entries[level->next].type;
	level->next++;
	put(r, "entry");
	put(r, "(");
	put(r, "name");
	put(r, name);
	put(r, "node");
	return begin_node(r, level->fd, name, type);
}

/* Makes the next pending bytes, or opens the next file. */
static int step(struct nar_reader *r)
{
	int rc;

	buffer_rewind(&r->pending);
	r->pending_at = 0;
	if (!r->has_begun) {
		r->has_begun = true;
		put(r, "nix-archive-1");
		rc = begin_node(r, AT_FDCWD, r->path, DT_UNKNOWN);
	} else if (r->file >= 0) {
		rc = end_file(r);
	} else {
		rc = next_entry(r);
	}
	if (rc == 0 && buffer_end(&r->pending) < 0)
		return complain_errno(r, buffer_end(&r->pending));
	return rc;
}

static size_t take_pending(struct nar_reader *r, uint8_t *out, size_t size)
{
	size_t len = r->pending.len - r->pending_at;

	if (len > size)
		len = size;
	memcpy(out, r->pending.data + r->pending_at, len);
	r->pending_at += len;
	return len;
}

static int read_file(struct nar_reader *r, uint8_t *out, size_t size,
                     size_t *ret_len)
{
	ssize_t n;

	n = read(r->file, out, size < r->left ? size : (size_t)r->left);
	if (n < 0 && errno != EINTR)
		return complain_errno(r, -errno);
	if (n == 0)
		return complain(r, -EBADMSG, "changed while it was read");
	*ret_len = n > 0 ? (size_t)n : 0;
	r->left -= *ret_len;
	return 0;
}

int nar_reader_read(struct nar_reader *reader, void *out, size_t size,
                    size_t *ret_len)
{
	struct nar_reader *r = reader;
	size_t done = 0;

	while (r->error == 0 && done < size) {
		uint8_t *at = (uint8_t *)out + done;
		size_t n = 0;

		if (r->pending_at < r->pending.len) {
			n = take_pending(r, at, size - done);
		} else if (r->file >= 0 && r->left > 0) {
			(void)!read_file(r, at, size - done, &n);
		} else if (r->is_done) {
			break;
		} else {
			(void)!step(r);
		}
		done += n;
	}
	if (r->error < 0)
		return r->error;
	*ret_len = done;
	return 0;
}
