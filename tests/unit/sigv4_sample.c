#include "tests/unit/sigv4_sample.h"

#include "protocol/base/text.h"
#include "protocol/s3/uri_encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes sample_since(const struct sample *s, size_t mark)
{
	return (struct bytes){ s->text.data + mark, s->text.len - mark };
}

bool sample_add_query(struct sample *s, struct bytes name, struct bytes value)
{
	if (s->request.query_count == SIGV4_PAIR_MAX)
		return false;
	s->query[s->request.query_count++] = (struct sigv4_pair){ name, value };
	return true;
}

/* A value with line breaks is a folded one: they are white space. */
bool sample_add_header(struct sample *s, struct bytes name, struct bytes value)
{
	size_t mark = s->text.len;

	if (s->request.header_count == SIGV4_PAIR_MAX)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.data[i];

		if (c >= '\t' && c <= '\r')
			c = ' ';
		buffer_append(&s->text, &c, 1);
	}
	s->headers[s->request.header_count++] =
		(struct sigv4_pair){ name, sample_since(s, mark) };
	return true;
}

bool sample_set_date(struct sample *s, const char *date)
{
	size_t len = 0;

	for (; date && *date != '\0'; date++) {
		if (*date == '-' || *date == ':')
			continue;
		if (len == SIGV4_DATE_LEN)
			return false;
		s->scope.amz_date[len++] = *date;
	}
	s->scope.amz_date[len] = '\0';
	return len == SIGV4_DATE_LEN;
}

struct bytes sample_decode_path(struct sample *s, struct bytes path)
{
	size_t mark = s->text.len, start = 0;

	for (size_t i = 0; i <= path.len; i++) {
		struct bytes part = { path.data + start, i - start };

		if (i < path.len && path.data[i] != '+')
			continue;
		if (uri_decode(&s->text, part) < 0)
			return (struct bytes){ NULL, 0 };
		if (i < path.len)
			buffer_append_char(&s->text, '+');
		start = i + 1;
	}
	return sample_since(s, mark);
}

struct bytes sample_decode(struct sample *s, struct bytes part)
{
	size_t mark = s->text.len;

	if (uri_decode(&s->text, part) < 0)
		return (struct bytes){ NULL, 0 };
	return sample_since(s, mark);
}

struct bytes sample_cut(struct bytes *text, char c)
{
	const uint8_t *at = text->len > 0 ? memchr(text->data, c, text->len)
	                                  : NULL;
	struct bytes head = { text->data,
		              at ? (size_t)(at - text->data) : text->len };
	size_t used = at ? head.len + 1 : head.len;

	if (used > 0)
		*text = (struct bytes){ text->data + used, text->len - used };
	return head;
}

bool sample_add_raw_query(struct sample *s, struct bytes query)
{
	while (query.len > 0) {
		struct bytes value = sample_cut(&query, '&');
		struct bytes name = sample_cut(&value, '=');

		if (!sample_add_query(s, sample_decode(s, name),
		                      sample_decode(s, value)))
			return false;
	}
	return true;
}

bool sample_set_body(struct sample *s, struct bytes body)
{
	uint8_t sha256[DIGEST_SHA256_LEN];

	if (digest_sha256(body, sha256) < 0)
		return false;
	text_hex(sha256, sizeof(sha256), s->payload_hash);
	s->request.payload_hash = s->payload_hash;
	return true;
}

const char *sample_text(struct sample *s, struct bytes bytes)
{
	size_t mark = s->text.len;

	buffer_append_bytes(&s->text, bytes);
	buffer_append_char(&s->text, '\0');
	return buffer_end(&s->text) == 0 ? s->memory + mark : "";
}

struct sample *sample_new(const char *name)
{
	struct sample *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->name = name ? name : "(no name)";
	s->request.scheme = "https";
	s->request.query = s->query;
	s->request.headers = s->headers;
	buffer_wrap(&s->text, s->memory, sizeof(s->memory));
	return s;
}

static bool is_same(const struct sample *s, const char *what, const char *got,
                    const char *want)
{
	if (!want || (got && strcmp(got, want) == 0))
		return true;
	(void)printf("# %s: %s differs\n# got:  %s\n# want: %s\n", s->name,
	             what, got ? got : "(none)", want);
	return false;
}

/* The URL is whole if it ends with the signature. */
static bool url_is_signed(const struct sample *s, const struct sigv4_key *key,
                          const char *signature)
{
	struct buffer url;
	const char *text;
	bool is_right;

	buffer_init(&url, SAMPLE_TEXT_MAX);
	is_right = sigv4_presign(key, &s->request, &s->scope, &url) == 0;
	text = buffer_text(&url);
	is_right = is_right && text && text_has_prefix(text, "http") &&
	           text_has_suffix(text, signature);
	buffer_clear(&url);
	return is_right;
}

static bool signature_is_same(const struct sample *s, struct bytes string)
{
	char signature[SIGV4_SIGNATURE_LEN + 1];
	struct sigv4_key key;

	sigv4_key_derive(&key, s->secret, s->scope.amz_date, s->scope.region,
	                 s->scope.service);
	sigv4_signature(&key, string, signature);
	return is_same(s, "signature", signature, s->signature) &&
	       url_is_signed(s, &key, signature);
}

bool sample_passes(const struct sample *s)
{
	struct buffer canonical, string;
	bool is_right;

	buffer_init(&canonical, SAMPLE_TEXT_MAX);
	buffer_init(&string, SAMPLE_TEXT_MAX);
	is_right = buffer_end(&s->text) == 0 &&
	           sigv4_canonical_request(&s->request, &s->scope,
	                                   &canonical) == 0 &&
	           sigv4_string_to_sign(&s->scope, buffer_bytes(&canonical),
	                                &string) == 0 &&
	           is_same(s, "canonical request", buffer_text(&canonical),
	                   s->canonical_request) &&
	           is_same(s, "string to sign", buffer_text(&string),
	                   s->string_to_sign) &&
	           signature_is_same(s, buffer_bytes(&string));
	buffer_clear(&canonical);
	buffer_clear(&string);
	return is_right;
}
