/* Percent-encoding: there and back, and the order of what was not encoded.
 * The input is two texts, the first up to the first newline. */
#include "tests/fuzz/fuzz.h"

#include "protocol/nix/store_query.h"
#include "protocol/s3/uri_encode.h"

#define TEXT_MAX 4096

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static int compare(const struct buffer *a, const struct buffer *b)
{
	size_t len = a->len < b->len ? a->len : b->len;
	int order = len > 0 ? memcmp(a->data, b->data, len) : 0;

	return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static void check_there_and_back(struct bytes raw, const struct buffer *encoded)
{
	cleanup_buffer struct buffer back, path;

	buffer_init(&back, TEXT_MAX);
	buffer_init(&path, 3UL * TEXT_MAX);
	for (size_t i = 0; i < encoded->len; i++) {
		MUST(encoded->data[i] > ' ' && encoded->data[i] < 0x7f &&
		     !strchr("/?&=+#", encoded->data[i]));
	}

	uri_encode_path(&path, raw);
	MUST(buffer_end(&path) == 0);
	if (raw.len > 0 && memchr(raw.data, '\0', raw.len))
		return; /* is never decoded */
	MUST(uri_decode(&back, buffer_bytes(encoded)) == 0);
	MUST(bytes_equal(buffer_bytes(&back), raw));
	buffer_rewind(&back);
	MUST(uri_decode(&back, buffer_bytes(&path)) == 0);
	MUST(bytes_equal(buffer_bytes(&back), raw));
}

/* Two decoders that agree but on '+', which only one knows. */
static void check_decoders(struct bytes text)
{
	cleanup_buffer struct buffer decoded;
	char other[TEXT_MAX + 1];
	int rc, other_rc;

	buffer_init(&decoded, TEXT_MAX + 1);
	rc = uri_decode(&decoded, text);
	other_rc = store_percent_decode(text, other, sizeof(other));
	if (text.len > 0 && (memchr(text.data, '+', text.len) ||
	                     memchr(text.data, '\0', text.len)))
		return;
	MUST((rc == 0) == (other_rc == 0));
	if (rc == 0)
		MUST(bytes_equal(buffer_bytes(&decoded), bytes_of_text(other)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const uint8_t *cut = len > 0 ? memchr(bytes, '\n', len) : NULL;
	size_t first = cut ? (size_t)(cut - bytes) : len;
	struct bytes a = { bytes, first };
	size_t second = cut ? first + 1 : len;
	struct bytes b = { bytes + second, len - second };
	cleanup_buffer struct buffer encoded_a, encoded_b;

	if (len > TEXT_MAX)
		return 0;
	buffer_init(&encoded_a, 3UL * TEXT_MAX);
	buffer_init(&encoded_b, 3UL * TEXT_MAX);
	uri_encode(&encoded_a, a);
	uri_encode(&encoded_b, b);
	MUST(buffer_end(&encoded_a) == 0 && buffer_end(&encoded_b) == 0);
	check_there_and_back(a, &encoded_a);
	MUST(sign(uri_compare_encoded(a, b)) ==
	     sign(compare(&encoded_a, &encoded_b)));
	check_decoders((struct bytes){ bytes, len });
	return 0;
}
