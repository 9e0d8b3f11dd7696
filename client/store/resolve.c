#include "client/store/closure.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * A path is walked one component at a time, because the walk has to stop at
 * the store path: a store path may itself be a symbolic link, and realpath()
 * would go through it.  "done" is what was walked, without links in it; "rest"
 * is what is still to be walked.
 *
 * The store may be reached by its logical name (/nix/store, which need not
 * exist on this file system when the store is a chroot store) or by where its
 * files lie.  An absolute path that begins with the logical name is taken as
 * such before anything is looked up.
 */

#define LINKS_MAX 40 /* as the kernel's own limit */

struct walk {
	const struct daemon *daemon;
	unsigned links;
	char done[PATH_MAX]; /* absolute; empty for "/" */
	char rest[PATH_MAX];
	char link[PATH_MAX];
};

/* Puts text and a slash before what is left to walk. */
static int prepend(struct walk *w, const char *text, size_t len)
{
	size_t rest = strlen(w->rest);

	if (len + 1 + rest >= sizeof(w->rest))
		return -ENAMETOOLONG;
	memmove(w->rest + len + 1, w->rest, rest + 1);
	memcpy(w->rest, text, len);
	w->rest[len] = '/';
	return 0;
}

/* "x/../.." leads out of where it began. */
static bool climbs_out(const char *rest)
{
	size_t depth = 0;

	while (*rest != '\0') {
		size_t len = strcspn(rest, "/");

		if (len == 2 && strncmp(rest, "..", 2) == 0) {
			if (depth == 0)
				return true;
			depth--;
		} else if (len > 0 && !(len == 1 && rest[0] == '.')) {
			depth++;
		}
		rest += len + strspn(rest + len, "/");
	}
	return false;
}

/* The rest, seen from the store directory: -EINVAL if no store path. */
static int take_base(const char *rest, char ret_base[STORE_PATH_BASE_SIZE])
{
	size_t len = strcspn(rest, "/");

	if (!store_path_base_is_valid(rest, len) || climbs_out(rest + len))
		return -EINVAL;
	memcpy(ret_base, rest, len);
	ret_base[len] = '\0';
	return 0;
}

/* The rest begins, from the root, with the logical store directory. */
static const char *after_store_dir(const struct walk *w)
{
	const char *dir = daemon_store_dir(w->daemon) + 1;
	const char *rest = w->rest + strspn(w->rest, "/");
	size_t len = strlen(dir);

	if (w->done[0] != '\0' || strncmp(rest, dir, len) != 0 ||
	    rest[len] != '/')
		return NULL;
	rest += len;
	return rest + strspn(rest, "/");
}

static bool is_in_store(const struct walk *w)
{
	return strcmp(w->done, daemon_store_dir(w->daemon)) == 0 ||
	       strcmp(w->done, daemon_physical_dir(w->daemon)) == 0;
}

static void go_up(struct walk *w)
{
	char *slash = strrchr(w->done, '/');

	if (slash)
		*slash = '\0';
}

static int follow(struct walk *w, size_t len)
{
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	if (w->link[0] == '/') {
		w->done[0] = '\0';
	} else {
		go_up(w);
	}
	return prepend(w, w->link, len);
}

/* Goes into the component of len bytes that rest begins with. */
static int enter(struct walk *w, size_t len)
{
	size_t done = strlen(w->done);
	ssize_t link;

	if (done + 1 + len >= sizeof(w->done))
		return -ENAMETOOLONG;
	w->done[done] = '/';
	memcpy(w->done + done + 1, w->rest, len);
	w->done[done + 1 + len] = '\0';
	memmove(w->rest, w->rest + len, strlen(w->rest + len) + 1);

	link = readlink(w->done, w->link, sizeof(w->link));
	if (link >= (ssize_t)sizeof(w->link))
		return -ENAMETOOLONG;
	if (link >= 0)
		return follow(w, (size_t)link);
	return errno == EINVAL ? 0 : -errno;
}

/* One component.  1: *ret_base is found. */
static int walk_step(struct walk *w, char ret_base[STORE_PATH_BASE_SIZE])
{
	const char *inside = after_store_dir(w);
	size_t len;
	int rc;

	if (inside) {
		rc = take_base(inside, ret_base);
		return rc == 0 ? 1 : rc;
	}

	memmove(w->rest, w->rest + strspn(w->rest, "/"),
	        strlen(w->rest + strspn(w->rest, "/")) + 1);
	len = strcspn(w->rest, "/");
	if (len == 0)
		return -EINVAL;
	if (len <= 2 && strncmp(w->rest, "..", len) == 0) {
		if (len == 2)
			go_up(w);
		memmove(w->rest, w->rest + len, strlen(w->rest + len) + 1);
		return 0;
	}
	if (is_in_store(w)) {
		rc = take_base(w->rest, ret_base);
		return rc == 0 ? 1 : rc;
	}
	return enter(w, len);
}

static int walk_start(struct walk *w, const char *path)
{
	size_t len = strlen(path);

	if (len >= sizeof(w->rest))
		return -ENAMETOOLONG;
	memcpy(w->rest, path, len + 1);
	if (path[0] == '/')
		return 0;
	if (path[0] == '\0')
		return -ENOENT;
	if (!getcwd(w->link, sizeof(w->link)))
		return -errno;
	return prepend(w, w->link, strlen(w->link));
}

static int explain(int rc, const char *path, const struct daemon *daemon,
                   struct daemon_error *error)
{
	char printable[300];

	text_printable(path, strlen(path), printable, sizeof(printable));
	if (rc == -EINVAL) {
		(void)snprintf(error->text, sizeof(error->text),
		               "%s: not in the Nix store (%.100s)", printable,
		               daemon_store_dir(daemon));
	} else {
		(void)snprintf(error->text, sizeof(error->text), "%s: %s",
		               printable, strerrordesc_np(-rc));
	}
	return rc;
}

int closure_resolve(struct daemon *daemon, const char *path,
                    char ret_base[STORE_PATH_BASE_SIZE],
                    struct daemon_error *error)
{
	cleanup_free struct walk *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return explain(-ENOMEM, path, daemon, error);

	w->daemon = daemon;
	rc = walk_start(w, path);
	while (rc == 0)
		rc = walk_step(w, ret_base);
	return rc < 0 ? explain(rc, path, daemon, error) : 0;
}
