#include "protocol/s3/sigv4.h"

#include "protocol/base/text.h"
#include "protocol/s3/canonical_request.h"
#include "protocol/s3/uri_encode.h"

#include <sodium.h>

#include <errno.h>
#include <string.h>

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

/* The next key from one: HMAC(key, text). */
static void step(uint8_t key[SHA256_LEN], const char *text)
{
	struct hmac_key hmac;

	hmac_key_init(&hmac, (struct bytes){ key, SHA256_LEN },
	              (struct bytes){ NULL, 0 });
	hmac_sha256(&hmac, bytes_of_text(text), key);
	sodium_memzero(&hmac, sizeof(hmac));
}

void sigv4_key_derive(struct sigv4_key *key, struct bytes secret_access_key,
                      const char *date, const char *region, const char *service)
{
	const struct bytes day = { (const uint8_t *)date, SIGV4_DAY_LEN };
	uint8_t now[SHA256_LEN];

	hmac_key_init(&key->mac, bytes_of_text("AWS4"), secret_access_key);
	hmac_sha256(&key->mac, day, now);
	step(now, region);
	step(now, service);
	step(now, SIGV4_TERMINAL);
	hmac_key_init(&key->mac, (struct bytes){ now, sizeof(now) },
	              (struct bytes){ NULL, 0 });
	memcpy(key->date, date, SIGV4_DAY_LEN);
	key->date[SIGV4_DAY_LEN] = '\0';
	sodium_memzero(now, sizeof(now));
}

void sigv4_signature(const struct sigv4_key *key, struct bytes string_to_sign,
                     char out[SIGV4_SIGNATURE_LEN + 1])
{
	uint8_t mac[SHA256_LEN];

	hmac_sha256(&key->mac, string_to_sign, mac);
	text_hex(mac, sizeof(mac), out);
	sodium_memzero(mac, sizeof(mac));
}

int sigv4_canonical_request(const struct sigv4_request *request,
                            const struct sigv4_scope *scope, struct buffer *out)
{
	left_unfilled struct canonical canonical;
	int rc;

	rc = canonical_init(&canonical, request, scope);
	if (rc < 0)
		return rc;

	(void)canonical_append(out, &canonical, request);
	return buffer_end(out);
}

int sigv4_string_to_sign(const struct sigv4_scope *scope,
                         struct bytes canonical_request, struct buffer *out)
{
	uint8_t digest[SHA256_LEN];
	char hex[2 * sizeof(digest) + 1];

	sha256_of(canonical_request, digest);
	text_hex(digest, sizeof(digest), hex);
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

#define SIGNATURE_NAME "&X-Amz-Signature="

/* Of the canonical request, which stands in out from mark on, path and query
 * become the URL's.  All else is wiped. */
static int make_url(const struct sigv4_request *request, size_t mark,
                    const struct canonical_parts *parts, const char *signature,
                    struct buffer *out)
{
	const size_t used = out->len, len = parts->end - parts->path;
	const size_t to = mark + strlen(request->scheme) + strlen("://") +
	                  request->host.len;
	const size_t url_len =
		to - mark + len + strlen(SIGNATURE_NAME) + SIGV4_SIGNATURE_LEN;

	if (!buffer_reserve(out, url_len))
		return out->error;
	memmove(out->data + to, out->data + parts->path, len);
	out->data[to + parts->query - parts->path - 1] = '?';
	if (used > to + len)
		sodium_memzero(out->data + to + len, used - to - len);
	out->len = mark;
	buffer_append_text(out, request->scheme);
	buffer_append_text(out, "://");
	buffer_append_bytes(out, request->host);
	out->len = to + len;
	buffer_append_text(out, SIGNATURE_NAME);
	buffer_append_text(out, signature);
	return buffer_end(out);
}

int sigv4_presign(const struct sigv4_key *key,
                  const struct sigv4_request *request,
                  const struct sigv4_scope *scope, struct buffer *out)
{
	char signature[SIGV4_SIGNATURE_LEN + 1];
	left_unfilled struct canonical canonical;
	struct canonical_parts parts;
	size_t mark = out->len;
	int rc;

	if (memcmp(key->date, scope->amz_date, SIGV4_DAY_LEN) != 0)
		return -EINVAL;
	rc = canonical_init(&canonical, request, scope);
	if (rc == 0) {
		parts = canonical_append(out, &canonical, request);
		rc = sign(key, scope, mark, out, signature);
	}
	if (rc == 0)
		rc = make_url(request, mark, &parts, signature, out);

	/* Only the URL is the caller's business. */
	if (rc < 0 && out->len > mark) {
		sodium_memzero(out->data + mark, out->len - mark);
		out->len = mark;
	}
	sodium_memzero(&canonical, sizeof(canonical));
	sodium_memzero(signature, sizeof(signature));
	return rc;
}
