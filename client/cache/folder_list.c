/* Theory of Operation
 *
 * A page is the page_size smallest keys after the token, which is the last key
 * of the page before.  They are kept in a heap whose top is the largest, while
 * the directories of a binary cache are read from end to end: whatever their
 * number of files, memory is one page.
 * One key more than the page tells whether there is a next one.  A directory
 * none of whose keys can be in the page is not read.
 */
#include "client/cache/folder_list.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/text.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A scan costs the same for any page: fewer, larger ones. */
#define PAGE_USUAL 8192U
#define PAGE_MAX   65536U
#define KEY_SIZE   1024 /* with its NUL; two names and three slashes */

static_assert(2 * (NAME_MAX + 1) + 16 <= KEY_SIZE, "every key fits");

struct page {
	const char *prefix;
	const char *after; /* keys up to this one were in earlier pages */
	char **keys;       /* owned; a heap of count */
	size_t count;
	size_t max; /* one more than the page has */
};

static void page_clear(struct page *page)
{
	for (size_t i = 0; i < page->count; i++)
		free(page->keys[i]);
	free(page->keys);
}

static void swap(char **a, char **b)
{
	char *kept = *a;

	*a = *b;
	*b = kept;
}

static void sift_up(char **keys, size_t at)
{
	while (at > 0 && strcmp(keys[at], keys[(at - 1) / 2]) > 0) {
		swap(&keys[at], &keys[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

static void sift_down(char **keys, size_t count, size_t at)
{
	for (;;) {
		size_t largest = at;

		for (size_t i = 2 * at + 1; i <= 2 * at + 2 && i < count; i++) {
			if (strcmp(keys[i], keys[largest]) > 0)
				largest = i;
		}
		if (largest == at)
			return;
		swap(&keys[at], &keys[largest]);
		at = largest;
	}
}

static bool is_wanted(const struct page *page, const char *key)
{
	if (!text_has_prefix(key, page->prefix) ||
	    strcmp(key, page->after) <= 0)
		return false;
	return page->count < page->max || strcmp(key, page->keys[0]) < 0;
}

/* Whether any key that begins with that may be wanted. */
static bool may_have_wanted(const struct page *page, const char *beginning)
{
	size_t len = strlen(beginning);

	if (!text_has_prefix(beginning, page->prefix) &&
	    !text_has_prefix(page->prefix, beginning))
		return false;
	if (strncmp(page->after, beginning, len) > 0)
		return false;
	return page->count < page->max || strcmp(beginning, page->keys[0]) < 0;
}

static int add_key(struct page *page, const char *key)
{
	char *copy = strdup(key);

	if (!copy)
		return -ENOMEM;
	if (page->count < page->max) {
		page->keys[page->count++] = copy;
		sift_up(page->keys, page->count - 1);
	} else {
		free(page->keys[0]);
		page->keys[0] = copy;
		sift_down(page->keys, page->count, 0);
	}
	return 0;
}

/* DT_REG, DT_DIR, or DT_UNKNOWN for whatever does not count. */
static unsigned char type_of(int directory, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type;
	if (fstatat(directory, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return DT_UNKNOWN;
	if (S_ISDIR(st.st_mode))
		return DT_DIR;
	return S_ISREG(st.st_mode) ? DT_REG : DT_UNKNOWN;
}

/* NULL and *rc: absent is 0. */
static DIR *open_directory(int at, const char *name, int *rc)
{
	cleanup_close int fd =
		openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	*rc = 0;
	if (dir) {
		(void)take_fd(&fd);
	} else if (errno != ENOENT && errno != ENOTDIR) {
		*rc = -errno;
	}
	return dir;
}

/* The next entry that is of some use; NULL at the end and *rc. */
static const struct dirent *next_entry(DIR *dir, int *rc)
{
	const struct dirent *entry;

	do {
		errno = 0;
		/* cppcheck-suppress readdirCalled ; no other thread's DIR */
		entry = readdir(dir);
	} while (entry && (strcmp(entry->d_name, ".") == 0 ||
	                   strcmp(entry->d_name, "..") == 0 ||
	                   temp_file_is_ours(entry->d_name)));
	*rc = entry ? 0 : -errno;
	return entry;
}

/* The files of one directory; names below it begin with that. */
static int read_files(struct page *page, int at, const char *name,
                      const char *beginning)
{
	const struct dirent *entry;
	int rc;
	DIR *dir = open_directory(at, name, &rc);

	if (!dir)
		return rc;
	while ((entry = next_entry(dir, &rc))) {
		char key[KEY_SIZE];

		(void)snprintf(key, sizeof(key), "%s%s", beginning,
		               entry->d_name);
		if (is_wanted(page, key) &&
		    type_of(dirfd(dir), entry) == DT_REG)
			rc = add_key(page, key);
		if (rc < 0)
			break;
	}
	(void)closedir(dir);
	return rc;
}

/* The files of the directories that one directory has. */
static int read_nested(struct page *page, int at, const char *name,
                       const char *beginning)
{
	const struct dirent *entry;
	int rc;
	DIR *dir = open_directory(at, name, &rc);

	if (!dir)
		return rc;
	while ((entry = next_entry(dir, &rc))) {
		char inner[KEY_SIZE];

		(void)snprintf(inner, sizeof(inner), "%s%s/", beginning,
		               entry->d_name);
		if (may_have_wanted(page, inner) &&
		    type_of(dirfd(dir), entry) == DT_DIR)
			rc = read_files(page, dirfd(dir), entry->d_name, inner);
		if (rc < 0)
			break;
	}
	(void)closedir(dir);
	return rc;
}

static int read_all(struct page *page, int root)
{
	/* By their keys' order, so that a full page ends it early. */
	static const struct {
		const char *name;
		const char *beginning;
		int (*read)(struct page *page, int at, const char *name,
		            const char *beginning);
	} directories[] = {
		{ ".", "", read_files },
		{ "build-trace-v2", "build-trace-v2/", read_nested },
		{ "debuginfo", "debuginfo/", read_files },
		{ "log", "log/", read_files },
		{ "nar", "nar/", read_files },
		{ "realisations", "realisations/", read_files },
	};
	int rc = 0;

	for (size_t i = 0;
	     rc == 0 && i < sizeof(directories) / sizeof(directories[0]); i++) {
		if (may_have_wanted(page, directories[i].beginning)) {
			rc = directories[i].read(page, root,
			                         directories[i].name,
			                         directories[i].beginning);
		}
	}
	return rc;
}

static int compare_keys(const void *a, const void *b)
{
	const char *const *one = a, *const *other = b;

	return strcmp(*one, *other);
}

/* What was deleted since the scan is not in the listing. */
static int add_object(struct cache_listing *listing, int root, char **key)
{
	struct cache_object *object = &listing->objects[listing->count];
	struct stat st;

	if (fstatat(root, *key, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return folder_is_absent(-errno) ? 0 : -errno;
	object->size = (uint64_t)st.st_size;
	object->modified = st.st_mtime;
	object->key = take_ptr(*key);
	listing->count++;
	return 0;
}

static int make_listing(struct page *page, int root,
                        struct cache_listing *listing)
{
	size_t count = page->count < page->max ? page->count : page->max - 1;
	int rc = 0;

	qsort(page->keys, page->count, sizeof(*page->keys), compare_keys);
	if (page->count == page->max) {
		listing->token = strdup(page->keys[count - 1]);
		if (!listing->token)
			return -ENOMEM;
	}
	listing->objects = calloc(count + 1, sizeof(*listing->objects));
	if (!listing->objects)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = add_object(listing, root, &page->keys[i]);
	return rc;
}

static int read_page(struct cache_folder *folder, struct page *page,
                     struct cache_listing *listing)
{
	cleanup_close int root =
		open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	/* Made with the first object. */
	if (root < 0)
		return errno == ENOENT ? 0 : -errno;
	page->keys = calloc(page->max, sizeof(*page->keys));
	if (!page->keys)
		return -ENOMEM;
	rc = read_all(page, root);
	return rc < 0 ? rc : make_listing(page, root, listing);
}

void folder_list_run(struct cache_folder *folder, struct folder_item *item)
{
	const struct cache_step *step = &item->step;
	size_t size = step->page_size > 0 ? step->page_size : PAGE_USUAL;
	struct page page = {
		.prefix = step->key,
		.after = step->token ? step->token : "",
		.max = (size < PAGE_MAX ? size : PAGE_MAX) + 1,
	};
	int rc = -ENOMEM;

	if (!step->token && step->after)
		page.after = step->after;
	item->result.listing = calloc(1, sizeof(*item->result.listing));
	if (item->result.listing)
		rc = read_page(folder, &page, item->result.listing);
	page_clear(&page);
	if (rc == 0) {
		item->result.listing->is_gapless = true;
		folder_finish(folder, item, CACHE_OK);
		return;
	}
	cache_listing_free(take_ptr(item->result.listing));
	item->result.exit_status = 1;
	(void)snprintf(item->result.error, sizeof(item->result.error),
	               "%s: cannot list: %s", folder->path, strerror(-rc));
	folder_finish(folder, item, CACHE_FAILED);
}
