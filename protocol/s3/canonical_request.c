#include "protocol/s3/canonical_request.h"

#include "protocol/s3/uri_encode.h"

#include <errno.h>

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool header_is_valid(const struct sigv4_pair *header)
{
	for (size_t i = 0; i < header->name.len; i++) {
		uint8_t c = header->name.data[i];

		if (c <= 0x20 || c >= 0x7f || c == ':')
			return false;
	}
	for (size_t i = 0; i < header->value.len; i++) {
		uint8_t c = header->value.data[i];

		if ((c < 0x20 && !is_space(c)) || c == 0x7f)
			return false;
	}
	return header->name.len > 0;
}

static int compare_names(struct bytes a, struct bytes b)
{
	for (size_t i = 0; i < a.len && i < b.len; i++) {
		int difference = lower(a.data[i]) - lower(b.data[i]);

		if (difference != 0)
			return difference;
	}
	if (a.len == b.len)
		return 0;
	return a.len < b.len ? -1 : 1;
}

/* Insertion keeps the order of repeated names: their values are joined. */
static void insert_header(struct canonical *canonical, struct sigv4_pair header)
{
	struct sigv4_pair *headers = canonical->headers;
	size_t at = canonical->header_count++;

	while (at > 0 && compare_names(headers[at - 1].name, header.name) > 0) {
		headers[at] = headers[at - 1];
		at--;
	}
	headers[at] = header;
}

static int compare_pairs(const struct sigv4_pair *a, const struct sigv4_pair *b)
{
	int order = uri_compare_encoded(a->name, b->name);

	return order != 0 ? order : uri_compare_encoded(a->value, b->value);
}

static void insert_query(struct canonical *canonical, struct sigv4_pair pair)
{
	struct sigv4_pair *query = canonical->query;
	size_t at = canonical->query_count++;

	while (at > 0 && compare_pairs(&query[at - 1], &pair) > 0) {
		query[at] = query[at - 1];
		at--;
	}
	query[at] = pair;
}

static void insert_own(struct canonical *canonical, const char *name,
                       struct bytes value)
{
	insert_query(canonical,
	             (struct sigv4_pair){ bytes_of_text(name), value });
}

/* i is below header_count. */
static bool repeats_name(const struct canonical *canonical, size_t i)
{
	const struct sigv4_pair *header = canonical->headers + i;

	return i > 0 && compare_names(header[-1].name, header->name) == 0;
}

static void append_name(struct buffer *out, struct bytes name)
{
	for (size_t i = 0; i < name.len; i++)
		buffer_append_char(out, (char)lower(name.data[i]));
}

static void append_names(struct buffer *out, const struct canonical *canonical)
{
	for (size_t i = 0; i < canonical->header_count; i++) {
		if (repeats_name(canonical, i))
			continue;
		if (i > 0)
			buffer_append_char(out, ';');
		append_name(out, canonical->headers[i].name);
	}
}

/* Trimmed, with each run of white space inside made one space. */
static void append_value(struct buffer *out, struct bytes value)
{
	bool follows_word = false, follows_space = false;

	for (size_t i = 0; i < value.len; i++) {
		if (is_space(value.data[i])) {
			follows_space = true;
			continue;
		}
		if (follows_word && follows_space)
			buffer_append_char(out, ' ');
		buffer_append_char(out, (char)value.data[i]);
		follows_word = true;
		follows_space = false;
	}
}

static void append_headers(struct buffer *out,
                           const struct canonical *canonical)
{
	for (size_t i = 0; i < canonical->header_count; i++) {
		if (repeats_name(canonical, i)) {
			buffer_append_char(out, ',');
		} else {
			if (i > 0)
				buffer_append_char(out, '\n');
			append_name(out, canonical->headers[i].name);
			buffer_append_char(out, ':');
		}
		append_value(out, canonical->headers[i].value);
	}
	buffer_append_char(out, '\n');
}

