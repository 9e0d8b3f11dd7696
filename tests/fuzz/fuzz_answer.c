/* What an HTTP server answers for an object or a range of it.  What goes into
 * the sink is a piece of what the server says that it sent.
 *
 * Two bytes (what is asked for), head lines up to an empty one, the body. */
#include "tests/fuzz/fuzz.h"

#include "client/transfer/answer.h"
#include "protocol/base/cleanup.h"

#include <errno.h>

#define PIECE 13

static size_t line_len(struct bytes text)
{
	const uint8_t *end = memchr(text.data, '\n', text.len);

	return end ? (size_t)(end - text.data) + 1 : text.len;
}

/* The rest is the body. */
static struct bytes take_head(struct answer *answer, struct bytes text)
{
	while (text.len > 0) {
		size_t len = line_len(text);
		bool is_last = text.data[0] == '\n' || text.data[0] == '\r';
		cleanup_free char *line = malloc(len);

		/* Without a NUL behind it: libcurl promises none. */
		MUST(line);
		memcpy(line, text.data, len);
		answer_take_line(answer, line, len);
		text.data += len;
		text.len -= len;
		if (is_last && answer->status >= 200)
			break;
	}
	return text;
}

static void check_head(const struct answer *answer)
{
	const struct answer_range *range = &answer->range;

	MUST(answer->status >= 0 && answer->status <= 999);
	fuzz_check_printable(answer->etag, sizeof(answer->etag));
	fuzz_check_printable(answer->encoding, sizeof(answer->encoding));
	MUST(answer->server_time >= 0);
	MUST(range->is_given ||
	     (range->from == 0 && range->end == 0 && range->size == 0));
	MUST(range->end == 0 || range->from < range->end);
	MUST(range->size == 0 || range->end <= range->size);
}

static int take_body(struct answer *answer, struct bytes body)
{
	int rc = 0;

	for (size_t at = 0; at < body.len && rc == 0; at += PIECE) {
		size_t left = body.len - at;

		rc = answer_take_body(
			answer, (struct bytes){ body.data + at,
		                                left < PIECE ? left : PIECE });
	}
	MUST(rc == 0 || rc == -ECANCELED || rc == answer->error);
	if (rc == -ECANCELED)
		MUST(answer->has_enough);
	return answer_end(answer);
}

static void drain(struct conduit *sink, struct buffer *out)
{
	uint8_t bytes[4096];
	size_t len = 1;

	conduit_end(sink, 0, NULL);
	while (len > 0) {
		MUST(conduit_try_read(sink, bytes, sizeof(bytes), &len) == 0);
		buffer_append(out, bytes, len);
	}
	MUST(buffer_end(out) == 0);
}

/* Where the body stands in the object is said by the status and the range. */
static void check_streamed(const struct answer *answer, struct bytes body,
                           struct bytes got, uint64_t from, uint64_t len)
{
	size_t skip = answer->status == 200 ? (size_t)from : 0;

	MUST(got.len == answer->streamed && (len == 0 || got.len <= len));
	if (got.len == 0)
		return;
	MUST(answer->status == 200 || answer->status == 206);
	MUST(answer->status == 200 || answer->range.from == from);
	MUST(skip + got.len <= body.len);
	MUST(memcmp(body.data + skip, got.data, got.len) == 0);
	if (answer->error == 0 && answer->status == 200)
		MUST(len == 0 ? got.len == body.len - skip
		              : got.len == len || skip + got.len == body.len);
	MUST(answer->error != -ESTALE);
}

static void run(struct bytes in, uint64_t from, uint64_t len, const char *etag)
{
	cleanup_conduit struct conduit *sink = NULL;
	cleanup_buffer struct buffer got;
	struct transfer_request request = { .range_from = from,
		                            .range_len = len,
		                            .etag = etag };
	struct answer answer;
	struct bytes body;
	int rc;

	MUST(conduit_new(CONDUIT_PIECE_MAX, &sink) == 0);
	buffer_init(&got, CONDUIT_PIECE_MAX);
	request.sink = sink;
	answer_init(&answer, &request);
	body = take_head(&answer, in);
	check_head(&answer);
	rc = take_body(&answer, body);
	MUST(rc <= 0);
	MUST(rc == 0 || answer_error_text(rc)[0] != '\0');
	drain(sink, &got);
	check_streamed(&answer, body, buffer_bytes(&got), from, len);
	answer_clear(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	if (len < 2 || len > 65536)
		return 0;
	run((struct bytes){ bytes + 2, len - 2 }, bytes[0], bytes[1] & 0x7f,
	    bytes[1] & 0x80 ? "\"wanted\"" : NULL);
	return 0;
}
