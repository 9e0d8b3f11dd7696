/* A narinfo from a cache, told to a Nix daemon as AddToStoreNar: whatever was
 * in it, the message is whole, and says what the narinfo says. */
#include "tests/fuzz/fuzz.h"

#include "protocol/base/cursor.h"
#include "protocol/nix/key.h"
#include "protocol/nix/narinfo.h"
#include "protocol/nix/worker.h"

#define STORE_DIR "/nix/store"

/* As Nix reads it: a length, the bytes, zeroes up to a multiple of 8. */
static struct bytes get_string(struct cursor *c)
{
	uint64_t len = cursor_get_u64_le(c);
	struct bytes text, padding;

	MUST(len <= c->left);
	text = cursor_get_raw(c, (size_t)len);
	padding = cursor_get_raw(c, (size_t)((8 - len % 8) % 8));
	for (size_t i = 0; i < padding.len; i++)
		MUST(padding.data[i] == 0);
	MUST(!c->failed);
	return text;
}

static void check_path(struct cursor *c, const char *base)
{
	static const char dir[] = STORE_DIR "/";
	struct bytes text = get_string(c);

	if (base[0] == '\0') {
		MUST(text.len == 0);
		return;
	}
	MUST(text.len == sizeof(dir) - 1 + strlen(base));
	MUST(memcmp(text.data, dir, sizeof(dir) - 1) == 0);
	MUST(memcmp(text.data + sizeof(dir) - 1, base, strlen(base)) == 0);
}

static void check_hash(struct cursor *c, const struct nix_hash *hash)
{
	struct bytes text = get_string(c);
	char hex[65];

	for (size_t i = 0; i < 32; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", hash->sha256[i]);
	MUST(bytes_equal(text, bytes_of_text(hex)));
}

/* All of the narinfo's are well-formed: its reader sees to that. */
static void check_signatures(struct cursor *c, const struct strings *list)
{
	uint64_t count = cursor_get_u64_le(c);

	MUST(count <= list->count);
	for (uint64_t i = 0; i < count; i++) {
		struct bytes text = get_string(c);
		struct signature signature;

		MUST(signature_parse((const char *)text.data, text.len,
		                     &signature) == 0);
		MUST(text.len < KEY_SIGNATURE_TEXT_SIZE);
	}
}

static void check_message(struct bytes message, const struct path_info *info)
{
	const char *address = info->content_address;
	struct cursor c;

	cursor_init(&c, message);
	MUST(cursor_get_u64_le(&c) == 39);
	check_path(&c, info->base);
	check_path(&c, info->deriver);
	check_hash(&c, &info->nar_hash);
	MUST(cursor_get_u64_le(&c) == info->references.count);
	for (size_t i = 0; i < info->references.count; i++)
		check_path(&c, info->references.items[i]);
	(void)cursor_get_u64_le(&c); /* when */
	MUST(cursor_get_u64_le(&c) == info->nar_size);
	MUST(cursor_get_u64_le(&c) == 0); /* ultimate */
	check_signatures(&c, &info->signatures);
	MUST(bytes_equal(get_string(&c),
	                 bytes_of_text(address ? address : "")));
	MUST(cursor_get_u64_le(&c) == 0); /* repair */
	(void)cursor_get_u64_le(&c);
	MUST(cursor_end(&c) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	cleanup_buffer struct buffer out;
	struct narinfo info;
	size_t line;

	buffer_init(&out, 16UL * NARINFO_SIZE_MAX);
	if (narinfo_parse((struct bytes){ bytes, len }, STORE_DIR, &info,
	                  &line) < 0)
		return 0;
	worker_put_import(&out, STORE_DIR, &info.path);
	MUST(buffer_end(&out) == 0);
	check_message(buffer_bytes(&out), &info.path);
	narinfo_clear(&info);
	return 0;
}
