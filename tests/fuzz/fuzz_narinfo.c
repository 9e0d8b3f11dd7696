/* A narinfo: what is read and written is read again as the same. */
#include "tests/fuzz/fuzz.h"

#include "protocol/nix/narinfo.h"

#include <errno.h>

#define STORE_DIR "/nix/store"

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_same_list(const struct strings *a, const struct strings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	}
	return true;
}

static void check_same(const struct narinfo *a, const struct narinfo *b)
{
	MUST(strcmp(a->path.base, b->path.base) == 0);
	MUST(strcmp(a->path.deriver, b->path.deriver) == 0);
	MUST(nix_hash_equal(&a->path.nar_hash, &b->path.nar_hash));
	MUST(a->path.nar_size == b->path.nar_size);
	MUST(is_same_list(&a->path.references, &b->path.references));
	MUST(is_same_list(&a->path.signatures, &b->path.signatures));
	MUST(is_same_text(a->path.content_address, b->path.content_address));
	MUST(is_same_text(a->url, b->url));
	MUST(is_same_text(a->compression, b->compression));
	MUST(a->has_file_hash == b->has_file_hash);
	if (a->has_file_hash) {
		MUST(nix_hash_equal(&a->file_hash, &b->file_hash));
		MUST(a->file_size == b->file_size);
	}
}

static void check_round_trip(const struct narinfo *info)
{
	cleanup_buffer struct buffer first, second;
	struct narinfo again;
	size_t line;
	int rc;

	buffer_init(&first, 2 * NARINFO_SIZE_MAX);
	buffer_init(&second, 2 * NARINFO_SIZE_MAX);
	rc = narinfo_format(info, STORE_DIR, &first);
	/* With short lines the written form may be the longer one. */
	MUST(rc == 0 || rc == -EMSGSIZE);
	if (rc < 0)
		return;
	MUST(narinfo_parse(buffer_bytes(&first), STORE_DIR, &again, &line) ==
	     0);
	check_same(info, &again);
	MUST(narinfo_format(&again, STORE_DIR, &second) == 0);
	MUST(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
	narinfo_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct narinfo info;
	size_t line = 0;
	int rc;

	rc = narinfo_parse((struct bytes){ bytes, len }, STORE_DIR, &info,
	                   &line);
	if (rc < 0) {
		MUST(rc == -EBADMSG && line > 0);
		return 0;
	}
	check_round_trip(&info);
	narinfo_clear(&info);
	return 0;
}
