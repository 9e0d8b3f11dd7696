#include "client/nixconf/nix_conf_files.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#define USER_MAX  ((size_t)4096) /* a line of passwd(5) */
#define READ_STEP ((size_t)64 * 1024)

/* Set, and not to nothing. */
static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

const char *nix_conf_folder(void)
{
	const char *folder = environment("NIX_CONF_DIR");

	return folder ? folder : "/etc/nix";
}

/* Like asprintf(3), but tells what went wrong. */
static int join(const char *folder, const char *name, char **ret_path)
{
	if (asprintf(ret_path, "%s/%s", folder, name) < 0)
		return -ENOMEM;
	return 0;
}

/* Below what HOME says, or the user database. */
static int below_home(const char *name, char **ret_path)
{
	const char *home = environment("HOME");
	struct passwd user, *found = NULL;
	char text[USER_MAX];

	if (home)
		return join(home, name, ret_path);
	(void)getpwuid_r(geteuid(), &user, text, sizeof(text), &found);
	if (!found || !user.pw_dir[0])
		return -ENOENT;
	return join(user.pw_dir, name, ret_path);
}

int nix_conf_own_folder(char **ret_folder)
{
	const char *folder = environment("NIX_CONFIG_HOME");

	if (folder) {
		*ret_folder = strdup(folder);
		return *ret_folder ? 0 : -ENOMEM;
	}
	folder = environment("XDG_CONFIG_HOME");
	if (folder)
		return join(folder, "nix", ret_folder);
	return below_home(".config/nix", ret_folder);
}

static int add_part(struct strings *files, const char *part, int len,
                    const char *suffix)
{
	cleanup_free char *file = NULL;

	if (asprintf(&file, "%.*s%s", len, part, suffix) < 0) {
		file = NULL;
		return -ENOMEM;
	}
	return strings_add(files, file, strlen(file));
}

/* The parts of a list in the manner of PATH, each with suffix behind. */
static int add_parts(struct strings *files, const char *list,
                     const char *suffix)
{
	int rc = 0;

	while (*list && rc == 0) {
		size_t len = strcspn(list, ":");

		if (len > 0)
			rc = add_part(files, list, (int)len, suffix);
		list += len + (list[len] == ':');
	}
	return rc;
}

static int add_own(struct strings *files)
{
	cleanup_free char *folder = NULL, *file = NULL;
	int rc;

	rc = nix_conf_own_folder(&folder);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	rc = join(folder, "nix.conf", &file);
	if (rc < 0)
		return rc;
	return strings_add(files, file, strlen(file));
}

/* What Nix names first, it reads last. */
static void reverse(struct strings *list)
{
	for (size_t i = 0; i < list->count / 2; i++) {
		char *item = list->items[i];

		list->items[i] = list->items[list->count - 1 - i];
		list->items[list->count - 1 - i] = item;
	}
}

int nix_conf_own_files(struct strings *ret_files)
{
	const char *list = getenv("NIX_USER_CONF_FILES");
	struct strings files = { .items = NULL };
	int rc;

	/* Set to nothing means none, here and with XDG_CONFIG_DIRS. */
	if (list) {
		rc = add_parts(&files, list, "");
	} else {
		list = getenv("XDG_CONFIG_DIRS");
		rc = add_own(&files);
		if (rc == 0) {
			rc = add_parts(&files, list ? list : "/etc/xdg",
			               "/nix/nix.conf");
		}
	}
	if (rc < 0) {
		strings_clear(&files);
		return rc;
	}
	reverse(&files);
	*ret_files = files;
	return 0;
}

/* Appends /PART, or takes the last one away for "..". */
static void append_part(struct buffer *path, struct bytes part)
{
	if (part.len == 0 || bytes_equal(part, bytes_of_text(".")))
		return;
	if (!bytes_equal(part, bytes_of_text(".."))) {
		buffer_append_char(path, '/');
		buffer_append_bytes(path, part);
		return;
	}
	while (path->len > 0 && path->data[path->len - 1] != '/')
		path->len--;
	if (path->len > 0)
		path->len--;
}

static void append_parts(struct buffer *path, struct bytes parts)
{
	while (parts.len > 0) {
		const uint8_t *end = memchr(parts.data, '/', parts.len);
		size_t len = end ? (size_t)(end - parts.data) : parts.len;
		size_t step = end ? len + 1 : len;

		append_part(path, (struct bytes){ parts.data, len });
		parts.data += step;
		parts.len -= step;
	}
}

int nix_conf_path(const char *base, struct bytes path, char **ret_path)
{
	cleanup_free char *here = NULL;
	const char *slash = strrchr(base, '/');
	cleanup_buffer struct buffer b;
	const char *text;

	buffer_init(&b, NIX_CONF_PATH_MAX);
	if (path.len == 0 || path.data[0] != '/') {
		if (base[0] != '/') {
			here = getcwd(NULL, 0);
			append_parts(&b, bytes_of_text(here ? here : "/"));
		}
		if (slash) {
			append_parts(&b,
			             (struct bytes){ (const uint8_t *)base,
			                             (size_t)(slash - base) });
		}
	}
	append_parts(&b, path);
	if (b.len == 0)
		buffer_append_char(&b, '/');
	text = buffer_text(&b);
	if (!text)
		return buffer_end(&b);
	*ret_path = strdup(text);
	return *ret_path ? 0 : -ENOMEM;
}

int nix_conf_read(const char *path, size_t max, struct buffer *ret_text)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	cleanup_buffer struct buffer text;
	ssize_t count;

	/* A step more than may be, which tells a longer file. */
	buffer_init(&text, max + READ_STEP);
	if (fd < 0)
		return -errno;
	do {
		uint8_t *room = buffer_reserve(&text, READ_STEP);

		if (!room)
			return buffer_end(&text) == -ENOMEM ? -ENOMEM : -EFBIG;
		count = fd_read_full(fd, room, READ_STEP);
		if (count < 0)
			return (int)count;
		text.len += (size_t)count;
		if (text.len > max)
			return -EFBIG;
	} while ((size_t)count == READ_STEP);
	*ret_text = text;
	buffer_init(&text, 0);
	return 0;
}
