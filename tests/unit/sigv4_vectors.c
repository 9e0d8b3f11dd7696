/* Runs the signer over a file of test vectors made by other implementations.
 *
 * Three formats are known: {"vectors": [{id, group, inputs, outputs}]},
 * a list of flat objects, and {"cases": [{case, context, request, query_*}]}
 * (the AWS signing test suite, its raw requests as text).  Last line:
 * N passed, N failed, N skipped.  Exit status 0 only if something passed and
 * nothing failed. */
#include "tests/unit/sigv4_sample.h"

#include "protocol/base/cleanup.h"
#include "protocol/s3/place.h"

#include <json.h>

#include <stdio.h>
#include <string.h>

struct tally {
	unsigned passed, failed, skipped;
};

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		(void)json_object_object_get_ex(object, name, &value);
	return value;
}

/* NULL if absent or not a string. */
static const char *string_member(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name);

	return json_object_is_type(value, json_type_string)
	               ? json_object_get_string(value)
	               : NULL;
}

static struct bytes bytes_of_json(struct json_object *value)
{
	if (!json_object_is_type(value, json_type_string))
		return (struct bytes){ NULL, 0 };
	return (struct bytes){
		(const uint8_t *)json_object_get_string(value),
		(size_t)json_object_get_string_len(value),
	};
}

static struct bytes bytes_member(struct json_object *object, const char *name)
{
	return bytes_of_json(member(object, name));
}

/* [[name, value], ...] */
static bool add_pairs(struct sample *s, struct json_object *list,
                      bool (*add)(struct sample *, struct bytes, struct bytes))
{
	size_t count = json_object_is_type(list, json_type_array)
	                       ? json_object_array_length(list)
	                       : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *pair = json_object_array_get_idx(list, i);

		if (!json_object_is_type(pair, json_type_array) ||
		    json_object_array_length(pair) != 2 ||
		    !add(s, bytes_of_json(json_object_array_get_idx(pair, 0)),
		         bytes_of_json(json_object_array_get_idx(pair, 1))))
			return false;
	}
	return true;
}

/* Takes the sample; is_read is false when the vector could not be understood,
 * which is a failure too. */
static void judge(struct tally *tally, struct sample *s, bool is_read)
{
	bool is_whole = is_read && s && s->request.method && s->signature &&
	                s->scope.region && s->scope.service &&
	                s->request.payload_hash;

	if (is_whole && sample_passes(s)) {
		tally->passed++;
	} else {
		tally->failed++;
		(void)printf("# failed: %s%s\n", s ? s->name : "out of memory",
		             is_whole ? "" : ": not understood");
	}
	free(s);
}

static void skip(struct tally *tally, const char *name, const char *why)
{
	tally->skipped++;
	(void)printf("# skipped: %s: %s\n", name ? name : "(no name)",
	             why ? why : "");
}

/* What the first two formats name alike. */
static bool read_inputs(struct sample *s, struct json_object *in)
{
	s->secret = bytes_member(in, "secret_key");
	s->scope.access_key_id = bytes_member(in, "access_key");
	s->scope.session_token = bytes_member(in, "session_token");
	s->scope.region = string_member(in, "region");
	s->scope.service = string_member(in, "service");
	s->scope.expires =
		(uint32_t)json_object_get_int64(member(in, "expires"));
	s->request.method = string_member(in, "method");
	s->request.payload_hash = string_member(in, "payload_hash");
	return s->secret.data && s->scope.access_key_id.data &&
	       sample_set_date(s, string_member(in, "amz_date"));
}

static void read_expected(struct sample *s, struct json_object *out)
{
	s->canonical_request = string_member(out, "canonical_request");
	s->string_to_sign = string_member(out, "string_to_sign");
	s->signature = string_member(out, "signature");
}

static bool read_place(struct sample *s, struct json_object *in)
{
	const char *style = string_member(in, "style");
	const char *scheme = string_member(in, "scheme");
	struct s3_place place = {
		.endpoint = string_member(in, "endpoint"),
		.bucket = string_member(in, "bucket"),
		.prefix = "",
	};
	size_t mark;

	if (!style || !scheme || !place.endpoint || !place.bucket)
		return false;
	place.is_plain_http = strcmp(scheme, "http") == 0;
	place.is_virtual_host = strcmp(style, "virtual") == 0;
	s->request.scheme = scheme;
	mark = s->text.len;
	s3_place_append_host(&s->text, &place);
	s->request.host = sample_since(s, mark);
	mark = s->text.len;
	s3_place_append_path(&s->text, &place, bytes_member(in, "key"));
	s->request.path = sample_since(s, mark);
	return true;
}

static void run_signer(struct tally *tally, const char *name,
                       struct json_object *in, struct json_object *out)
{
	struct sample *s = sample_new(name);
	bool is_read =
		s && read_inputs(s, in) && read_place(s, in) &&
		add_pairs(s, member(in, "query"), sample_add_query) &&
		add_pairs(s, member(in, "signed_headers"), sample_add_header);

