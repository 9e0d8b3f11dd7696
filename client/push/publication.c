#include "client/push/publication.h"

#include <stdio.h>

int publication_write(const struct publication *publication, struct buffer *out)
{
	const struct path_info *path = publication->info;
	char compression[16];
	struct narinfo info = {
		.path = *path, /* borrowed: only written out */
		.url = publication->nar_key,
		.compression = compression,
		.has_file_hash = publication->file_hash != NULL,
		.file_size = publication->file_size,
	};
	cleanup_strings struct strings all = { .items = NULL };
	int rc;

	(void)snprintf(compression, sizeof(compression), "%s",
	               pack_compression_name(publication->compression));
	rc = strings_add_all(&all, &path->signatures);
	if (rc == 0)
		rc = strings_add_all(&all, publication->signatures);
	if (rc < 0)
		return rc;
	strings_sort(&all);
	info.path.signatures = all;
	if (publication->file_hash)
		info.file_hash = *publication->file_hash;
	return narinfo_format(&info, publication->store_dir, out);
}
