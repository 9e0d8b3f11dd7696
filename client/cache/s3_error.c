#include "client/cache/s3_error.h"

#include "client/cache/s3_xml.h"
#include "protocol/base/text.h"
#include "protocol/nix/store_uri.h"

#include <stdio.h>
#include <string.h>

/* What the person is told; every %s of a sentence is in subject. */
struct subject {
	const struct transfer_result *result;
	const struct s3_error *error;
	struct store_uri uri;
	const char *cache; /* its name */
	const char *object;
};

/* Should a server ever quote the URL, it ends here. */
static void copy_text(const struct s3_xml *xml, const char *name, char *out,
                      size_t size)
{
	const char *text = s3_xml_find(xml, 0, name);

	if (!text)
		return;
	text_printable(text, strlen(text), out, size);
	if (strcasestr(out, "X-Amz-"))
		out[0] = '\0';
}

void s3_error_parse(struct bytes body, struct s3_error *ret_error)
{
	cleanup_xml struct s3_xml xml = { .count = 0 };

	*ret_error = (struct s3_error){ .code = "" };
	if (s3_xml_parse(body, &xml) < 0 ||
	    strcmp(s3_xml_name(&xml, 0), "Error") != 0)
		return;

	copy_text(&xml, "Code", ret_error->code, sizeof(ret_error->code));
	copy_text(&xml, "Message", ret_error->message,
	          sizeof(ret_error->message));
	copy_text(&xml, "Region", ret_error->region, sizeof(ret_error->region));
	if (!ret_error->region[0]) {
		copy_text(&xml, "Endpoint", ret_error->region,
		          sizeof(ret_error->region));
	}
}

bool s3_error_is_missing(const struct transfer_result *result)
{
	struct s3_error error;

	if (result->outcome != TRANSFER_DONE || result->http_status != 404)
		return false;
	s3_error_parse(buffer_bytes(&result->response), &error);
	return strcmp(error.code, "NoSuchBucket") != 0;
}

enum advice {
	ADVICE_NONE,
	ADVICE_BUCKET,
	ADVICE_CREDENTIALS,
	ADVICE_RIGHTS,
	ADVICE_REGION,
	ADVICE_CLOCK,
	ADVICE_EXPIRED,
	ADVICE_FULL,
	ADVICE_BUSY,
	ADVICE_UPLOAD,
	ADVICE_FEATURE,
	ADVICE_DAMAGED,
};

/* Codes of AWS, Ceph and Backblaze, whose meanings agree. */
static const struct {
	const char *code;
	enum advice advice;
} advices[] = {
	{ "NoSuchBucket", ADVICE_BUCKET },
	{ "InvalidBucketName", ADVICE_BUCKET },
	{ "SignatureDoesNotMatch", ADVICE_CREDENTIALS },
	{ "InvalidAccessKeyId", ADVICE_CREDENTIALS },
	{ "UnauthorizedAccess", ADVICE_CREDENTIALS },
	{ "InvalidToken", ADVICE_CREDENTIALS },
	{ "InvalidSecurity", ADVICE_CREDENTIALS },
	{ "NotSignedUp", ADVICE_CREDENTIALS },
	{ "UserSuspended", ADVICE_CREDENTIALS },
	{ "AccountProblem", ADVICE_CREDENTIALS },
	{ "AccessDenied", ADVICE_RIGHTS },
	{ "AllAccessDisabled", ADVICE_RIGHTS },
	{ "AuthorizationHeaderMalformed", ADVICE_REGION },
	{ "AuthorizationQueryParametersError", ADVICE_REGION },
	{ "IllegalLocationConstraintException", ADVICE_REGION },
	{ "IllegalLocationConstraint", ADVICE_REGION },
	{ "PermanentRedirect", ADVICE_REGION },
	{ "TemporaryRedirect", ADVICE_REGION },
	{ "Redirect", ADVICE_REGION },
	{ "RequestTimeTooSkewed", ADVICE_CLOCK },
	{ "RequestNotReadyYet", ADVICE_CLOCK },
	{ "ExpiredToken", ADVICE_EXPIRED },
	{ "QuotaExceeded", ADVICE_FULL },
	{ "XMinioStorageFull", ADVICE_FULL },
	{ "storage_cap_exceeded", ADVICE_FULL },
	{ "transaction_cap_exceeded", ADVICE_FULL },
	{ "SlowDown", ADVICE_BUSY },
	{ "ServiceUnavailable", ADVICE_BUSY },
	{ "InternalError", ADVICE_BUSY },
	{ "TooManyRequests", ADVICE_BUSY },
	{ "NoSuchUpload", ADVICE_UPLOAD },
	{ "InvalidPart", ADVICE_UPLOAD },
	{ "InvalidPartOrder", ADVICE_UPLOAD },
	{ "EntityTooSmall", ADVICE_UPLOAD },
	{ "NotImplemented", ADVICE_FEATURE },
	{ "MethodNotAllowed", ADVICE_FEATURE },
	{ "BadDigest", ADVICE_DAMAGED },
	{ "IncompleteBody", ADVICE_DAMAGED },
};

