#include "protocol/base/cursor.h"
#include "protocol/base/fd.h"
#include "tests/lib/test.h"
#include "tests/lib/vault_rig.h"

#include <string.h>
#include <time.h>

#define REQUESTS_MAX (4 * (size_t)WIRE_FRAME_MAX)

static void an_empty_vault_refuses(void)
{
	static struct vault_rig rig;
	struct wire_frame frame;
	struct buffer request;

	buffer_init(&request, REQUESTS_MAX);
	vault_rig_init(&rig);
	CHECK(vault_rig_start(&rig) == 0);
	vault_rig_put_sign(&request, 1, 0);
	CHECK(vault_rig_ask(&rig, &request, &frame));
	CHECK(vault_rig_is_refused(&frame, 1, VAULT_NOT_LOADED, 0));
	vault_rig_put_presign(&request, 2, 0);
	CHECK(vault_rig_ask(&rig, &request, &frame));
	CHECK(vault_rig_is_refused(&frame, 2, VAULT_NOT_LOADED, 0));
	CHECK(vault_rig_stop(&rig) == 0);
	buffer_clear(&request);
}

static bool is_signed(struct bytes text, const struct public_key *key)
{
	struct signature signature;
	struct buffer fingerprint;
	bool is_good;

	buffer_init(&fingerprint, 4096);
	vault_rig_put_fingerprint(&fingerprint);
	is_good = signature_parse((const char *)text.data, text.len,
	                          &signature) == 0 &&
	          signature_verify(&signature, key, buffer_bytes(&fingerprint));
	buffer_clear(&fingerprint);
	return is_good;
}

static void every_key_of_the_cache_signs(void)
{
	static struct vault_rig rig;
	struct wire_frame frame;
	struct buffer request;
	struct cursor c;

	buffer_init(&request, REQUESTS_MAX);
	CHECK(vault_rig_start_loaded(&rig) == 0);
	vault_rig_put_sign(&request, 7, 0);
	CHECK(vault_rig_ask(&rig, &request, &frame));
	CHECK(frame.type == VAULT_SIGNED && frame.tag == 7);
	cursor_init(&c, frame.body);
	CHECK(cursor_get_u8(&c) == 1);
	CHECK(is_signed(cursor_get_bytes(&c, 256), &rig.public_keys[0]));
	CHECK(cursor_end(&c) == 0);

	vault_rig_put_sign(&request, 8, 1);
	CHECK(vault_rig_ask(&rig, &request, &frame));
	cursor_init(&c, frame.body);
	CHECK(cursor_get_u8(&c) == 2);
	CHECK(is_signed(cursor_get_bytes(&c, 256), &rig.public_keys[4]));
	CHECK(is_signed(cursor_get_bytes(&c, 256), &rig.public_keys[5]));
	CHECK(cursor_end(&c) == 0);
	CHECK(vault_rig_stop(&rig) == 0);
	buffer_clear(&request);
}

/* The URL again, from the same secrets and the date that stands in it. */
static void make_url(const struct vault_rig *rig, const char *amz_date,
                     struct buffer *out)
{
	static const char path[] = "/bucket/nix/cache/"
				   "0c0000000000000000000000000000zz.narinfo";
	const struct sigv4_request request = {
		.method = "GET",
		.scheme = "https",
		.host = bytes_of_text("s3.example.org"),
		.path = bytes_of_text(path),
		.payload_hash = SIGV4_UNSIGNED,
		.has_payload_query = true,
	};
	struct sigv4_scope scope = {
		.access_key_id = bytes_of_text(rig->texts[1]),
		.session_token = bytes_of_text(rig->texts[3]),
		.region = "eu-central-1",
		.service = "s3",
		.expires = 60 + 30,
	};
	struct sigv4_key key;

	memcpy(scope.amz_date, amz_date, SIGV4_DATE_LEN);
	sigv4_key_derive(&key, bytes_of_text(rig->texts[2]), scope.amz_date,
	                 scope.region, scope.service);
	CHECK(sigv4_presign(&key, &request, &scope, out) == 0);
}

