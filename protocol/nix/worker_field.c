#include "protocol/nix/worker_field.h"

#include <errno.h>
#include <string.h>

void reader_init(struct reader *r, struct bytes in)
{
	*r = (struct reader){ .whole = in.len };
	cursor_init(&r->cursor, in);
}

int reader_end(const struct reader *r, size_t *ret_used)
{
	if (r->bad)
		return -EBADMSG;
	if (r->cursor.failed)
		return WORKER_MORE;
	*ret_used = r->whole - r->cursor.left;
	return 0;
}

bool reader_failed(const struct reader *r)
{
	return r->bad || r->cursor.failed;
}

uint64_t reader_get_number(struct reader *r, uint64_t max)
{
	uint64_t value = cursor_get_u64_le(&r->cursor);

	if (value > max)
		r->bad = true;
	return r->bad ? 0 : value;
}

struct bytes reader_get_string(struct reader *r, size_t max)
{
	static const uint8_t zeros[8] = { 0 };
	size_t len = (size_t)reader_get_number(r, max);
	struct bytes text, padding;

	text = cursor_get_raw(&r->cursor, len);
	padding = cursor_get_raw(&r->cursor, (8 - len % 8) % 8);
	if (padding.len > 0 && memcmp(padding.data, zeros, padding.len) != 0)
		r->bad = true;
	return text;
}

void reader_get_path(struct reader *r, const char *store_dir,
                     char base[STORE_PATH_BASE_SIZE])
{
	struct bytes text = reader_get_string(r, WORKER_STRING_MAX);

	if (!reader_failed(r) &&
	    store_path_parse(store_dir, (const char *)text.data, text.len,
	                     base) < 0)
		r->bad = true;
}

int reader_get_paths(struct reader *r, const char *store_dir, uint64_t max,
                     struct strings *bases)
{
	uint64_t count = reader_get_number(r, max);

	for (uint64_t i = 0; i < count; i++) {
		char base[STORE_PATH_BASE_SIZE];
		int rc;

		reader_get_path(r, store_dir, base);
		if (reader_failed(r))
			return 0;
		rc = strings_add(bases, base, strlen(base));
		if (rc < 0)
			return rc;
	}
	strings_sort(bases);
	return 0;
}

void worker_put_string(struct buffer *out, struct bytes text)
{
	buffer_put_u64_le(out, text.len);
	buffer_append_bytes(out, text);
	buffer_append(out, "\0\0\0\0\0\0\0", (8 - text.len % 8) % 8);
}

void worker_put_path(struct buffer *out, const char *store_dir,
                     const char *base)
{
	char path[STORE_PATH_SIZE];
	struct buffer text;

	buffer_wrap(&text, path, sizeof(path));
	buffer_append_text(&text, store_dir);
	buffer_append_char(&text, '/');
	buffer_append_text(&text, base);
	if (buffer_end(&text) < 0)
		out->error = out->error ? out->error : -EMSGSIZE;
	worker_put_string(out, buffer_bytes(&text));
}

void worker_put_paths(struct buffer *out, const char *store_dir,
                      const struct strings *bases)
{
	buffer_put_u64_le(out, bases->count);
	for (size_t i = 0; i < bases->count; i++)
		worker_put_path(out, store_dir, bases->items[i]);
}
