/* The small readers of text: numbers, digits of every base, hashes, keys. */
#include "tests/fuzz/fuzz.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/number.h"
#include "protocol/base/text.h"
#include "protocol/nix/fingerprint.h"
#include "protocol/nix/key.h"
#include "protocol/nix/nix32.h"
#include "protocol/varlink/utf8.h"

#define RAW_MAX 64

static void read_numbers(const char *text)
{
	uint64_t value, other;
	char shown[NUMBER_SIZE_TEXT];

	if (number_parse(text, UINT64_MAX, &value) == 0) {
		cleanup_buffer struct buffer digits;

		buffer_init(&digits, 32);
		buffer_append_u64(&digits, value);
		while (text[0] == '0' && text[1] != '\0')
			text++;
		MUST(strcmp(buffer_text(&digits), text) == 0);
		MUST(number_parse(text, value, &other) == 0 && other == value);
		MUST(value == 0 || number_parse(text, value - 1, &other) < 0);
		number_format_size(value, shown, sizeof(shown));
	}
	if (number_parse_duration(text, &value) == 0)
		MUST(value <= UINT32_MAX);
	if (number_parse_size(text, &value) == 0)
		number_format_size(value, shown, sizeof(shown));
}

static void read_printable(const char *text, size_t len)
{
	char out[64];

	for (size_t size = 1; size <= sizeof(out); size += 21) {
		text_printable(text, len, out, size);
		fuzz_check_printable(out, size);
	}
}

static bool is_same_hex(const char *text, const char *made)
{
	return strcasecmp(text, made) == 0;
}

/* Each text is one in at most one way, and written again as it was read. */
static void read_digits(const char *text, size_t len)
{
	uint8_t raw[RAW_MAX];
	char made[2 * RAW_MAX + 1];

	for (size_t n = 1; n <= RAW_MAX; n++) {
		if (text_unhex(text, len, raw, n) == 0) {
			text_hex(raw, n, made);
			MUST(len == 2 * n && is_same_hex(text, made));
		}
		if (text_unbase64(text, len, raw, n) == 0) {
			text_base64(raw, n, made);
			MUST(strcmp(text, made) == 0);
		}
		if (nix32_decode(text, len, raw, n) == 0) {
			nix32_encode(raw, n, made);
			MUST(strcmp(text, made) == 0);
		}
	}
}

static void read_hash(const char *text, size_t len)
{
	char made[NIX_HASH_TEXT_SIZE];
	struct nix_hash hash, again;

	if (nix_hash_parse(text, len, &hash) < 0)
		return;
	nix_hash_format(&hash, made);
	MUST(nix_hash_parse(made, strlen(made), &again) == 0);
	MUST(nix_hash_equal(&hash, &again));
}

static void read_keys(const char *text, size_t len)
{
	char made[KEY_SIGNATURE_TEXT_SIZE];
	struct signature signature;
	struct public_key key;

	if (signature_parse(text, len, &signature) == 0) {
		signature_format(&signature, made);
		MUST(strcmp(made, text) == 0);
	}
	if (public_key_parse(text, len, &key) == 0) {
		public_key_format(&key, made);
		MUST(strcmp(made, text) == 0);
	}
}

/* The text as base name and as its own only reference: what is written can be
 * taken apart again. */
static void write_fingerprint(const char *text, size_t len)
{
	const struct bytes name = { (const uint8_t *)text, len };
	const struct nix_hash hash = { .sha256 = { 1 } };
	const struct fingerprint f = { .store_dir = "/nix/store",
		                       .base = name,
		                       .nar_hash = &hash,
		                       .nar_size = 1,
		                       .references = &name,
		                       .reference_count = 1 };
	cleanup_buffer struct buffer out;
	size_t marks = 0;

	buffer_init(&out, 4096);
	if (fingerprint_write(&f, &out) < 0)
		return;
	for (size_t i = 0; i < out.len; i++) {
		marks += out.data[i] == ';';
		MUST(out.data[i] > ' ' && out.data[i] < 0x7f &&
		     out.data[i] != ',');
	}
	MUST(marks == 4);
}

static void walk_utf8(const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		size_t step = utf8_char_len(bytes, len);

		MUST(step <= 4 && step <= len);
		step = step > 0 ? step : 1;
		bytes += step;
		len -= step;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	cleanup_free char *text = fuzz_text(bytes, len);

	read_printable(text, len);
	walk_utf8(bytes, len);
	len = strlen(text);
	read_numbers(text);
	read_digits(text, len);
	read_hash(text, len);
	read_keys(text, len);
	write_fingerprint(text, len);
	return 0;
}
