#include "client/transfer/exchange.h"

#include "protocol/base/text.h"

#include <errno.h>
#include <string.h>

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

static enum transfer_outcome outcome_of_error(int error)
{
	if (error == -EMSGSIZE)
		return TRANSFER_TOO_LARGE;
	return error == -EBADMSG || error == -ENODATA ? TRANSFER_BROKEN
	                                              : TRANSFER_FAILED;
}

static uint64_t object_size(const struct answer *answer, uint64_t length)
{
	if (answer->range.is_given)
		return answer->range.size;
	if (answer->status != 200 || !answer->sink)
		return 0;
	return length > 0 ? length : answer->position;
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
	result->object_size =
		object_size(&exchange->answer, result->content_length);
}

static void explain(const struct exchange *exchange,
                    struct transfer_result *result)
{
	const char *text = exchange->answer.error < 0
	                           ? answer_error_text(exchange->answer.error)
	                           : harmless_text(exchange);

	text_printable(text, strlen(text), result->detail,
	               sizeof(result->detail));
}

static void find_outcome(struct exchange *exchange,
                         struct transfer_result *result)
{
	struct answer *answer = &exchange->answer;

	/* To libcurl an answer cut in its headers is one without a body. */
	if (exchange->code == CURLE_OK && !answer->has_whole_head)
		exchange->code = CURLE_PARTIAL_FILE;
	/* However it ended: all that was wanted is there. */
	if (answer->has_enough)
		exchange->code = CURLE_OK;
	if (exchange->code == CURLE_OK && answer_end(answer) < 0)
		exchange->code = CURLE_WRITE_ERROR;
	result->outcome = answer->error < 0 ? outcome_of_error(answer->error)
	                                    : outcome_of(exchange);
}

void exchange_finish(struct exchange *exchange,
                     struct transfer_result *ret_result)
{
	struct transfer_result result = { .tag = exchange->tag };
	struct answer *answer = &exchange->answer;

	find_outcome(exchange, &result);
	if (result.outcome == TRANSFER_DONE) {
		read_answer(exchange, &result);
	} else {
		explain(exchange, &result);
	}
	result.streamed = answer->streamed;
	result.server_time = answer->server_time;
	memcpy(result.etag, answer->etag, sizeof(result.etag));
	memcpy(result.encoding, answer->encoding, sizeof(result.encoding));
	result.response = answer->response;
	buffer_init(&answer->response, 0);
	exchange_forget(exchange);
	*ret_result = result;
}
