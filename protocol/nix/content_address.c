#include "protocol/nix/content_address.h"

#include "protocol/base/bytes.h"
#include "protocol/base/digest.h"
#include "protocol/base/text.h"
#include "protocol/nix/nix32.h"

#include <string.h>

/* Theory of Operation (Nix, src/libstore/store-dir-config.cc, makeStorePath)
 *
 * The digits of a store path are 160 bits of a SHA-256, folded, of
 *
 *	<type>:sha256:<hex of a hash>:<store directory>:<name>
 *
 * text, and fixed:r:sha256:   the type is "text" or "source", then a colon and
 *     the full path for each reference, then ":self" if it refers to itself;
 *     the hash is that of the content.
 * fixed with anything else:   the type is "output:out", and the hash is that of
 *     "fixed:out:<r:><algorithm>:<hex>:"; no references.
 */

#define HASH_MAX         64 /* sha512 */
#define PATH_DIGEST_LEN  20
#define FINGERPRINT_MAX  ((size_t)8 * 1024 * 1024)
#define INNER_MAX        256
#define STORE_PATH_DIGIT (STORE_PATH_HASH_LEN + 1)

static const struct algorithm {
	const char *name;
	size_t len;
} algorithms[] = {
	{ "md5", 16 },    { "sha1", 20 },   { "sha256", 32 },
	{ "sha512", 64 }, { "blake3", 32 },
};

/* Longer than any valid one. */
#define ADDRESS_MAX 255

enum method {
	METHOD_FLAT,
	METHOD_TEXT,
	METHOD_RECURSIVE,
	METHOD_GIT, /* experimental in Nix; not computed here, nor is blake3 */
};

struct address {
	enum method method;
	const struct algorithm *algorithm;
	uint8_t hash[HASH_MAX];
};

/* Takes the prefix off, if it is there. */
static bool take(const char **text, const char *prefix)
{
	if (!text_has_prefix(*text, prefix))
		return false;
	*text += strlen(prefix);
	return true;
}

static const struct algorithm *take_algorithm(const char **text)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(*algorithms); i++) {
		const char *at = *text;

		if (take(&at, algorithms[i].name) && take(&at, ":")) {
			*text = at;
			return &algorithms[i];
		}
	}
	return NULL;
}

/* Told apart by length, as everywhere in Nix. */
static int parse_digits(const char *text, size_t len, uint8_t *out)
{
	size_t text_len = strlen(text);

	if (text_len == 2 * len)
		return text_unhex(text, text_len, out, len);
	if (text_len == NIX32_LEN(len))
		return nix32_decode(text, text_len, out, len);
	return text_unbase64(text, text_len, out, len);
}

static bool is_of(const struct address *address, const char *algorithm)
{
	return strcmp(address->algorithm->name, algorithm) == 0;
}

static bool parse(const char *text, struct address *ret)
{
	if (take(&text, "text:")) {
		ret->method = METHOD_TEXT;
	} else if (!take(&text, "fixed:")) {
		return false;
	} else if (take(&text, "r:")) {
		ret->method = METHOD_RECURSIVE;
	} else if (take(&text, "git:")) {
		ret->method = METHOD_GIT;
	} else {
		ret->method = METHOD_FLAT;
	}
	ret->algorithm = take_algorithm(&text);
	return ret->algorithm &&
	       (ret->method != METHOD_TEXT || is_of(ret, "sha256")) &&
	       parse_digits(text, ret->algorithm->len, ret->hash) == 0;
}

