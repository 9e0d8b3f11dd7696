#include "tests/lib/narinfo_sheet.h"

#include <stdio.h>

struct sheet sheet_of(const struct sample_nar *nar)
{
	struct sheet s = {
		.path = "/nix/store/" SHEET_BASE,
		.compression = nar->compression,
		.file_size = nar->file.len,
		.nar_size = nar->nar_size,
		.references = "",
		.more = "",
	};

	(void)snprintf(s.url, sizeof(s.url), "%s", nar->key);
	nix_hash_format(&nar->file_hash, s.file_hash);
	nix_hash_format(&nar->nar_hash, s.nar_hash);
	return s;
}

struct buffer sheet_text(const struct sheet *s)
{
	struct buffer out;

	buffer_init(&out, 2 * RECEIVE_SMALL_MAX);
	buffer_append_format(&out, "StorePath: %s\nURL: %s\nCompression: %s\n",
	                     s->path, s->url, s->compression);
	if (s->file_hash[0])
		buffer_append_format(&out, "FileHash: %s\n", s->file_hash);
	if (s->file_size > 0) {
		buffer_append_text(&out, "FileSize: ");
		buffer_append_u64(&out, s->file_size);
		buffer_append_text(&out, "\n");
	}
	buffer_append_format(&out, "NarHash: %s\nNarSize: ", s->nar_hash);
	buffer_append_u64(&out, s->nar_size);
	buffer_append_format(&out, "\nReferences: %s\n%s", s->references,
	                     s->more);
	return out;
}

unsigned sheet_put(struct receive_stage *stage, const struct sheet *s,
                   char *text)
{
	cleanup_buffer struct buffer body = sheet_text(s);

	return receive_stage_put(stage, SHEET_KEY, NULL, buffer_bytes(&body),
	                         text);
}
