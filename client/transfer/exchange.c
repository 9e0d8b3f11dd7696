#include "client/transfer/exchange.h"

#include "protocol/base/number.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Measured: 512 KiB costs a quarter less CPU than the usual 64 KiB, 2 MiB is
 * no better; 128 KiB to receive costs 40 % less than 16 KiB. */
#define UPLOAD_BUFFER_LARGE (512L * 1024)
#define UPLOAD_BUFFER_USUAL (64L * 1024)
#define RECEIVE_BUFFER      (128L * 1024)
#define CONTENT_LENGTH      "Content-Length"
#define HEADER_LINE_MAX     256

struct exchange *exchange_new(uint64_t *bytes_sent)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (exchange)
		exchange->bytes_sent = bytes_sent;
	return exchange;
}

/* curl_easy_reset() would leave the parsed URL in the handle until it is used
 * again (seen in a core of 7.88): a handle is good for one request.  What is
 * dear about it, connections and TLS sessions, lives elsewhere. */
static void forget_request(struct exchange *exchange)
{
	curl_easy_cleanup(exchange->easy);
	exchange->easy = NULL;
	curl_slist_free_all(exchange->headers);
	exchange->headers = NULL;
	exchange->body = NULL;
	exchange->body_len = 0;
	exchange->body_at = 0;
}

void exchange_free(struct exchange *exchange)
{
	if (!exchange)
		return;
	forget_request(exchange);
	buffer_clear(&exchange->response);
	free(exchange);
}

static size_t read_body(char *out, size_t size, size_t count, void *context)
{
	struct exchange *exchange = context;
	size_t left = exchange->body_len - exchange->body_at;
	size_t len = left < size * count ? left : size * count;

	if (len > 0)
		memcpy(out, exchange->body + exchange->body_at, len);
	exchange->body_at += len;
	*exchange->bytes_sent += len;
	return len;
}

/* A kept-alive connection may turn out to be dead after part of the body went
 * into it; libcurl then starts again on another. */
static int seek_body(void *context, curl_off_t offset, int origin)
{
	struct exchange *exchange = context;

	if (origin != SEEK_SET || offset < 0 ||
	    (uint64_t)offset > exchange->body_len)
		return CURL_SEEKFUNC_FAIL;
	exchange->body_at = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* libcurl fixes this type: its data parameter cannot be const. */
static size_t write_response(char *data, size_t size, size_t count,
                             void *context)
{
	struct exchange *exchange = context;
	size_t len = size * count;

	buffer_append(&exchange->response, data, len);
	return buffer_end(&exchange->response) < 0 ? 0 : len;
}

static struct bytes trimmed(const char *text, size_t len)
{
	while (len > 0 && (*text == ' ' || *text == '\t')) {
		text++;
		len--;
	}
	while (len > 0 && strchr(" \t\r\n", text[len - 1]))
		len--;
	return (struct bytes){ (const uint8_t *)text, len };
}

static size_t read_header(char *line, size_t size, size_t count, void *context)
{
	static const char name[] = "etag:";
	struct exchange *exchange = context;
	size_t len = size * count;
	struct bytes value;

	/* The status line of another answer: what came before was a 1xx. */
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		exchange->etag[0] = '\0';
		exchange->has_whole_head = false;
	}
	if (len > 0 && (line[0] == '\r' || line[0] == '\n'))
		exchange->has_whole_head = true;
	if (len < sizeof(name) - 1 ||
	    strncasecmp(line, name, sizeof(name) - 1) != 0)
		return len;

	value = trimmed(line + sizeof(name) - 1, len - (sizeof(name) - 1));
	/* Half an ETag is of no use to anyone. */
	if (value.len < sizeof(exchange->etag)) {
		text_printable((const char *)value.data, value.len,
		               exchange->etag, sizeof(exchange->etag));
	}
	return len;
}

static CURLcode set_longs(struct exchange *exchange,
                          const struct exchange_settings *settings,
                          const struct transfer_request *request)
{
	const struct {
		CURLoption option;
		long value;
	} longs[] = {
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		/* Else "." and ".." in a path are rewritten, and the signature
		 * is wrong. */
		{ CURLOPT_PATH_AS_IS, 1 },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 },
		{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
		{ CURLOPT_CONNECTTIMEOUT_MS, settings->connect_timeout_ms },
		{ CURLOPT_LOW_SPEED_LIMIT, 1 },
		{ CURLOPT_LOW_SPEED_TIME, settings->stall_timeout_s },
		{ CURLOPT_BUFFERSIZE, RECEIVE_BUFFER },
		{ CURLOPT_UPLOAD_BUFFERSIZE,
		  request->body_len > (size_t)UPLOAD_BUFFER_USUAL
		          ? UPLOAD_BUFFER_LARGE
		          : UPLOAD_BUFFER_USUAL },
		{ CURLOPT_FRESH_CONNECT, request->use_new_connection ? 1 : 0 },
	};

	for (size_t i = 0; i < sizeof(longs) / sizeof(longs[0]); i++) {
		CURLcode code = curl_easy_setopt(
			exchange->easy, longs[i].option, longs[i].value);

		if (code != CURLE_OK)
			return code;
	}
	return CURLE_OK;
}