static void append_query(struct buffer *out, const struct canonical *canonical)
{
	for (size_t i = 0; i < canonical->query_count; i++) {
		if (i > 0)
			buffer_append_char(out, '&');
		uri_encode(out, canonical->query[i].name);
		buffer_append_char(out, '=');
		uri_encode(out, canonical->query[i].value);
	}
}

void canonical_append_scope(struct buffer *out, const struct sigv4_scope *scope)
{
	buffer_append(out, scope->amz_date, SIGV4_DAY_LEN);
	buffer_append_char(out, '/');
	buffer_append_text(out, scope->region);
	buffer_append_char(out, '/');
	buffer_append_text(out, scope->service);
	buffer_append_text(out, "/" SIGV4_TERMINAL);
}

struct canonical_parts canonical_append(struct buffer *out,
                                        const struct canonical *canonical,
                                        const struct sigv4_request *request)
{
	struct canonical_parts parts;

	buffer_append_text(out, request->method);
	buffer_append_char(out, '\n');
	parts.path = out->len;
	uri_encode_path(out, request->path);
	buffer_append_char(out, '\n');
	parts.query = out->len;
	append_query(out, canonical);
	parts.end = out->len;
	buffer_append_char(out, '\n');
	append_headers(out, canonical);
	buffer_append_char(out, '\n');
	append_names(out, canonical);
	buffer_append_char(out, '\n');
	buffer_append_text(out, request->payload_hash);
	return parts;
}

static int add_credential(struct canonical *canonical,
                          const struct sigv4_scope *scope)
{
	struct buffer text;

	buffer_wrap(&text, canonical->credential,
	            sizeof(canonical->credential));
	buffer_append_bytes(&text, scope->access_key_id);
	buffer_append_char(&text, '/');
	canonical_append_scope(&text, scope);
	insert_own(canonical, "X-Amz-Credential", buffer_bytes(&text));
	return buffer_end(&text);
}

static int add_names(struct canonical *canonical)
{
	struct buffer text;

	buffer_wrap(&text, canonical->names, sizeof(canonical->names));
	append_names(&text, canonical);
	insert_own(canonical, "X-Amz-SignedHeaders", buffer_bytes(&text));
	return buffer_end(&text);
}

static void add_expires(struct canonical *canonical, uint32_t expires)
{
	struct buffer text;

	buffer_wrap(&text, canonical->expires, sizeof(canonical->expires));
	buffer_append_u64(&text, expires);
	insert_own(canonical, "X-Amz-Expires", buffer_bytes(&text));
}

static int add_headers(struct canonical *canonical,
                       const struct sigv4_request *request)
{
	insert_header(canonical, (struct sigv4_pair){ bytes_of_text("host"),
	                                              request->host });
	for (size_t i = 0; i < request->header_count; i++) {
		if (!header_is_valid(&request->headers[i]))
			return -EINVAL;
		insert_header(canonical, request->headers[i]);
	}
	return add_names(canonical);
}

int canonical_init(struct canonical *canonical,
                   const struct sigv4_request *request,
                   const struct sigv4_scope *scope)
{
	int rc;

	canonical->query_count = 0;
	canonical->header_count = 0;
	if (request->query_count > SIGV4_PAIR_MAX ||
	    request->header_count > SIGV4_PAIR_MAX)
		return -EINVAL;

	for (size_t i = 0; i < request->query_count; i++)
		insert_query(canonical, request->query[i]);
	insert_own(canonical, "X-Amz-Algorithm",
	           bytes_of_text(SIGV4_ALGORITHM));
	insert_own(canonical, "X-Amz-Date", bytes_of_text(scope->amz_date));
	add_expires(canonical, scope->expires);
	if (request->has_payload_query) {
		insert_own(canonical, "X-Amz-Content-Sha256",
		           bytes_of_text(request->payload_hash));
	}
	if (scope->session_token.len > 0) {
		insert_own(canonical, "X-Amz-Security-Token",
		           scope->session_token);
	}
	rc = add_headers(canonical, request);
	return rc < 0 ? rc : add_credential(canonical, scope);
}
