#include "tests/lib/import_stage.h"

#include "protocol/base/cursor.h"
#include "protocol/base/digest.h"
#include "tests/lib/nix_daemon.h"
#include "tests/lib/test.h"

#include <string.h>

void add_base(struct strings *list, unsigned i)
{
	char base[STORE_PATH_BASE_SIZE];

	base_name(i, base);
	CHECK(strings_add(list, base, strlen(base)) == 0);
}

void make_nar(struct buffer *nar, struct path_info *info, unsigned i,
              size_t size)
{
	static const char *const words[] = { "nix-archive-1", "(", "type",
		                             "regular", "contents" };
	uint8_t *room;

	buffer_init(nar, size + 1024);
	for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
		put_text(nar, words[k]);
	buffer_put_u64_le(nar, size);
	room = buffer_reserve(nar, size);
	CHECK(room != NULL);
	memset(room, (int)('a' + i), size);
	nar->len += size;
	put_text(nar, ")");

	*info = (struct path_info){ .nar_size = nar->len };
	base_name(i, info->base);
	CHECK(digest_sha256(buffer_bytes(nar), info->nar_hash.sha256) == 0);
}

int import(struct daemon *d, const struct path_info *info, struct bytes nar,
           struct daemon_error *error)
{
	int rc = daemon_import_begin(d, info, error);

	for (size_t at = 0; rc == 0 && at < nar.len; at += PIECE) {
		size_t left = nar.len - at;

		rc = daemon_import_write(d,
		                         (struct bytes){ nar.data + at,
		                                         left < PIECE ? left
		                                                      : PIECE },
		                         error);
	}
	if (rc == 0)
		rc = daemon_import_end(d, error);
	return rc;
}
