#include "client/serve/reply.h"

#include <microhttpd.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_PARTIAL 206
#define PLAIN          "text/plain; charset=utf-8"

bool reply_add_header(struct MHD_Response *response, const char *name,
                      const char *value)
{
	return MHD_add_response_header(response, name, value) == MHD_YES;
}

/* The response, or NULL if what was to be added to it could not be. */
static struct MHD_Response *kept_if(bool is_whole,
                                    struct MHD_Response *response)
{
	if (is_whole || !response)
		return response;
	MHD_destroy_response(response);
	return NULL;
}

struct MHD_Response *reply_text(const char *content_type, struct bytes text,
                                const char *prefix, size_t prefix_at)
{
	size_t prefix_len = prefix ? strlen(prefix) + 1 : 0;
	struct MHD_Response *response;
	uint8_t *copy = malloc(text.len + prefix_len + 1);
	size_t at = prefix ? prefix_at : 0;

	if (!copy)
		return NULL;
	if (at > 0)
		memcpy(copy, text.data, at);
	if (prefix) {
		memcpy(copy + at, prefix, prefix_len - 1);
		copy[at + prefix_len - 1] = '/';
	}
	if (text.len > at)
		memcpy(copy + at + prefix_len, text.data + at, text.len - at);
	response = MHD_create_response_from_buffer(text.len + prefix_len, copy,
	                                           MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(copy);
		return NULL;
	}
	return kept_if(reply_add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
	                                content_type),
	               response);
}

static bool add_retry_after(struct MHD_Response *response, unsigned seconds)
{
	char text[16];

	if (seconds == 0)
		return true;
	(void)snprintf(text, sizeof(text), "%u", seconds);
	return reply_add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, text);
}

struct MHD_Response *reply_sentence(const char *sentence, unsigned retry_after)
{
	char text[1200];
	struct MHD_Response *response;

	(void)snprintf(text, sizeof(text), "%s\n", sentence);
	response = reply_text(PLAIN, bytes_of_text(text), NULL, 0);
	if (!response)
		return NULL;
	return kept_if(add_retry_after(response, retry_after), response);
}

static struct MHD_Response *redirect(const char *location)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		0, NULL, MHD_RESPMEM_PERSISTENT);

	if (!response)
		return NULL;
	return kept_if(reply_add_header(response, MHD_HTTP_HEADER_LOCATION,
	                                location) &&
	                       reply_add_header(response,
	                                        MHD_HTTP_HEADER_CACHE_CONTROL,
	                                        "no-store"),
	               response);
}

static struct MHD_Response *no_range(uint64_t size)
{
	struct MHD_Response *response =
		reply_sentence("the object has no such bytes", 0);
	char text[40];

	if (!response)
		return NULL;
	(void)snprintf(text, sizeof(text), "bytes */%" PRIu64, size);
	return kept_if(reply_add_header(response, MHD_HTTP_HEADER_CONTENT_RANGE,
	                                text),
	               response);
}

static struct MHD_Response *text_of(const struct visit_answer *answer)
{
	struct MHD_Response *response;
	struct bytes text = bytes_of_text("not in this cache\n");

	if (answer->body)
		text = (struct bytes){ answer->body->bytes, answer->body->len };
	response = reply_text(answer->content_type, text, answer->url_prefix,
	                      answer->body ? answer->body->url_at : 0);
	if (!response)
		return NULL;
	return kept_if(add_retry_after(response, answer->retry_after),
	               response);
}

struct MHD_Response *reply_visit(const struct visit_answer *answer)
{
	switch (answer->state) {
	case VISIT_TEXT:
		return text_of(answer);
	case VISIT_REDIRECT:
		return redirect(answer->location);
	case VISIT_NO_RANGE:
		return no_range(answer->size);
	case VISIT_WAITS:
	case VISIT_STREAM:
		break;
	}
	return NULL;
}

bool reply_add_stream_headers(struct MHD_Response *response,
                              const struct visit_answer *answer)
{
	char text[80];

	if (!reply_add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
	                      answer->content_type) ||
	    !reply_add_header(response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes"))
		return false;
	if (answer->status != STATUS_PARTIAL)
		return true;
	(void)snprintf(text, sizeof(text),
	               "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, answer->offset,
	               answer->offset + answer->length - 1, answer->size);
	return reply_add_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, text);
}
