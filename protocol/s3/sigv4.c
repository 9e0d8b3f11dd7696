#include "protocol/s3/sigv4.h"

#include "protocol/s3/canonical_request.h"
#include "protocol/s3/uri_encode.h"

#include <sodium.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

static_assert(sizeof(crypto_auth_hmacsha256_state) <=
                      sizeof(((struct sigv4_key *)0)->state),
              "the HMAC state fits");

/* ---- the calendar ---- */

static void put_digits(char *out, int64_t value, int width)
{
	while (width-- > 0) {
		out[width] = (char)('0' + value % 10);
		value /= 10;
	}
}

/* Days since 1970 to a date of the proleptic Gregorian calendar, counted in
 * eras of 400 years that begin on 1 March. */
static void put_date(char *out, int64_t days)
{
	int64_t since_march = days + 719468; /* 0000-03-01 to 1970-01-01 */
	int64_t era = (since_march >= 0 ? since_march : since_march - 146096) /
	              146097;
	int64_t day_of_era = since_march - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 +
	                       day_of_era / 36524 - day_of_era / 146096) /
	                      365;
	int64_t day_of_year =
		day_of_era -
		(365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted = (5 * day_of_year + 2) / 153; /* 0: March */
	int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;

	put_digits(out, year_of_era + era * 400 + (month <= 2 ? 1 : 0), 4);
	put_digits(out + 4, month, 2);
	put_digits(out + 6, day_of_year - (153 * shifted + 2) / 5 + 1, 2);
}

void sigv4_format_date(int64_t epoch, char out[SIGV4_DATE_LEN + 1])
{
	int64_t days = epoch / 86400 - (epoch % 86400 < 0 ? 1 : 0);
	int64_t second = epoch - days * 86400;

	put_date(out, days);
	out[8] = 'T';
	put_digits(out + 9, second / 3600, 2);
	put_digits(out + 11, second / 60 % 60, 2);
	put_digits(out + 13, second % 60, 2);
	out[15] = 'Z';
	out[16] = '\0';
}

/* ---- keys and signatures ---- */

static void hmac(const uint8_t *key, const char *text, size_t len, uint8_t *out)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, crypto_auth_hmacsha256_BYTES);
	crypto_auth_hmacsha256_update(&state, (const uint8_t *)text, len);
	crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof(state));
}

/* "AWS4" and the secret as an HMAC key of 64 bytes: padded by zeros or, when
 * longer, hashed, which is what HMAC does with a key (RFC 2104 section 2). */
static void first_key(struct bytes secret, uint8_t out[64])
{
	static const uint8_t mark[4] = { 'A', 'W', 'S', '4' };
	crypto_hash_sha256_state state;

	memset(out, 0, 64);
	if (secret.len <= 64 - sizeof(mark)) {
		memcpy(out, mark, sizeof(mark));
		if (secret.len > 0)
			memcpy(out + sizeof(mark), secret.data, secret.len);
		return;
	}
	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, mark, sizeof(mark));
	crypto_hash_sha256_update(&state, secret.data, secret.len);
	crypto_hash_sha256_final(&state, out);
	sodium_memzero(&state, sizeof(state));
}

void sigv4_key_derive(struct sigv4_key *key, struct bytes secret_access_key,
                      const char *date, const char *region, const char *service)
{
	crypto_auth_hmacsha256_state state;
	uint8_t first[64], step[crypto_auth_hmacsha256_BYTES];

	first_key(secret_access_key, first);
	crypto_auth_hmacsha256_init(&state, first, sizeof(first));
	crypto_auth_hmacsha256_update(&state, (const uint8_t *)date,
	                              SIGV4_DAY_LEN);
	crypto_auth_hmacsha256_final(&state, step);
	hmac(step, region, strlen(region), step);
	hmac(step, service, strlen(service), step);
	hmac(step, SIGV4_TERMINAL, strlen(SIGV4_TERMINAL), step);

	crypto_auth_hmacsha256_init(&state, step, sizeof(step));
	memcpy(key->state, &state, sizeof(state));
	memcpy(key->date, date, SIGV4_DAY_LEN);
	key->date[SIGV4_DAY_LEN] = '\0';
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(first, sizeof(first));
	sodium_memzero(step, sizeof(step));
}

