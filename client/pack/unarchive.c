/* Theory of Operation
 *
 * libarchive reads an archive through filters.  Here the archive is its "raw"
 * format, one entry that is all there is.  libarchive chooses filters by what
 * the bytes look like, again and again; it is given one to choose from, and
 * what it chose must be just that, once.  (archive_read_append_filter() would
 * choose nothing, but crashes in 3.6 for the formats of liblzma: they look at
 * a stream that is not there yet.)
 *
 * Its filters end quietly at the first byte that is not of their format, so
 * after the end we ask how much of the input they have taken: less than all
 * means that something else follows.
 */
#include "client/pack/unarchive.h"

#include <archive.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct unarchive {
	struct inflow *in; /* borrowed */
	struct archive *archive;
	size_t filter; /* of filters[] */
	bool is_open;
	bool is_at_end;
};

static const struct {
	const char *name;
	int code;
	int (*support)(struct archive *archive);
} filters[] = {
	{ "xz", ARCHIVE_FILTER_XZ, archive_read_support_filter_xz },
	{ "gzip", ARCHIVE_FILTER_GZIP, archive_read_support_filter_gzip },
	{ "bzip2", ARCHIVE_FILTER_BZIP2, archive_read_support_filter_bzip2 },
	{ "lz4", ARCHIVE_FILTER_LZ4, archive_read_support_filter_lz4 },
	{ "lzip", ARCHIVE_FILTER_LZIP, archive_read_support_filter_lzip },
	{ "lzma", ARCHIVE_FILTER_LZMA, archive_read_support_filter_lzma },
	{ "compress", ARCHIVE_FILTER_COMPRESS,
	  archive_read_support_filter_compress },
};

#define FILTER_COUNT (sizeof(filters) / sizeof(filters[0]))

static size_t find_filter(const char *compression)
{
	size_t i = 0;

	while (i < FILTER_COUNT && strcmp(filters[i].name, compression) != 0)
		i++;
	return i;
}

bool unarchive_knows(const char *compression)
{
	return find_filter(compression) < FILTER_COUNT;
}

struct unarchive *unarchive_new(const char *compression, struct inflow *in)
{
	struct unarchive *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->in = in;
	u->filter = find_filter(compression);
	u->archive = archive_read_new();
	if (!u->archive ||
	    archive_read_support_format_raw(u->archive) != ARCHIVE_OK ||
	    archive_read_support_format_empty(u->archive) != ARCHIVE_OK ||
	    filters[u->filter].support(u->archive) != ARCHIVE_OK) {
		unarchive_free(u);
		return NULL;
	}
	return u;
}

void unarchive_free(struct unarchive *unarchive)
{
	if (!unarchive)
		return;
	(void)archive_read_free(unarchive->archive);
	free(unarchive);
}

/* libarchive's callback: each call takes all that is there. */
static la_ssize_t give_input(struct archive *archive, void *context,
                             const void **ret_bytes)
{
	struct unarchive *u = context;
	struct inflow *in = u->in;
	size_t len;

	in->left = 0;
	if (inflow_fill(in) < 0) {
		archive_set_error(archive, EIO, "%s", in->why);
		return ARCHIVE_FATAL;
	}
	*ret_bytes = in->next;
	len = in->left;
	in->left = 0;
	return (la_ssize_t)len;
}

static int fail(struct unarchive *u)
{
	const char *text = archive_error_string(u->archive);

	return inflow_fail(u->in, -EBADMSG, "%s: %s", filters[u->filter].name,
	                   text ? text : "not such a stream");
}

/* One filter beside the one that reads, and the right one. */
static bool is_filtered(struct archive *archive, int code)
{
	return archive_filter_count(archive) == 2 &&
	       archive_filter_code(archive, 0) == code;
}

/* Returns 1 when there is an entry, 0 when it is empty. */
static int open_entry(struct unarchive *u)
{
	struct archive_entry *entry;
	int rc;

	u->is_open = true;
	rc = archive_read_open(u->archive, u, NULL, give_input, NULL);
	if (rc == ARCHIVE_OK &&
	    !is_filtered(u->archive, filters[u->filter].code)) {
		return inflow_fail(u->in, -EBADMSG, "not a stream of %s",
		                   filters[u->filter].name);
	}
	if (rc == ARCHIVE_OK)
		rc = archive_read_next_header(u->archive, &entry);
	if (rc == ARCHIVE_EOF)
		return 0;
	return rc == ARCHIVE_OK ? 1 : fail(u);
}

static int check_end(struct unarchive *u)
{
	struct inflow *in = u->in;
	la_int64_t taken = archive_filter_bytes(u->archive, -1);
	int rc = inflow_fill(in);

	if (rc < 0)
		return rc;
	if (in->total == 0) {
		return inflow_fail(in, -EBADMSG, "%s: there is nothing",
		                   filters[u->filter].name);
	}
	if (in->left > 0 || taken < 0 || (uint64_t)taken != in->total) {
		return inflow_fail(in, -EBADMSG,
		                   "%s: bytes follow after the stream's end",
		                   filters[u->filter].name);
	}
	u->is_at_end = true;
	return 0;
}

int unarchive_read(struct unarchive *unarchive, void *out, size_t size,
                   size_t *ret_len)
{
	struct unarchive *u = unarchive;
	la_ssize_t len = 0;
	int rc = 1;

	if (u->in->rc < 0)
		return u->in->rc;
	if (!u->is_open)
		rc = open_entry(u);
	if (rc < 0)
		return rc;
	if (rc > 0 && !u->is_at_end) {
		len = archive_read_data(u->archive, out, size);
		if (len < 0)
			return fail(u);
	}
	if (len == 0 && !u->is_at_end) {
		rc = check_end(u);
		if (rc < 0)
			return rc;
	}
	*ret_len = (size_t)len;
	return 0;
}