static void a_url_is_made_of_the_configuration(void)
{
	static const char date_name[] = "&X-Amz-Date=";
	int64_t before = (int64_t)time(NULL), expires_at;
	static struct vault_rig rig;
	struct wire_frame frame;
	struct buffer request, expected;
	struct bytes url;
	struct cursor c;
	const char *date;

	buffer_init(&request, REQUESTS_MAX);
	buffer_init(&expected, REQUESTS_MAX);
	CHECK(vault_rig_start_loaded(&rig) == 0);
	vault_rig_put_presign(&request, 9, 0);
	CHECK(vault_rig_ask(&rig, &request, &frame));
	CHECK(frame.type == VAULT_URL && frame.tag == 9);
	cursor_init(&c, frame.body);
	expires_at = (int64_t)cursor_get_u64(&c);
	url = cursor_get_bytes(&c, AGENT_URL_MAX);
	CHECK(cursor_end(&c) == 0);
	CHECK(expires_at >= before + 60 && expires_at <= time(NULL) + 60);

	date = memmem(url.data, url.len, date_name, sizeof(date_name) - 1);
	CHECK(date);
	if (date) {
		make_url(&rig, date + sizeof(date_name) - 1, &expected);
		CHECK(bytes_equal(url, buffer_bytes(&expected)));
	}
	CHECK(vault_rig_stop(&rig) == 0);
	buffer_clear(&request);
	buffer_clear(&expected);
}

static void a_folder_has_no_urls(void)
{
	static struct vault_rig rig;
	struct wire_frame frame;
	struct buffer request;

	buffer_init(&request, REQUESTS_MAX);
	CHECK(vault_rig_start_loaded(&rig) == 0);
	vault_rig_put_presign(&request, 3, 1);
	CHECK(vault_rig_ask(&rig, &request, &frame));
	CHECK(vault_rig_is_refused(&frame, 3, VAULT_NO_SUCH_SECRET, 0));
	CHECK(vault_rig_stop(&rig) == 0);
	buffer_clear(&request);
}

static void a_batch_is_answered_in_order(void)
{
	static struct vault_rig rig;
	struct wire_frame frame;
	struct buffer request;

	buffer_init(&request, REQUESTS_MAX);
	CHECK(vault_rig_start_loaded(&rig) == 0);
	for (uint64_t tag = 0; tag < 2UL * AGENT_BATCH_MAX; tag += 2) {
		vault_rig_put_sign(&request, tag, 1);
		vault_rig_put_presign(&request, tag + 1, 0);
	}
	vault_rig_send(&rig, &request);
	for (uint64_t tag = 0; tag < 2UL * AGENT_BATCH_MAX; tag++) {
		CHECK(vault_rig_hear(&rig, &frame) == 0 && frame.tag == tag &&
		      frame.type == (tag % 2 ? VAULT_URL : VAULT_SIGNED));
	}
	CHECK(vault_rig_stop(&rig) == 0);
	buffer_clear(&request);
}

static void a_request_may_come_byte_by_byte(void)
{
	static struct vault_rig rig;
	struct wire_frame frame;
	struct buffer request;

	buffer_init(&request, REQUESTS_MAX);
	CHECK(vault_rig_start_loaded(&rig) == 0);
	vault_rig_put_sign(&request, 5, 0);
	for (size_t i = 0; i < request.len; i++)
		CHECK(fd_write_full(rig.door, request.data + i, 1) == 0);
	CHECK(vault_rig_hear(&rig, &frame) == 0);
	CHECK(frame.type == VAULT_SIGNED && frame.tag == 5);
	CHECK(vault_rig_stop(&rig) == 0);
	buffer_clear(&request);
}

static void the_largest_request_is_answered(void)
{
	static struct bytes references[WIRE_REFERENCES_MAX];
	static char names[WIRE_REFERENCES_MAX][STORE_PATH_BASE_SIZE];
	struct vault_sign sign = {
		.base = bytes_of_text("zz000000000000000000000000000000-n"),
		.nar_size = 1,
		.references = references,
		.reference_count = WIRE_REFERENCES_MAX,
	};
	static struct vault_rig rig;
	struct wire_frame frame;
	struct buffer request;

	for (size_t i = 0; i < WIRE_REFERENCES_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%032zu-%030d", i,
		               1);
		references[i] = bytes_of_text(names[i]);
	}
	buffer_init(&request, REQUESTS_MAX);
	CHECK(vault_rig_start_loaded(&rig) == 0);
	wire_put_sign(&request, 6, &sign);
	CHECK(request.len > (size_t)WIRE_FRAME_MAX * 8 / 10);
	CHECK(vault_rig_ask(&rig, &request, &frame));
	CHECK(frame.type == VAULT_SIGNED && frame.tag == 6);
	CHECK(vault_rig_stop(&rig) == 0);
	buffer_clear(&request);
}