void sigv4_signature(const struct sigv4_key *key, struct bytes string_to_sign,
                     char out[SIGV4_SIGNATURE_LEN + 1])
{
	crypto_auth_hmacsha256_state state;
	uint8_t mac[crypto_auth_hmacsha256_BYTES];

	memcpy(&state, key->state, sizeof(state));
	crypto_auth_hmacsha256_update(&state, string_to_sign.data,
	                              string_to_sign.len);
	crypto_auth_hmacsha256_final(&state, mac);
	(void)sodium_bin2hex(out, SIGV4_SIGNATURE_LEN + 1, mac, sizeof(mac));
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(mac, sizeof(mac));
}

int sigv4_canonical_request(const struct sigv4_request *request,
                            const struct sigv4_scope *scope, struct buffer *out)
{
	struct canonical canonical;
	int rc;

	rc = canonical_init(&canonical, request, scope);
	if (rc < 0)
		return rc;

	canonical_append(out, &canonical, request);
	return buffer_end(out);
}

int sigv4_string_to_sign(const struct sigv4_scope *scope,
                         struct bytes canonical_request, struct buffer *out)
{
	uint8_t digest[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof(digest) + 1];

	crypto_hash_sha256(digest, canonical_request.data,
	                   canonical_request.len);
	(void)sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
	buffer_append_text(out, SIGV4_ALGORITHM "\n");
	buffer_append(out, scope->amz_date, SIGV4_DATE_LEN);
	buffer_append_char(out, '\n');
	canonical_append_scope(out, scope);
	buffer_append_char(out, '\n');
	buffer_append_text(out, hex);
	return buffer_end(out);
}

/* Signs the canonical request that stands in out from mark on. */
static int sign(const struct sigv4_key *key, const struct sigv4_scope *scope,
                size_t mark, struct buffer *out,
                char signature[SIGV4_SIGNATURE_LEN + 1])
{
	size_t end = out->len;
	int rc;

	rc = buffer_end(out);
	if (rc < 0)
		return rc;

	rc = sigv4_string_to_sign(
		scope, (struct bytes){ out->data + mark, end - mark }, out);
	if (rc < 0)
		return rc;

	sigv4_signature(key, (struct bytes){ out->data + end, out->len - end },
	                signature);
	return 0;
}

static void append_url(struct buffer *out, const struct sigv4_request *request,
                       const struct canonical *canonical, const char *signature)
{
	buffer_append_text(out, request->scheme);
	buffer_append_text(out, "://");
	buffer_append_bytes(out, request->host);
	uri_encode_path(out, request->path);
	buffer_append_char(out, '?');
	canonical_append_query(out, canonical);
	buffer_append_text(out, "&X-Amz-Signature=");
	buffer_append_text(out, signature);
}

int sigv4_presign(const struct sigv4_key *key,
                  const struct sigv4_request *request,
                  const struct sigv4_scope *scope, struct buffer *out)
{
	char signature[SIGV4_SIGNATURE_LEN + 1];
	struct canonical canonical;
	size_t mark = out->len;
	int rc;

	if (memcmp(key->date, scope->amz_date, SIGV4_DAY_LEN) != 0)
		return -EINVAL;
	rc = canonical_init(&canonical, request, scope);
	if (rc == 0) {
		canonical_append(out, &canonical, request);
		rc = sign(key, scope, mark, out, signature);
	}

	/* Only the URL is the caller's business. */
	if (out->len > mark)
		sodium_memzero(out->data + mark, out->len - mark);
	out->len = mark;
	if (rc == 0) {
		append_url(out, request, &canonical, signature);
		rc = buffer_end(out);
	}
	sodium_memzero(&canonical, sizeof(canonical));
	sodium_memzero(signature, sizeof(signature));
	return rc;
}
