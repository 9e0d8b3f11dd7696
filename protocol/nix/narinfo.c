#include "protocol/nix/narinfo.h"

#include "protocol/base/number.h"
#include "protocol/nix/content_address.h"
#include "protocol/nix/key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Theory of Operation
 *
 * A narinfo is lines of "Key: value".  What the readers of several Nix
 * versions were seen to do, and what follows from it here:
 *
 *  - A key that nobody knows is skipped: newer writers add some.
 *  - A line that does not end, has no colon or ends right after it is corrupt
 *    (Nix takes the value from two behind the colon, so an empty one would
 *    swallow the next line), and so are a blank line and CRLF.
 *  - Of a key that comes twice the last counts, but References and CA may not.
 *  - No compression means bzip2; an unknown one is corrupt since 2.35.
 *  - A content address must be one that some Nix can read.  Whether it is that
 *    of the path is a question for who takes the path.
 *  - From 2.34 on one malformed signature makes the whole narinfo unreadable,
 *    before that it was harmless.  It is dropped: a cache that an old Nix has
 *    written stays readable, and nothing passes it on.
 *
 * tests/flow/narinfo_judge.sh compares this with stock Nix, and says what is
 * refused here though Nix 2.8 takes it.
 *
 * narinfo_format() refuses what narinfo_parse() would not read back.
 */

#define NUMBER_TEXT_MAX 20 /* digits of UINT64_MAX */

enum narinfo_key {
	KEY_STORE_PATH,
	KEY_URL,
	KEY_COMPRESSION,
	KEY_FILE_HASH,
	KEY_FILE_SIZE,
	KEY_NAR_HASH,
	KEY_NAR_SIZE,
	KEY_REFERENCES,
	KEY_DERIVER,
	KEY_SIG,
	KEY_CA,
	KEY_COUNT,
};

static const char *const key_names[] = {
	[KEY_STORE_PATH] = "StorePath",
	[KEY_URL] = "URL",
	[KEY_COMPRESSION] = "Compression",
	[KEY_FILE_HASH] = "FileHash",
	[KEY_FILE_SIZE] = "FileSize",
	[KEY_NAR_HASH] = "NarHash",
	[KEY_NAR_SIZE] = "NarSize",
	[KEY_REFERENCES] = "References",
	[KEY_DERIVER] = "Deriver",
	[KEY_SIG] = "Sig",
	[KEY_CA] = "CA",
};

_Static_assert(sizeof(key_names) / sizeof(key_names[0]) == KEY_COUNT,
               "a name for each key");

/* Nix, src/libutil/include/nix/util/compression-algo.hh */
static const char *const compressions[] = {
	"none", "br",   "bzip2", "compress", "grzip", "gzip", "lrzip",
	"lz4",  "lzip", "lzma",  "lzop",     "xz",    "zstd",
};

struct reader {
	const char *store_dir;
	struct narinfo info; /* owned until the end */
	bool has_nar_hash;
	bool has_references;
};

void narinfo_clear(struct narinfo *info)
{
	path_info_clear(&info->path);
	free(info->url);
	free(info->compression);
	*info = (struct narinfo){ .url = NULL };
}

/* Printable ASCII without a space, at least one. */
static bool is_one_word(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] <= ' ' || text.data[i] > '~')
			return false;
	}
	return text.len > 0;
}

static bool is_compression(struct bytes text)
{
	for (size_t i = 0; i < sizeof(compressions) / sizeof(*compressions);
	     i++) {
		if (bytes_equal(text, bytes_of_text(compressions[i])))
			return true;
	}
	return false;
}

static bool is_content_address(struct bytes text)
{
	return content_address_is_valid((const char *)text.data, text.len);
}

static int set_text(char **slot, struct bytes value)
{
	char *copy = strndup((const char *)value.data, value.len);

	if (!copy)
		return -ENOMEM;
	free(*slot);
	*slot = copy;
	return 0;
}

static int set_number(uint64_t *slot, struct bytes value)
{
	char text[NUMBER_TEXT_MAX + 1];

	if (value.len > NUMBER_TEXT_MAX)
		return -EBADMSG;
	memcpy(text, value.data, value.len);
	text[value.len] = '\0';
	return number_parse(text, UINT64_MAX, slot);
}

static int set_base(char slot[STORE_PATH_BASE_SIZE], struct bytes value)
{
	if (!store_path_base_is_valid((const char *)value.data, value.len))
		return -EBADMSG;
	memcpy(slot, value.data, value.len);
	slot[value.len] = '\0';
	return 0;
}

static int set_deriver(struct path_info *path, struct bytes value)
{
	if (bytes_equal(value, bytes_of_text("unknown-deriver"))) {
		path->deriver[0] = '\0';
		return 0;
	}
	return set_base(path->deriver, value);
}

