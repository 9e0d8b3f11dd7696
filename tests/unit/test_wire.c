#include "tests/lib/test.h"

#include "agent/wire.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/cursor.h"
#include "protocol/s3/object_key.h"

#include <errno.h>
#include <string.h>

#define TAG 0x0102030405060708ULL

static const uint8_t seal_key[KEY_PUBLIC_LEN] = { 1, [KEY_PUBLIC_LEN - 1] = 2 };

static struct bytes text(const char *s)
{
	return bytes_of_text(s);
}

/* The only frame in b. */
static struct bytes body_of(const struct buffer *b, enum vault_type type)
{
	struct wire_frame frame = { .size = 0 };

	CHECK(buffer_end(b) == 0);
	CHECK(wire_next(buffer_bytes(b), &frame) == 1);
	CHECK(frame.type == type);
	CHECK(frame.size == b->len);
	CHECK(frame.body.len == b->len - WIRE_HEADER_LEN);
	return frame.body;
}

/* The answer to a copy on the heap, so that the sanitizer sees a read beyond
 * its end. */
static int decode_copy(int (*decode)(struct bytes), struct bytes body,
                       size_t changed, uint8_t value)
{
	cleanup_free uint8_t *copy = malloc(body.len + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy + 1, body.data, body.len);
	if (changed < body.len)
		copy[1 + changed] = value;
	return decode((struct bytes){ copy + 1, body.len });
}

/* Decoders with results that nobody looks at. */
static int decode_sign(struct bytes body)
{
	cleanup_free struct bytes *references =
		calloc(WIRE_REFERENCES_MAX, sizeof(*references));
	struct vault_sign sign;

	return wire_get_sign(body, references, &sign);
}

static int decode_presign(struct bytes body)
{
	struct s3_object_request request;
	uint16_t cache;

	return wire_get_presign(body, &cache, &request);
}

static int decode_hello(struct bytes body)
{
	struct agent_measure measures[4];
	uint8_t key[KEY_PUBLIC_LEN];
	size_t count;

	return wire_get_hello(body, measures, 4, &count, key);
}

static int decode_refused(struct bytes body)
{
	struct vault_refused refused;

	return wire_get_refused(body, &refused);
}

static void check_every_cut(int (*decode)(struct bytes), struct bytes body)
{
	struct buffer longer;

	for (size_t len = 0; len <= body.len; len++) {
		struct bytes part = { body.data, len };

		CHECK(decode_copy(decode, part, len, 0) ==
		      (len == body.len ? 0 : -EBADMSG));
	}
	buffer_init(&longer, WIRE_FRAME_MAX);
	buffer_append_bytes(&longer, body);
	buffer_append_char(&longer, '\0');
	CHECK(decode(buffer_bytes(&longer)) == -EBADMSG);
	buffer_clear(&longer);
}

/* Whatever a byte becomes, a decoder answers and reads nothing beyond. */
static void check_every_byte(int (*decode)(struct bytes), struct bytes body)
{
	for (size_t i = 0; i < body.len; i++) {
		for (unsigned value = 0; value < 256; value += 15) {
			int rc = decode_copy(decode, body, i, (uint8_t)value);

			CHECK(rc == 0 || rc == -EBADMSG);
		}
	}
}

static void put_some_sign(struct buffer *out, const struct bytes *refs,
                          size_t count)
{
	struct vault_sign sign = {
		.cache = 258,
		.base = text("0123456789abcdfghijklmnpqrsvwxyz-a"),
		.nar_size = UINT64_MAX - 1,
		.references = refs,
		.reference_count = count,
	};

	memset(sign.nar_hash.sha256, 0xa5, NIX_HASH_LEN);
	wire_put_sign(out, TAG, &sign);
}

static void a_sign_request_comes_back_as_it_went(void)
{
	const struct bytes refs[] = { text("one"), text("two") };
	struct bytes references[WIRE_REFERENCES_MAX / 32];
	struct vault_sign got;
	struct buffer out;
	struct bytes body;

	buffer_init(&out, WIRE_FRAME_MAX);
	put_some_sign(&out, refs, 2);
	body = body_of(&out, VAULT_SIGN);
	CHECK(wire_get_sign(body, references, &got) == 0);
	CHECK(got.cache == 258 && got.nar_size == UINT64_MAX - 1);
	CHECK(bytes_equal(got.base,
	                  text("0123456789abcdfghijklmnpqrsvwxyz-a")));
	CHECK(got.nar_hash.sha256[0] == 0xa5 &&
	      got.nar_hash.sha256[31] == 0xa5);
	CHECK(got.references == references && got.reference_count == 2);
	CHECK(bytes_equal(references[0], text("one")));
	CHECK(bytes_equal(references[1], text("two")));
	check_every_cut(decode_sign, body);
	check_every_byte(decode_sign, body);
	buffer_clear(&out);
}