bool content_address_is_valid(const char *text, size_t len)
{
	char copy[ADDRESS_MAX + 1];
	struct address address;

	if (len > ADDRESS_MAX || memchr(text, '\0', len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return parse(copy, &address);
}

/* Those whose path refers to others, or may. */
static bool is_source(const struct address *address)
{
	return address->method == METHOD_TEXT ||
	       (address->method == METHOD_RECURSIVE &&
	        is_of(address, "sha256"));
}

static void put_hash(struct buffer *out, const struct address *address)
{
	char hex[2 * HASH_MAX + 1];

	text_hex(address->hash, address->algorithm->len, hex);
	buffer_append_text(out, address->algorithm->name);
	buffer_append_char(out, ':');
	buffer_append_text(out, hex);
}

/* The type, with the references, and the hash behind it. */
static void put_source(struct buffer *out, const struct address *address,
                       const struct path_info *info, const char *store_dir)
{
	bool is_text = address->method == METHOD_TEXT, has_self = false;

	buffer_append_text(out, is_text ? "text" : "source");
	for (size_t i = 0; i < info->references.count; i++) {
		const char *base = info->references.items[i];

		if (!is_text && strcmp(base, info->base) == 0) {
			has_self = true;
			continue;
		}
		buffer_append_char(out, ':');
		buffer_append_text(out, store_dir);
		buffer_append_char(out, '/');
		buffer_append_text(out, base);
	}
	if (has_self)
		buffer_append_text(out, ":self");
	buffer_append_char(out, ':');
	put_hash(out, address);
}

/* The same for what has no references; false if the digest fails. */
static bool put_output(struct buffer *out, const struct address *address)
{
	uint8_t digest[DIGEST_SHA256_LEN];
	char hex[2 * DIGEST_SHA256_LEN + 1];
	struct buffer inner;
	char memory[INNER_MAX];

	buffer_wrap(&inner, memory, sizeof(memory));
	buffer_append_text(&inner, "fixed:out:");
	buffer_append_text(&inner,
	                   address->method == METHOD_RECURSIVE ? "r:" : "");
	put_hash(&inner, address);
	buffer_append_char(&inner, ':');
	if (buffer_end(&inner) < 0 ||
	    digest_sha256(buffer_bytes(&inner), digest) < 0)
		return false;
	text_hex(digest, sizeof(digest), hex);
	buffer_append_text(out, "output:out:sha256:");
	buffer_append_text(out, hex);
	return true;
}

/* The digits that a path with this fingerprint has. */
static bool digits_of(struct bytes fingerprint, char out[STORE_PATH_DIGIT])
{
	uint8_t folded[PATH_DIGEST_LEN] = { 0 };
	uint8_t digest[DIGEST_SHA256_LEN];

	if (digest_sha256(fingerprint, digest) < 0)
		return false;
	for (size_t i = 0; i < sizeof(digest); i++)
		folded[i % sizeof(folded)] ^= digest[i];
	nix32_encode(folded, sizeof(folded), out);
	return true;
}

static bool is_computed(const struct address *address)
{
	return address->method != METHOD_GIT && !is_of(address, "blake3");
}

static bool refers_to_itself(const struct path_info *info)
{
	for (size_t i = 0; i < info->references.count; i++) {
		if (strcmp(info->references.items[i], info->base) == 0)
			return true;
	}
	return false;
}

/* Nix hashes what refers to itself with its own digits blanked, all else as the
 * NAR is: then both hashes must be the same. */
static bool is_sound(const struct address *address,
                     const struct path_info *info)
{
	switch (address->method) {
	case METHOD_TEXT:
		return true;
	case METHOD_FLAT:
		return info->references.count == 0;
	case METHOD_RECURSIVE:
		if (!is_source(address))
			return info->references.count == 0;
		return refers_to_itself(info) ||
		       memcmp(address->hash, info->nar_hash.sha256,
		              NIX_HASH_LEN) == 0;
	case METHOD_GIT:
		break;
	}
	return false;
}

static bool gives_name(const struct address *address,
                       const struct path_info *info, const char *store_dir)
{
	cleanup_buffer struct buffer text = { .data = NULL };
	char digits[STORE_PATH_DIGIT];

	buffer_init(&text, FINGERPRINT_MAX);
	if (is_source(address)) {
		put_source(&text, address, info, store_dir);
	} else if (!put_output(&text, address)) {
		return false;
	}
	buffer_append_char(&text, ':');
	buffer_append_text(&text, store_dir);
	buffer_append_char(&text, ':');
	buffer_append_text(&text, info->base + STORE_PATH_DIGIT);
	return buffer_end(&text) == 0 &&
	       digits_of(buffer_bytes(&text), digits) &&
	       memcmp(digits, info->base, STORE_PATH_HASH_LEN) == 0;
}

bool content_address_holds(const struct path_info *info, const char *store_dir)
{
	struct address address;

	return info->content_address &&
	       parse(info->content_address, &address) &&
	       is_computed(&address) && is_sound(&address, info) &&
	       gives_name(&address, info, store_dir);
}

bool content_address_is_false(const struct path_info *info,
                              const char *store_dir)
{
	struct address address;

	return info->content_address &&
	       parse(info->content_address, &address) &&
	       is_computed(&address) && !content_address_holds(info, store_dir);
}