	if (s)
		read_expected(s, out);
	judge(tally, s, is_read);
}

/* A presigned URL carries its scope with it; what it does not say are the
 * method, the secret and the values of signed headers. */
struct url_field {
	struct bytes algorithm, credential, date, expires, token, names, mark;
};

static bool read_url_query(struct sample *s, struct bytes query,
                           struct url_field *f)
{
	const struct {
		const char *name;
		struct bytes *value;
	} fields[] = {
		{ "X-Amz-Algorithm", &f->algorithm },
		{ "X-Amz-Credential", &f->credential },
		{ "X-Amz-Date", &f->date },
		{ "X-Amz-Expires", &f->expires },
		{ "X-Amz-Security-Token", &f->token },
		{ "X-Amz-SignedHeaders", &f->names },
		{ "X-Amz-Signature", &f->mark },
	};

	while (query.len > 0) {
		struct bytes raw = sample_cut(&query, '&');
		struct bytes name = sample_decode(s, sample_cut(&raw, '='));
		struct bytes value = sample_decode(s, raw);
		struct bytes *own = NULL;

		for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
			if (bytes_equal(name, bytes_of_text(fields[i].name)))
				own = fields[i].value;
		}
		if (!own && !sample_add_query(s, name, value))
			return false;
		if (own)
			*own = value;
	}
	return bytes_equal(f->algorithm, bytes_of_text(SIGV4_ALGORITHM));
}

static bool read_url(struct sample *s, const char *text, struct url_field *f)
{
	const char *slashes = text ? strstr(text, "://") : NULL;
	struct s3_place place = { .bucket = "", .prefix = "" };
	struct bytes url, path;
	size_t mark;

	if (!slashes)
		return false;
	s->request.scheme =
		sample_text(s, (struct bytes){ (const uint8_t *)text,
	                                       (size_t)(slashes - text) });
	place.is_plain_http = strcmp(s->request.scheme, "http") == 0;
	url = bytes_of_text(slashes + strlen("://"));
	path = sample_cut(&url, '?');
	place.endpoint = sample_text(s, sample_cut(&path, '/'));
	mark = s->text.len;
	s3_place_append_host(&s->text, &place);
	s->request.host = sample_since(s, mark);
	mark = s->text.len;
	buffer_append_char(&s->text, '/');
	if (!sample_decode_path(s, path).data)
		return false;
	s->request.path = sample_since(s, mark);
	return read_url_query(s, url, f);
}

static void read_url_scope(struct sample *s, const struct url_field *f)
{
	struct bytes credential = f->credential;

	s->scope.access_key_id = sample_cut(&credential, '/');
	(void)sample_cut(&credential, '/');
	s->scope.region = sample_text(s, sample_cut(&credential, '/'));
	s->scope.service = sample_text(s, sample_cut(&credential, '/'));
	s->scope.session_token = f->token;
	s->scope.expires =
		(uint32_t)strtoul(sample_text(s, f->expires), NULL, 10);
	s->signature = sample_text(s, f->mark);
}

/* A whole URL of a client: signed again from what it says of itself. */
static void run_url(struct tally *tally, const char *name,
                    struct json_object *in, struct json_object *out)
{
	const char *method = string_member(in, "method");
	struct url_field f = { .names = { NULL, 0 } };
	struct sample *s = sample_new(name);
	bool is_read;

	is_read = s && read_url(s, string_member(out, "url"), &f) &&
	          sample_set_date(s, sample_text(s, f.date)) &&
	          add_pairs(s, member(in, "signed_headers"), sample_add_header);
	if (s && is_read) {
		s->secret = bytes_member(in, "secret_key");
		s->request.method = method ? method
		                           : string_member(out, "method");
		s->request.payload_hash = string_member(in, "payload_hash");
		if (!s->request.payload_hash)
			s->request.payload_hash = SIGV4_UNSIGNED;
		read_url_scope(s, &f);
	}
	if (is_read && !s->request.method) {
		skip(tally, name, "a URL without its method");
		free(s);
	} else if (is_read && s->request.header_count == 0 &&
	           !bytes_equal(f.names, bytes_of_text("host"))) {
		skip(tally, name, "a URL without the values of its headers");
		free(s);
	} else {
		judge(tally, s, is_read);
	}
}

static void run_vector(struct tally *tally, struct json_object *vector)
{
	const char *name = string_member(vector, "id");
	struct json_object *in = member(vector, "inputs");
	struct json_object *out = member(vector, "outputs");

	if (string_member(out, "canonical_request")) {
		run_signer(tally, name, in, out);
	} else if (string_member(out, "url") &&
	           string_member(in, "secret_key")) {
		run_url(tally, name, in, out);
	} else {
		skip(tally, name, "neither a canonical request nor a URL");
	}
}