/* Backblaze says its caps as AccessDenied, and AWS an expired URL. */
static enum advice advice_of_message(const char *message)
{
	if (strcasestr(message, "cap exceeded") ||
	    strcasestr(message, "quota exceeded"))
		return ADVICE_FULL;
	if (strcasestr(message, "request has expired"))
		return ADVICE_EXPIRED;
	return ADVICE_NONE;
}

static enum advice advice_of_status(long status)
{
	if (status == 301 || status == 307)
		return ADVICE_REGION;
	if (status == 401 || status == 403)
		return ADVICE_RIGHTS;
	if (status == 429 || status == 503 || status == 500)
		return ADVICE_BUSY;
	return ADVICE_NONE;
}

static enum advice advice_of(const struct subject *s)
{
	enum advice advice = advice_of_message(s->error->message);

	if (advice != ADVICE_NONE)
		return advice;
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
		if (strcmp(s->error->code, advices[i].code) == 0)
			return advices[i].advice;
	}
	return advice_of_status(s->result->http_status);
}

static void explain_region(const struct subject *s, struct buffer *out)
{
	if (!s->error->region[0]) {
		buffer_append_format(out,
		                     ": check region=%s and endpoint= in store "
		                     "of cache %s",
		                     s->uri.region, s->cache);
		return;
	}
	/* A redirect's <Endpoint> has dots, a region has none. */
	buffer_append_format(
		out,
		": the server expects %s %s, set %s=%s in store "
		"of cache %s",
		strchr(s->error->region, '.') ? "endpoint" : "region",
		s->error->region,
		strchr(s->error->region, '.') ? "endpoint" : "region",
		s->error->region, s->cache);
}

/* What the store's URI or the keys of the cache have to do with it. */
static void advise_settings(const struct subject *s, enum advice advice,
                            struct buffer *out)
{
	if (advice == ADVICE_BUCKET) {
		buffer_append_format(out,
		                     ": there is no bucket %s there, create it "
		                     "or mend s3://%s in store of cache %s",
		                     s->uri.bucket, s->uri.bucket, s->cache);
	} else if (advice == ADVICE_CREDENTIALS) {
		buffer_append_format(out,
		                     ": credentials refused, check the access "
		                     "key and its secret in the secret source "
		                     "of cache %s (and region=%s in its store)",
		                     s->cache, s->uri.region);
	} else if (advice == ADVICE_RIGHTS) {
		buffer_append_format(out,
		                     ": the access key of cache %s may not do "
		                     "this in bucket %s, give it the right to "
		                     "read, write and list there",
		                     s->cache, s->uri.bucket);
		/* All that Ceph says of a URL that is too old. */
		if (!s->error->message[0]) {
			buffer_append_text(out, ", or check the clock of "
			                        "this machine");
		}
	} else if (advice == ADVICE_FULL) {
		buffer_append_format(out,
		                     ": a limit of the account or of bucket %s "
		                     "is reached, raise it or make room",
		                     s->uri.bucket);
	} else {
		explain_region(s, out);
	}
}