static void references_are_counted_to_their_maximum(void)
{
	cleanup_free struct bytes *refs =
		calloc(WIRE_REFERENCES_MAX + 1, sizeof(*refs));
	struct buffer out;

	for (size_t i = 0; i <= WIRE_REFERENCES_MAX; i++)
		refs[i] = text("0123456789abcdfghijklmnpqrsvwxyz-a-usual-name");
	buffer_init(&out, WIRE_FRAME_MAX);
	put_some_sign(&out, refs, WIRE_REFERENCES_MAX);
	CHECK(decode_sign(body_of(&out, VAULT_SIGN)) == 0);
	buffer_rewind(&out);
	put_some_sign(&out, refs, WIRE_REFERENCES_MAX + 1);
	CHECK(buffer_end(&out) == -EMSGSIZE);
	buffer_clear(&out);
}

/* With the references that are claimed, and without. */
static void a_claim_of_too_many_references_is_refused(void)
{
	const size_t header = 2 + 2 + NIX_HASH_LEN + 8;
	struct buffer out;

	buffer_init(&out, WIRE_FRAME_MAX);
	for (size_t i = 0; i < header; i++)
		buffer_put_u8(&out, 0);
	buffer_put_u16(&out, WIRE_REFERENCES_MAX + 1);
	CHECK(decode_sign(buffer_bytes(&out)) == -EBADMSG);
	for (size_t i = 0; i <= WIRE_REFERENCES_MAX; i++)
		buffer_put_u16(&out, 0);
	CHECK(buffer_end(&out) == 0);
	CHECK(decode_sign(buffer_bytes(&out)) == -EBADMSG);

	buffer_rewind(&out);
	for (size_t i = 0; i < header; i++)
		buffer_put_u8(&out, 0);
	buffer_put_u16(&out, WIRE_REFERENCES_MAX);
	for (size_t i = 0; i < WIRE_REFERENCES_MAX; i++)
		buffer_put_u16(&out, 0);
	CHECK(decode_sign(buffer_bytes(&out)) == 0);
	buffer_clear(&out);
}

static void a_base_name_is_bounded(void)
{
	char name[STORE_PATH_BASE_MAX + 2];
	struct vault_sign sign = { .base = { (uint8_t *)name, 0 } };
	struct buffer out;

	memset(name, 'a', sizeof(name));
	buffer_init(&out, WIRE_FRAME_MAX);
	sign.base.len = STORE_PATH_BASE_MAX;
	wire_put_sign(&out, TAG, &sign);
	CHECK(decode_sign(body_of(&out, VAULT_SIGN)) == 0);
	buffer_rewind(&out);
	sign.base.len++;
	wire_put_sign(&out, TAG, &sign);
	CHECK(decode_sign(body_of(&out, VAULT_SIGN)) == -EBADMSG);
	buffer_clear(&out);
}

static struct s3_object_request full_request(void)
{
	struct s3_object_request r = {
		.operation = S3_DELETE_OBJECT,
		.key = text("nar/x"),
		.expires = 3600,
		.has_content_length = true,
		.content_length = 1ULL << 40,
		.has_content_md5 = true,
		.if_none_match = true,
		.upload_id = text("upload"),
		.part_number = 10000,
		.prefix = text("log/"),
		.start_after = text("log/1"),
		.continuation_token = text("token"),
		.key_marker = text("log/2"),
		.upload_id_marker = text("marker"),
		.max_keys = 1000,
		.part_number_marker = 9999,
	};

	memset(r.content_md5, 0x5a, S3_MD5_LEN);
	return r;
}

static bool same_request(const struct s3_object_request *a,
                         const struct s3_object_request *b)
{
	return a->operation == b->operation && bytes_equal(a->key, b->key) &&
	       a->expires == b->expires &&
	       a->has_content_length == b->has_content_length &&
	       a->content_length == b->content_length &&
	       a->has_content_md5 == b->has_content_md5 &&
	       memcmp(a->content_md5, b->content_md5, S3_MD5_LEN) == 0 &&
	       a->if_none_match == b->if_none_match &&
	       bytes_equal(a->upload_id, b->upload_id) &&
	       a->part_number == b->part_number &&
	       bytes_equal(a->prefix, b->prefix) &&
	       bytes_equal(a->start_after, b->start_after) &&
	       bytes_equal(a->continuation_token, b->continuation_token) &&
	       bytes_equal(a->key_marker, b->key_marker) &&
	       bytes_equal(a->upload_id_marker, b->upload_id_marker) &&
	       a->max_keys == b->max_keys &&
	       a->part_number_marker == b->part_number_marker;
}