/* The flat format: host and key instead of a place. */
static void run_flat(struct tally *tally, struct json_object *vector)
{
	struct sample *s = sample_new(string_member(vector, "source"));
	bool is_read = s && read_inputs(s, vector);

	if (is_read) {
		size_t mark = s->text.len;

		buffer_append_char(&s->text, '/');
		buffer_append_bytes(&s->text, bytes_member(vector, "key"));
		s->request.path = sample_since(s, mark);
		s->request.host = bytes_member(vector, "host");
	}
	if (s)
		read_expected(s, vector);
	judge(tally, s, is_read);
}

/* "METHOD target HTTP/1.1"; the target may hold spaces. */
static bool read_request_line(struct sample *s, struct bytes line)
{
	static const char version[] = " HTTP/1.1";
	struct bytes path;

	s->request.method = sample_text(s, sample_cut(&line, ' '));
	if (line.len < strlen(version))
		return false;
	line.len -= strlen(version);
	if (memcmp(line.data + line.len, version, strlen(version)) != 0)
		return false;
	path = sample_cut(&line, '?');
	s->request.path = sample_decode_path(s, path);
	return s->request.path.data && sample_add_raw_query(s, line);
}

/* Takes one header with the lines that are folded into it. */
static bool read_header(struct sample *s, struct bytes *text)
{
	const uint8_t *start = text->data;
	struct bytes name, value;
	size_t len;

	do {
		struct bytes line = sample_cut(text, '\n');

		len = (size_t)(line.data + line.len - start);
	} while (text->len > 0 && (*text->data == ' ' || *text->data == '\t'));
	value = (struct bytes){ start, len };
	name = sample_cut(&value, ':');
	if (name.len == 4 &&
	    strncasecmp((const char *)name.data, "host", 4) == 0) {
		s->request.host = value;
		return true;
	}
	return sample_add_header(s, name, value);
}

static bool read_raw_request(struct sample *s, struct bytes text)
{
	if (!read_request_line(s, sample_cut(&text, '\n')))
		return false;
	while (text.len > 0 && *text.data != '\n') {
		if (!read_header(s, &text))
			return false;
	}
	(void)sample_cut(&text, '\n');
	return sample_set_body(s, text);
}

static void run_case(struct tally *tally, struct json_object *vector)
{
	struct json_object *context = member(vector, "context");
	struct json_object *credentials = member(context, "credentials");
	struct sample *s;
	bool is_read;

	if (!json_object_get_boolean(member(vector, "s3_rules_match"))) {
		skip(tally, string_member(vector, "case"),
		     string_member(vector, "why"));
		return;
	}
	s = sample_new(string_member(vector, "case"));
	is_read = s &&
	          sample_set_date(s, string_member(context, "timestamp")) &&
	          read_raw_request(s, bytes_member(vector, "request"));
	if (is_read) {
		s->secret = bytes_member(credentials, "secret_access_key");
		s->scope.access_key_id =
			bytes_member(credentials, "access_key_id");
		/* Where it is omitted it is added after signing. */
		if (!json_object_get_boolean(
			    member(context, "omit_session_token"))) {
			s->scope.session_token =
				bytes_member(credentials, "token");
		}
		s->scope.region = string_member(context, "region");
		s->scope.service = string_member(context, "service");
		s->scope.expires = (uint32_t)json_object_get_int64(
			member(context, "expiration_in_seconds"));
		s->canonical_request =
			string_member(vector, "query_canonical_request");
		s->string_to_sign =
			string_member(vector, "query_string_to_sign");
		s->signature = string_member(vector, "query_signature");
	}
	judge(tally, s, is_read);
}

static void run_list(struct tally *tally, struct json_object *list,
                     void (*run)(struct tally *, struct json_object *))
{
	size_t count = json_object_is_type(list, json_type_array)
	                       ? json_object_array_length(list)
	                       : 0;

	for (size_t i = 0; i < count; i++)
		run(tally, json_object_array_get_idx(list, i));
}

int main(int argc, char **argv)
{
	struct tally tally = { 0 };
	struct json_object *root;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: sigv4_vectors FILE.json\n");
		return 2;
	}
	root = json_object_from_file(argv[1]);
	if (json_object_is_type(root, json_type_array))
		run_list(&tally, root, run_flat);
	run_list(&tally, member(root, "vectors"), run_vector);
	run_list(&tally, member(root, "cases"), run_case);
	json_object_put(root);

	/* A file that proves nothing must not look like success. */
	if (tally.passed == 0 && tally.failed == 0) {
		(void)printf("# %s: no vector in it applies\n", argv[1]);
		tally.failed = 1;
	}
	(void)printf("%u passed, %u failed, %u skipped\n", tally.passed,
	             tally.failed, tally.skipped);
	return tally.failed > 0 ? 1 : 0;
}