static void bad_requests_are_refused_and_the_vault_lives(void)
{
	const struct bytes unsorted[] = {
		bytes_of_text("1c0000000000000000000000000000zz-b"),
		bytes_of_text("0c0000000000000000000000000000zz-a"),
	};
	struct vault_sign sign = {
		.base = unsorted[0],
		.nar_size = 1,
		.references = unsorted,
		.reference_count = 2,
	};
	struct s3_object_request get = {
		.operation = S3_GET_OBJECT,
		.key = bytes_of_text("../../etc/passwd"),
	};
	static struct vault_rig rig;
	struct wire_frame frame;
	struct buffer request;

	buffer_init(&request, REQUESTS_MAX);
	CHECK(vault_rig_start_loaded(&rig) == 0);
	wire_put_sign(&request, 1, &sign);
	sign.reference_count = 0;
	sign.nar_size = 0;
	wire_put_sign(&request, 2, &sign);
	sign.nar_size = 1;
	sign.base = bytes_of_text("0c0000000000000000000000000000zz-a;b");
	wire_put_sign(&request, 3, &sign);
	vault_rig_put_sign(&request, 4, VAULT_RIG_CACHES);
	vault_rig_put_presign(&request, 5, UINT16_MAX);
	wire_put_presign(&request, 6, 0, &get);
	get.key = bytes_of_text("nix-cache-info");
	get.expires = S3_EXPIRES_MAX + 1;
	wire_put_presign(&request, 7, 0, &get);
	wire_finish(&request, wire_begin(&request, VAULT_SIGN, 8));
	wire_finish(&request, wire_begin(&request, VAULT_PRESIGN, 9));
	wire_put_commit(&request, 10);
	vault_rig_send(&rig, &request);
	for (uint64_t tag = 1; tag <= 10; tag++) {
		CHECK(vault_rig_hear(&rig, &frame) == 0);
		CHECK(vault_rig_is_refused(&frame, tag, VAULT_BAD_REQUEST, 0));
	}

	buffer_rewind(&request);
	vault_rig_put_sign(&request, 11, 0);
	CHECK(vault_rig_ask(&rig, &request, &frame));
	CHECK(frame.type == VAULT_SIGNED);
	CHECK(vault_rig_stop(&rig) == 0);
	buffer_clear(&request);
}

static void every_truncated_body_is_refused(void)
{
	static struct vault_rig rig;
	struct buffer whole, request;
	struct wire_frame frame, cut;

	buffer_init(&whole, REQUESTS_MAX);
	buffer_init(&request, REQUESTS_MAX);
	CHECK(vault_rig_start_loaded(&rig) == 0);
	vault_rig_put_sign(&whole, 1, 0);
	CHECK(wire_next(buffer_bytes(&whole), &frame) == 1);
	for (size_t len = 0; len < frame.body.len; len++) {
		size_t mark = wire_begin(&request, VAULT_SIGN, len);

		buffer_append(&request, frame.body.data, len);
		wire_finish(&request, mark);
		CHECK(vault_rig_ask(&rig, &request, &cut));
		CHECK(vault_rig_is_refused(&cut, len, VAULT_BAD_REQUEST, 0));
	}
	CHECK(vault_rig_stop(&rig) == 0);
	buffer_clear(&whole);
	buffer_clear(&request);
}

int main(void)
{
	static const struct test tests[] = {
		{ "an empty vault refuses", an_empty_vault_refuses },
		{ "every key of the cache signs",
		  every_key_of_the_cache_signs },
		{ "a URL is made of the configuration",
		  a_url_is_made_of_the_configuration },
		{ "a folder has no URLs", a_folder_has_no_urls },
		{ "a batch is answered in order",
		  a_batch_is_answered_in_order },
		{ "a request may come byte by byte",
		  a_request_may_come_byte_by_byte },
		{ "the largest request is answered",
		  the_largest_request_is_answered },
		{ "bad requests are refused and the vault lives",
		  bad_requests_are_refused_and_the_vault_lives },
		{ "every truncated body is refused",
		  every_truncated_body_is_refused },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