static void a_presign_request_comes_back_as_it_went(void)
{
	struct s3_object_request want = full_request(), got;
	uint16_t cache = 0;
	struct buffer out;
	struct bytes body;

	buffer_init(&out, WIRE_FRAME_MAX);
	wire_put_presign(&out, TAG, 7, &want);
	body = body_of(&out, VAULT_PRESIGN);
	CHECK(wire_get_presign(body, &cache, &got) == 0);
	CHECK(cache == 7 && same_request(&got, &want));
	check_every_cut(decode_presign, body);
	check_every_byte(decode_presign, body);
	buffer_clear(&out);
}

static void what_is_not_given_has_no_address_and_no_value(void)
{
	struct s3_object_request want = { .operation = S3_GET_OBJECT }, got;
	uint16_t cache;
	struct buffer out;
	struct bytes body;

	/* Beside a flag that is not set, a value must not travel. */
	want.content_length = 5;
	buffer_init(&out, WIRE_FRAME_MAX);
	wire_put_presign(&out, TAG, 0, &want);
	body = body_of(&out, VAULT_PRESIGN);
	CHECK(wire_get_presign(body, &cache, &got) == 0);
	want.content_length = 0;
	CHECK(same_request(&got, &want));
	CHECK(!got.key.data && !got.upload_id.data && !got.prefix.data &&
	      !got.start_after.data && !got.continuation_token.data &&
	      !got.key_marker.data && !got.upload_id_marker.data);
	check_every_cut(decode_presign, body);
	buffer_clear(&out);
}

static void an_unknown_operation_or_flag_is_refused(void)
{
	static const struct {
		size_t at;
		uint8_t value;
		int rc;
	} cases[] = {
		{ 2, S3_OPERATION_COUNT - 1, 0 },
		{ 2, S3_OPERATION_COUNT, -EBADMSG },
		{ 3, 4, 0 },
		{ 3, 8, -EBADMSG },
	};
	struct s3_object_request want = { .operation = S3_GET_OBJECT };
	struct buffer out;
	struct bytes body;

	buffer_init(&out, WIRE_FRAME_MAX);
	wire_put_presign(&out, TAG, 0, &want);
	body = body_of(&out, VAULT_PRESIGN);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK(decode_copy(decode_presign, body, cases[i].at,
		                  cases[i].value) == cases[i].rc);
	}
	buffer_clear(&out);
}

static int decode_text(size_t offset, size_t len)
{
	struct s3_object_request r = { .operation = S3_GET_OBJECT };
	char long_text[4096];
	struct bytes field = { (uint8_t *)long_text, len };
	struct buffer out;
	int rc;

	memset(long_text, 'a', sizeof(long_text));
	memcpy((char *)&r + offset, &field, sizeof(field));
	buffer_init(&out, WIRE_FRAME_MAX);
	wire_put_presign(&out, TAG, 0, &r);
	rc = decode_presign(body_of(&out, VAULT_PRESIGN));
	buffer_clear(&out);
	return rc;
}

static void texts_of_a_presign_request_are_bounded(void)
{
	static const struct {
		size_t offset, max;
	} fields[] = {
		{ offsetof(struct s3_object_request, key), OBJECT_KEY_MAX },
		{ offsetof(struct s3_object_request, upload_id),
		  S3_UPLOAD_ID_MAX },
		{ offsetof(struct s3_object_request, prefix), OBJECT_KEY_MAX },
		{ offsetof(struct s3_object_request, start_after),
		  OBJECT_KEY_MAX },
		{ offsetof(struct s3_object_request, continuation_token),
		  S3_TOKEN_MAX },
		{ offsetof(struct s3_object_request, key_marker),
		  OBJECT_KEY_MAX },
		{ offsetof(struct s3_object_request, upload_id_marker),
		  S3_UPLOAD_ID_MAX },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		CHECK(decode_text(fields[i].offset, fields[i].max) == 0);
		CHECK(decode_text(fields[i].offset, fields[i].max + 1) ==
		      -EBADMSG);
	}
}

static void the_measures_of_hello_come_back(void)
{
	const struct agent_measure want[] = {
		{ "secret memory", "vault", MEASURE_HELD, "" },
		{ "seccomp", "vault", MEASURE_ABSENT, "no: said the kernel" },
	};
	uint8_t key[KEY_PUBLIC_LEN] = { 0 };
	struct agent_measure got[2];
	struct buffer out;
	struct bytes body;
	size_t count = 0;

	buffer_init(&out, WIRE_FRAME_MAX);
	wire_put_hello(&out, want, 2, seal_key);
	body = body_of(&out, VAULT_HELLO);
	CHECK(wire_get_hello(body, got, 2, &count, key) == 0 && count == 2);
	for (size_t i = 0; i < 2; i++) {
		CHECK(strcmp(got[i].name, want[i].name) == 0);
		CHECK(strcmp(got[i].process, want[i].process) == 0);
		CHECK(got[i].state == want[i].state);
		CHECK(strcmp(got[i].detail, want[i].detail) == 0);
	}
	CHECK(memcmp(key, seal_key, sizeof(key)) == 0);
	count = 9;
	CHECK(wire_get_hello(body, got, 1, &count, key) == -EBADMSG &&
	      count == 9);
	check_every_cut(decode_hello, body);
	check_every_byte(decode_hello, body);
	buffer_clear(&out);
}