static int set_compression(struct narinfo *info, struct bytes value)
{
	if (value.len == 0)
		value = bytes_of_text("bzip2");
	if (!is_compression(value))
		return -EBADMSG;
	return set_text(&info->compression, value);
}

static int set_content_address(struct path_info *path, struct bytes value)
{
	if (path->content_address)
		return -EBADMSG;
	if (value.len == 0)
		return 0;
	if (!is_content_address(value))
		return -EBADMSG;
	return set_text(&path->content_address, value);
}

static int add_signature(struct path_info *path, struct bytes value)
{
	const char *text = (const char *)value.data;
	struct signature signature;

	if (signature_parse(text, value.len, &signature) < 0)
		return 0;
	return strings_add(&path->signatures, text, value.len);
}

static int add_references(struct reader *r, struct bytes value)
{
	const char *at = (const char *)value.data;
	size_t left = value.len;

	if (r->has_references)
		return -EBADMSG;
	r->has_references = true;

	while (left > 0) {
		const char *space = memchr(at, ' ', left);
		size_t len = space ? (size_t)(space - at) : left;
		int rc = 0;

		if (len > 0 && !store_path_base_is_valid(at, len))
			return -EBADMSG;
		if (len > 0)
			rc = strings_add(&r->info.path.references, at, len);
		if (rc < 0)
			return rc;
		len += space ? 1 : 0;
		at += len;
		left -= len;
	}
	return 0;
}

static int set_field(struct reader *r, enum narinfo_key key, struct bytes value)
{
	const char *text = (const char *)value.data;
	struct narinfo *info = &r->info;

	switch (key) {
	case KEY_STORE_PATH:
		return store_path_parse(r->store_dir, text, value.len,
		                        info->path.base);
	case KEY_URL:
		return is_one_word(value) ? set_text(&info->url, value)
		                          : -EBADMSG;
	case KEY_COMPRESSION:
		return set_compression(info, value);
	case KEY_FILE_HASH:
		info->has_file_hash = true;
		return nix_hash_parse(text, value.len, &info->file_hash);
	case KEY_FILE_SIZE:
		return set_number(&info->file_size, value);
	case KEY_NAR_HASH:
		r->has_nar_hash = true;
		return nix_hash_parse(text, value.len, &info->path.nar_hash);
	case KEY_NAR_SIZE:
		return set_number(&info->path.nar_size, value);
	case KEY_REFERENCES:
		return add_references(r, value);
	case KEY_DERIVER:
		return set_deriver(&info->path, value);
	case KEY_SIG:
		return add_signature(&info->path, value);
	case KEY_CA:
		return set_content_address(&info->path, value);
	case KEY_COUNT:
		break;
	}
	return 0;
}

static enum narinfo_key find_key(struct bytes name)
{
	enum narinfo_key key = KEY_STORE_PATH;

	while (key < KEY_COUNT &&
	       !bytes_equal(name, bytes_of_text(key_names[key])))
		key++;
	return key;
}

/* line is without its newline. */
static int read_line(struct reader *r, struct bytes line)
{
	const uint8_t *colon = memchr(line.data, ':', line.len);
	enum narinfo_key key;
	size_t name_len;

	if (!colon || line.data[line.len - 1] == '\r')
		return -EBADMSG;
	name_len = (size_t)(colon - line.data);
	if (name_len + 1 == line.len)
		return -EBADMSG;

	key = find_key((struct bytes){ line.data, name_len });
	if (key != KEY_COUNT && colon[1] != ' ')
		return -EBADMSG;
	return set_field(r, key,
	                 (struct bytes){ colon + 2, line.len - name_len - 2 });
}

static int read_lines(struct reader *r, struct bytes text, size_t *line_number)
{
	while (text.len > 0) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		struct bytes line;
		int rc;

		++*line_number;
		if (!end)
			return -EBADMSG;
		line = (struct bytes){ text.data, (size_t)(end - text.data) };
		rc = read_line(r, line);
		if (rc < 0)
			return rc;
		text.data += line.len + 1;
		text.len -= line.len + 1;
	}
	return 0;
}

static int read_all(struct reader *r, struct bytes text, size_t *line_number)
{
	struct narinfo *info = &r->info;
	int rc;

	if (text.len == 0 || text.len > NARINFO_SIZE_MAX ||
	    memchr(text.data, '\0', text.len))
		return -EBADMSG;

	rc = read_lines(r, text, line_number);
	if (rc < 0)
		return rc;
	if (info->path.base[0] == '\0' || !info->url || !r->has_nar_hash ||
	    info->path.nar_size == 0)
		return -EBADMSG;

	strings_sort(&info->path.references);
	strings_sort(&info->path.signatures);
	return info->compression ? 0 : set_compression(info, bytes_of_text(""));
}