static CURLcode set_pointers(struct exchange *exchange)
{
	CURL *easy = exchange->easy;

	(void)curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->error_text);
	(void)curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_body);
	(void)curl_easy_setopt(easy, CURLOPT_READDATA, exchange);
	(void)curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_body);
	(void)curl_easy_setopt(easy, CURLOPT_SEEKDATA, exchange);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_response);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, read_header);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
}

static CURLcode set_texts(CURL *easy, const struct exchange_settings *settings,
                          const char *url)
{
	const struct {
		CURLoption option;
		const char *value;
	} texts[] = {
		{ CURLOPT_PROTOCOLS_STR, "http,https" },
		{ CURLOPT_USERAGENT, settings->user_agent },
		{ CURLOPT_CAINFO, settings->ca_file },
		{ CURLOPT_URL, url },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CURLcode code = CURLE_OK;

		if (texts[i].value) {
			code = curl_easy_setopt(easy, texts[i].option,
			                        texts[i].value);
		}
		if (code != CURLE_OK)
			return code;
	}
	return curl_easy_setopt(easy, CURLOPT_SHARE, settings->share);
}

/* UPLOAD for anything that may carry a body: then Content-Length is always
 * sent, also when it is 0, and no Content-Type is made up. */
static CURLcode set_method(CURL *easy, const struct transfer_request *request)
{
	const char *method = request->target->method;
	CURLcode code;

	if (strcmp(method, "HEAD") == 0)
		return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	if (strcmp(method, "GET") == 0)
		return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);

	code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	if (code != CURLE_OK || strcmp(method, "DELETE") == 0)
		return code;
	code = curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
	                        (curl_off_t)request->body_len);
	if (code != CURLE_OK)
		return code;
	return curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
}

static bool host_is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       text_has_prefix(host, "127.");
}

/* A proxy from the environment is no use for a server on this machine. */
static CURLcode set_proxy(CURL *easy, const char *url)
{
	CURLU *parsed = curl_url();
	char *host = NULL;
	CURLcode code = CURLE_OK;

	if (!parsed)
		return CURLE_OUT_OF_MEMORY;
	if (curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    host_is_loopback(host))
		code = curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_free(host);
	curl_url_cleanup(parsed);
	return code;
}

static bool is_clean(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	}
	return true;
}

static CURLcode add_header(struct exchange *exchange, const char *name,
                           const char *value)
{
	char line[HEADER_LINE_MAX];
	struct curl_slist *grown;
	int len;

	/* libcurl's spelling of an empty value is a semicolon. */
	len = value[0] ? snprintf(line, sizeof(line), "%s: %s", name, value)
	               : snprintf(line, sizeof(line), "%s;", name);
	if (len < 0 || (size_t)len >= sizeof(line) || !is_clean(line)) {
		(void)snprintf(exchange->error_text,
		               sizeof(exchange->error_text),
		               "a header is malformed");
		return CURLE_BAD_FUNCTION_ARGUMENT;
	}
	grown = curl_slist_append(exchange->headers, line);
	if (!grown)
		return CURLE_OUT_OF_MEMORY;
	exchange->headers = grown;
	return CURLE_OK;
}

/* The signed length is sent by libcurl, from the body: it must be the same. */
static CURLcode check_length(struct exchange *exchange, const char *value)
{
	uint64_t length;

	if (number_parse(value, UINT64_MAX, &length) == 0 &&
	    length == exchange->body_len)
		return CURLE_OK;
	(void)snprintf(exchange->error_text, sizeof(exchange->error_text),
	               "the signed length is not that of the body");
	return CURLE_BAD_FUNCTION_ARGUMENT;
}

static CURLcode make_headers(struct exchange *exchange,
                             const struct transfer_request *request)
{
	const struct agent_signed_request *target = request->target;
	struct curl_slist *first = curl_slist_append(NULL, "Expect:");

	if (!first)
		return CURLE_OUT_OF_MEMORY;
	exchange->headers = first;
	for (size_t i = 0; i < target->header_count; i++) {
		const struct agent_header *header = &target->headers[i];
		CURLcode code;

		code = strcasecmp(header->name, CONTENT_LENGTH) == 0
		               ? check_length(exchange, header->value)
		               : add_header(exchange, header->name,
		                            header->value);
		if (code != CURLE_OK)
			return code;
	}
	if (!request->content_type)
		return CURLE_OK;
	return add_header(exchange, "Content-Type", request->content_type);
}