static void advise(const struct subject *s, struct buffer *out)
{
	enum advice advice = advice_of(s);

	switch (advice) {
	case ADVICE_NONE:
		return;
	case ADVICE_BUCKET:
	case ADVICE_CREDENTIALS:
	case ADVICE_RIGHTS:
	case ADVICE_FULL:
	case ADVICE_REGION:
		advise_settings(s, advice, out);
		return;
	case ADVICE_CLOCK:
		buffer_append_text(out, ": check the clock of this machine");
		return;
	case ADVICE_EXPIRED:
		buffer_append_text(out,
		                   ": signed too long ago for the server, "
		                   "check the clock of this machine, and "
		                   "that the credentials have not expired");
		return;
	case ADVICE_BUSY:
		buffer_append_text(out, ": the server is busy or in trouble, "
		                        "try again later");
		return;
	case ADVICE_UPLOAD:
		buffer_append_text(out, ": the upload is not as this program "
		                        "left it, push again");
		return;
	case ADVICE_FEATURE:
		buffer_append_text(out, ": the server does not offer this, "
		                        "check that endpoint= is an S3 server");
		return;
	case ADVICE_DAMAGED:
		buffer_append_text(out, ": the bytes were damaged or cut short "
		                        "on the way, push again");
		return;
	}
}

static void explain_answer(const struct subject *s, struct buffer *out)
{
	buffer_append_format(out, "%s: %s answered %ld", s->object,
	                     s->uri.endpoint, s->result->http_status);
	if (s->error->code[0])
		buffer_append_format(out, " %s", s->error->code);
	if (s->error->message[0])
		buffer_append_format(out, " (%s)", s->error->message);
	advise(s, out);
}

static void explain_failure(const struct subject *s, struct buffer *out)
{
	const char *host = s->uri.endpoint, *detail = s->result->detail;

	switch (s->result->outcome) {
	case TRANSFER_DONE:
		explain_answer(s, out);
		return;
	case TRANSFER_NO_CONNECTION:
		buffer_append_format(out,
		                     "%s: cannot connect to %s: %s: check "
		                     "endpoint= in store of cache %s",
		                     s->object, host, detail, s->cache);
		return;
	case TRANSFER_BROKEN:
		buffer_append_format(out,
		                     "%s: the connection to %s broke: %s: "
		                     "check the network, and endpoint= and "
		                     "scheme= in store of cache %s",
		                     s->object, host, detail, s->cache);
		return;
	case TRANSFER_TIMED_OUT:
		buffer_append_format(out,
		                     "%s: no answer from %s in time: %s: check "
		                     "the network, and endpoint= in store of "
		                     "cache %s",
		                     s->object, host, detail, s->cache);
		return;
	case TRANSFER_TLS:
		buffer_append_format(out,
		                     "%s: no TLS with %s: %s: check endpoint= "
		                     "and scheme= in store of cache %s, and "
		                     "NIX_SSL_CERT_FILE for an authority of "
		                     "your own",
		                     s->object, host, detail, s->cache);
		return;
	case TRANSFER_TOO_LARGE:
		buffer_append_format(out,
		                     "%s: the answer of %s is larger than this "
		                     "object may be",
		                     s->object, host);
		return;
	case TRANSFER_FAILED:
		buffer_append_format(out, "%s: request to %s failed: %s",
		                     s->object, host, detail);
		return;
	}
}

void s3_error_explain(const struct transfer_result *result,
                      const struct agent_cache *cache, const char *object,
                      char *out, size_t size)
{
	cleanup_buffer struct buffer text;
	struct s3_error error;
	struct subject subject = {
		.result = result,
		.error = &error,
		.cache = cache->name,
		.object = object,
	};
	char why[256];

	buffer_init(&text, 4096);
	s3_error_parse(buffer_bytes(&result->response), &error);
	/* An unreadable URI leaves the names empty, no more. */
	if (store_uri_parse(cache->store, &subject.uri, why, sizeof(why)) < 0) {
		(void)snprintf(subject.uri.endpoint,
		               sizeof(subject.uri.endpoint), "the server");
	}
	explain_failure(&subject, &text);
	text_printable((const char *)text.data, text.len, out, size);
}