int narinfo_parse(struct bytes text, const char *store_dir,
                  struct narinfo *ret_info, size_t *ret_line)
{
	struct reader r = { .store_dir = store_dir };
	size_t line_number = 0;
	int rc;

	rc = read_all(&r, text, &line_number);
	if (rc == 0) {
		*ret_info = r.info;
		return 0;
	}

	narinfo_clear(&r.info);
	if (rc == -ENOMEM)
		return rc;
	*ret_line = line_number > 0 ? line_number : 1;
	return -EBADMSG;
}

static bool path_is_valid(const char *base)
{
	return store_path_base_is_valid(base, strlen(base));
}

static bool references_are_valid(const struct strings *references)
{
	for (size_t i = 0; i < references->count; i++) {
		const char *base = references->items[i];

		if (!path_is_valid(base) ||
		    (i > 0 && strcmp(references->items[i - 1], base) >= 0))
			return false;
	}
	return true;
}

static bool is_readable(const struct narinfo *info)
{
	const struct path_info *path = &info->path;

	return path_is_valid(path->base) && info->url &&
	       is_one_word(bytes_of_text(info->url)) && info->compression &&
	       is_compression(bytes_of_text(info->compression)) &&
	       path->nar_size > 0 && references_are_valid(&path->references) &&
	       (path->deriver[0] == '\0' || path_is_valid(path->deriver)) &&
	       (!path->content_address ||
	        is_content_address(bytes_of_text(path->content_address)));
}

static void put_key(struct buffer *out, enum narinfo_key key)
{
	buffer_append_text(out, key_names[key]);
	buffer_append_text(out, ": ");
}

static void put_line(struct buffer *out, enum narinfo_key key,
                     const char *value)
{
	put_key(out, key);
	buffer_append_text(out, value);
	buffer_append_char(out, '\n');
}

static void put_number(struct buffer *out, enum narinfo_key key, uint64_t value)
{
	put_key(out, key);
	buffer_append_u64(out, value);
	buffer_append_char(out, '\n');
}

static void put_hash(struct buffer *out, enum narinfo_key key,
                     const struct nix_hash *hash)
{
	char text[NIX_HASH_TEXT_SIZE];

	nix_hash_format(hash, text);
	put_line(out, key, text);
}

/* With none, the line still has the space after the colon. */
static void put_references(struct buffer *out, const struct strings *references)
{
	put_key(out, KEY_REFERENCES);
	for (size_t i = 0; i < references->count; i++) {
		if (i > 0)
			buffer_append_char(out, ' ');
		buffer_append_text(out, references->items[i]);
	}
	buffer_append_char(out, '\n');
}

static int put_signatures(struct buffer *out, const struct strings *signatures)
{
	cleanup_strings struct strings sorted = { .items = NULL };

	for (size_t i = 0; i < signatures->count; i++) {
		const char *text = signatures->items[i];
		struct signature signature;
		int rc;

		if (signature_parse(text, strlen(text), &signature) < 0)
			continue;
		rc = strings_add(&sorted, text, strlen(text));
		if (rc < 0)
			return rc;
	}
	strings_sort(&sorted);
	for (size_t i = 0; i < sorted.count; i++)
		put_line(out, KEY_SIG, sorted.items[i]);
	return 0;
}

int narinfo_format(const struct narinfo *info, const char *store_dir,
                   struct buffer *out)
{
	const struct path_info *path = &info->path;
	size_t start = out->len;
	int rc;

	if (!store_dir_is_valid(store_dir, strlen(store_dir)) ||
	    !is_readable(info))
		return -EINVAL;

	put_key(out, KEY_STORE_PATH);
	buffer_append_text(out, store_dir);
	buffer_append_char(out, '/');
	buffer_append_text(out, path->base);
	buffer_append_char(out, '\n');
	put_line(out, KEY_URL, info->url);
	put_line(out, KEY_COMPRESSION, info->compression);
	if (info->has_file_hash)
		put_hash(out, KEY_FILE_HASH, &info->file_hash);
	if (info->has_file_hash && info->file_size > 0)
		put_number(out, KEY_FILE_SIZE, info->file_size);
	put_hash(out, KEY_NAR_HASH, &path->nar_hash);
	put_number(out, KEY_NAR_SIZE, path->nar_size);
	put_references(out, &path->references);
	if (path->deriver[0] != '\0')
		put_line(out, KEY_DERIVER, path->deriver);
	rc = put_signatures(out, &path->signatures);
	if (rc < 0)
		return rc;
	if (path->content_address)
		put_line(out, KEY_CA, path->content_address);

	if (buffer_end(out) == 0 && out->len - start > NARINFO_SIZE_MAX)
		return -EMSGSIZE;
	return buffer_end(out);
}