static CURLcode setup(struct exchange *exchange,
                      const struct exchange_settings *settings,
                      const struct transfer_request *request)
{
	CURLcode code;

	code = make_headers(exchange, request);
	if (code == CURLE_OK)
		code = set_longs(exchange, settings, request);
	if (code == CURLE_OK)
		code = set_pointers(exchange);
	if (code == CURLE_OK) {
		code = set_texts(exchange->easy, settings,
		                 request->target->url);
	}
	if (code == CURLE_OK)
		code = set_method(exchange->easy, request);
	if (code == CURLE_OK)
		code = set_proxy(exchange->easy, request->target->url);
	return code;
}

CURLcode exchange_setup(struct exchange *exchange,
                        const struct exchange_settings *settings,
                        const struct transfer_request *request)
{
	exchange->tag = request->tag;
	exchange->body = request->body;
	exchange->body_len = request->body ? request->body_len : 0;
	exchange->body_at = 0;
	exchange->etag[0] = '\0';
	exchange->has_whole_head = false;
	exchange->error_text[0] = '\0';
	buffer_init(&exchange->response, request->response_max
	                                         ? request->response_max
	                                         : TRANSFER_RESPONSE_MAX);
	exchange->easy = curl_easy_init();
	exchange->code = exchange->easy ? setup(exchange, settings, request)
	                                : CURLE_OUT_OF_MEMORY;
	return exchange->code;
}

/* A handshake may also end because the connection did. */
static enum transfer_outcome handshake_outcome(const char *text)
{
	static const char *const lost[] = { "SSL_ERROR_SYSCALL",
		                            "unexpected eof", "reset by peer",
		                            "Broken pipe" };

	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		if (strcasestr(text, lost[i]))
			return TRANSFER_BROKEN;
	}
	return TRANSFER_TLS;
}

static enum transfer_outcome outcome_of(const struct exchange *exchange)
{
	switch (exchange->code) {
	case CURLE_OK:
		return TRANSFER_DONE;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
		return TRANSFER_NO_CONNECTION;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_SEND_FAIL_REWIND:
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9 is one to libcurl */
		return TRANSFER_BROKEN;
	case CURLE_OPERATION_TIMEDOUT:
		return TRANSFER_TIMED_OUT;
	case CURLE_SSL_CONNECT_ERROR:
		return handshake_outcome(exchange->error_text);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ENGINE_INITFAILED:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_ISSUER_ERROR:
		return TRANSFER_TLS;
	case CURLE_WRITE_ERROR:
		return exchange->response.error == -EMSGSIZE
		               ? TRANSFER_TOO_LARGE
		               : TRANSFER_FAILED;
	default:
		return TRANSFER_FAILED;
	}
}

/* libcurl's words name hosts and files; nothing that could be a URL, or a
 * proxy's password, may pass. */
static const char *harmless_text(const struct exchange *exchange)
{
	const char *text = exchange->error_text;

	if (!text[0] || strpbrk(text, "?@") || strstr(text, "://") ||
	    strcasestr(text, "x-amz"))
		return curl_easy_strerror(exchange->code);
	return text;
}

static void read_answer(struct exchange *exchange,
                        struct transfer_result *result)
{
	curl_off_t length = -1, retry_after = 0;

	(void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE,
	                        &result->http_status);
	(void)curl_easy_getinfo(exchange->easy,
	                        CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (length > 0)
		result->content_length = (uint64_t)length;

	/* Before 8.12 it may be negative. */
	(void)curl_easy_getinfo(exchange->easy, CURLINFO_RETRY_AFTER,
	                        &retry_after);
	if (retry_after > 0) {
		result->retry_after = retry_after < INT32_MAX
		                              ? (uint32_t)retry_after
		                              : INT32_MAX;
	}
	memcpy(result->etag, exchange->etag, sizeof(result->etag));
}

void exchange_finish(struct exchange *exchange,
                     struct transfer_result *ret_result)
{
	struct transfer_result result = { .tag = exchange->tag };

	/* To libcurl an answer cut in its headers is one without a body. */
	if (exchange->code == CURLE_OK && !exchange->has_whole_head)
		exchange->code = CURLE_PARTIAL_FILE;
	result.outcome = outcome_of(exchange);
	if (result.outcome == TRANSFER_DONE) {
		read_answer(exchange, &result);
	} else {
		text_printable(harmless_text(exchange),
		               strlen(harmless_text(exchange)), result.detail,
		               sizeof(result.detail));
	}
	result.response = exchange->response;
	buffer_init(&exchange->response, 0);
	forget_request(exchange);
	*ret_result = result;
}