static void a_measure_fills_its_arrays_to_the_last_byte(void)
{
	struct agent_measure want = { .state = MEASURE_WEAKER }, got;
	uint8_t key[KEY_PUBLIC_LEN];
	struct buffer out;
	size_t count;

	memset(want.name, 'n', sizeof(want.name) - 1);
	memset(want.process, 'p', sizeof(want.process) - 1);
	memset(want.detail, 'd', sizeof(want.detail) - 1);
	buffer_init(&out, WIRE_FRAME_MAX);
	wire_put_hello(&out, &want, 1, seal_key);
	CHECK(wire_get_hello(body_of(&out, VAULT_HELLO), &got, 1, &count,
	                     key) == 0);
	CHECK(strcmp(got.name, want.name) == 0);
	CHECK(strcmp(got.process, want.process) == 0);
	CHECK(strcmp(got.detail, want.detail) == 0);
	buffer_clear(&out);
}

static void a_nul_inside_a_text_is_refused(void)
{
	struct buffer out;

	buffer_init(&out, WIRE_FRAME_MAX);
	wire_put_refused(&out, TAG, VAULT_MALFORMED, 3, "abc");
	CHECK(decode_refused(body_of(&out, VAULT_REFUSED)) == 0);
	out.data[out.len - 2] = '\0';
	CHECK(decode_refused(body_of(&out, VAULT_REFUSED)) == -EBADMSG);
	buffer_clear(&out);
}

static void a_refusal_comes_back_with_its_detail_cut_to_fit(void)
{
	char detail[WIRE_DETAIL_MAX + 10];
	struct vault_refused got;
	struct buffer out;
	struct bytes body;

	memset(detail, 'd', sizeof(detail) - 1);
	detail[sizeof(detail) - 1] = '\0';
	buffer_init(&out, WIRE_FRAME_MAX);
	wire_put_refused(&out, TAG, VAULT_INTAKE_BROKEN, 65535, detail);
	body = body_of(&out, VAULT_REFUSED);
	CHECK(wire_get_refused(body, &got) == 0);
	CHECK(got.refusal == VAULT_INTAKE_BROKEN && got.slot == 65535);
	CHECK(strlen(got.detail) == WIRE_DETAIL_MAX - 1);
	check_every_cut(decode_refused, body);
	out.data[WIRE_HEADER_LEN] = VAULT_INTAKE_BROKEN + 1;
	CHECK(wire_get_refused(body, &got) == -EBADMSG);
	buffer_clear(&out);
}

static void a_full_buffer_keeps_its_error(void)
{
	struct s3_object_request request = full_request();
	char memory[100];

	for (size_t size = 0; size < sizeof(memory); size++) {
		struct buffer out;

		buffer_wrap(&out, memory, size);
		wire_put_presign(&out, TAG, 0, &request);
		CHECK(buffer_end(&out) == -EMSGSIZE);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "a sign request comes back as it went",
		  a_sign_request_comes_back_as_it_went },
		{ "references are counted to their maximum",
		  references_are_counted_to_their_maximum },
		{ "a claim of too many references is refused",
		  a_claim_of_too_many_references_is_refused },
		{ "a base name is bounded", a_base_name_is_bounded },
		{ "a presign request comes back as it went",
		  a_presign_request_comes_back_as_it_went },
		{ "what is not given has no address and no value",
		  what_is_not_given_has_no_address_and_no_value },
		{ "an unknown operation or flag is refused",
		  an_unknown_operation_or_flag_is_refused },
		{ "texts of a presign request are bounded",
		  texts_of_a_presign_request_are_bounded },
		{ "the measures of hello come back",
		  the_measures_of_hello_come_back },
		{ "a measure fills its arrays to the last byte",
		  a_measure_fills_its_arrays_to_the_last_byte },
		{ "a NUL inside a text is refused",
		  a_nul_inside_a_text_is_refused },
		{ "a refusal comes back with its detail cut to fit",
		  a_refusal_comes_back_with_its_detail_cut_to_fit },
		{ "a full buffer keeps its error",
		  a_full_buffer_keeps_its_error },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
