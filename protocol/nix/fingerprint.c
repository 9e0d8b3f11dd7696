#include "protocol/nix/fingerprint.h"

#include "protocol/nix/store_path.h"

#include <errno.h>
#include <string.h>

/* By byte value, a shorter one before what it begins. */
static bool is_before(struct bytes a, struct bytes b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = memcmp(a.data, b.data, len);

	return order < 0 || (order == 0 && a.len < b.len);
}

static bool base_is_valid(struct bytes base)
{
	return store_path_base_is_valid((const char *)base.data, base.len);
}

static bool is_valid(const struct fingerprint *f)
{
	if (!store_dir_is_valid(f->store_dir, strlen(f->store_dir)) ||
	    !base_is_valid(f->base) || f->nar_size == 0)
		return false;
	for (size_t i = 0; i < f->reference_count; i++) {
		const struct bytes *references = f->references;

		if (!base_is_valid(references[i]) ||
		    (i > 0 && !is_before(references[i - 1], references[i])))
			return false;
	}
	return true;
}

static void append_path(struct buffer *out, const char *store_dir,
                        struct bytes base)
{
	buffer_append_text(out, store_dir);
	buffer_append_char(out, '/');
	buffer_append_bytes(out, base);
}

int fingerprint_write(const struct fingerprint *f, struct buffer *out)
{
	char hash[NIX_HASH_TEXT_SIZE];

	if (!is_valid(f))
		return -EINVAL;

	nix_hash_format(f->nar_hash, hash);
	buffer_append_text(out, "1;");
	append_path(out, f->store_dir, f->base);
	buffer_append_char(out, ';');
	buffer_append_text(out, hash);
	buffer_append_char(out, ';');
	buffer_append_u64(out, f->nar_size);
	buffer_append_char(out, ';');
	for (size_t i = 0; i < f->reference_count; i++) {
		if (i > 0)
			buffer_append_char(out, ',');
		append_path(out, f->store_dir, f->references[i]);
	}
	return buffer_end(out);
}
