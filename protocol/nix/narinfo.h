/* narinfo.h - the text object that describes one store path in a cache */
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/nix/path_info.h"

#define NARINFO_SIZE_MAX ((size_t)1024 * 1024)

struct narinfo {
	struct path_info path; /* is_ultimate is never in a narinfo */
	char *url;             /* owned; relative to the cache, or absolute */
	char *compression;     /* owned; "zstd", "xz", "none", ... */
	bool has_file_hash;
	struct nix_hash file_hash;
	uint64_t file_size; /* 0: not given */
};

void narinfo_clear(struct narinfo *info);

/* As strict as the newest Nix, as lenient as none of them may be: see
 * narinfo.c.  0, -EBADMSG (and *ret_line: the 1-based line), -ENOMEM. */
must_check int narinfo_parse(struct bytes text, const char *store_dir,
                             struct narinfo *ret_info, size_t *ret_line);

/* Writer order as Nix has it.  Signatures that newer Nix would choke on (not
 * name:base64 of 64 bytes) are left out.  0; -EINVAL if narinfo_parse would
 * not read it back; -ENOMEM or the buffer's error. */
must_check int narinfo_format(const struct narinfo *info, const char *store_dir,
                              struct buffer *out);
