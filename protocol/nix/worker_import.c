#include "protocol/base/text.h"
#include "protocol/nix/key.h"
#include "protocol/nix/worker_field.h"

#include <string.h>

#define OP_ADD_SIGNATURES   37U
#define OP_ADD_TO_STORE_NAR 39U

static bool is_signature(const char *text)
{
	struct signature signature;

	return signature_parse(text, strlen(text), &signature) == 0;
}

/* Nix 2.34 closes the connection over one that is malformed, and older ones
 * store it for good. */
static void put_signatures(struct buffer *out, const struct strings *signatures)
{
	uint64_t count = 0;

	for (size_t i = 0; i < signatures->count; i++)
		count += is_signature(signatures->items[i]) ? 1 : 0;

	buffer_put_u64_le(out, count);
	for (size_t i = 0; i < signatures->count; i++) {
		if (is_signature(signatures->items[i])) {
			worker_put_string(out,
			                  bytes_of_text(signatures->items[i]));
		}
	}
}

void worker_put_add_signatures(struct buffer *out, const char *store_dir,
                               const char *base,
                               const struct strings *signatures)
{
	buffer_put_u64_le(out, OP_ADD_SIGNATURES);
	worker_put_path(out, store_dir, base);
	put_signatures(out, signatures);
}

void worker_put_import(struct buffer *out, const char *store_dir,
                       const struct path_info *info)
{
	const char *address = info->content_address;
	char hash[2 * NIX_HASH_LEN + 1];

	text_hex(info->nar_hash.sha256, NIX_HASH_LEN, hash);
	buffer_put_u64_le(out, OP_ADD_TO_STORE_NAR);
	worker_put_path(out, store_dir, info->base);
	if (info->deriver[0] != '\0') {
		worker_put_path(out, store_dir, info->deriver);
	} else {
		worker_put_string(out, bytes_of_text(""));
	}
	worker_put_string(out, bytes_of_text(hash));
	worker_put_paths(out, store_dir, &info->references);
	buffer_put_u64_le(out, 0); /* the daemon says itself when that was */
	buffer_put_u64_le(out, info->nar_size);
	buffer_put_u64_le(out, 0); /* not built here */
	put_signatures(out, &info->signatures);
	worker_put_string(out, bytes_of_text(address ? address : ""));
	buffer_put_u64_le(out, 0); /* no repair */
	buffer_put_u64_le(out, 1); /* signatures have been checked */
}

void worker_put_frame(struct buffer *out, size_t len)
{
	buffer_put_u64_le(out, len);
}
