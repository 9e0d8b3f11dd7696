/* publication.h - the narinfo of a NAR that was uploaded */
#pragma once

#include "client/pack/pack.h"
#include "protocol/nix/narinfo.h"

/* All borrowed. */
struct publication {
	const struct path_info *info; /* with the signatures of the store */
	const char *store_dir;
	char *nar_key;
	enum pack_compression compression;
	const struct strings *signatures; /* ours */
	const struct nix_hash *file_hash; /* NULL: this run did not make it all */
	uint64_t file_size;               /* with the hash */
};

/* Appends the text to out.  0, -ENOMEM, -EMSGSIZE. */
must_check int publication_write(const struct publication *publication,
                                 struct buffer *out);
