/* Theory of Operation
 *
 * The body of a 200 or 206 goes into the sink, if there is one; that of any
 * other status says what is wrong, and goes into response.
 *
 * A server may answer a request for a range with all of the object (200): then
 * what comes before the range is passed over, and what comes after it is not
 * waited for.  A 206 must begin where it was asked to (RFC 9110, 14.4); one
 * that ends too early is a body cut short, and whoever asked may ask for the
 * rest.
 */
#include "client/transfer/answer.h"

#include "protocol/base/number.h"
#include "protocol/base/text.h"

#include <curl/curl.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STATUS_ALL  200
#define STATUS_PART 206
#define VALUE_MAX   256 /* of a header that is read, with its NUL */

void answer_init(struct answer *answer, const struct transfer_request *request)
{
	*answer = (struct answer){
		.sink = request->sink,
		.etag_wanted = request->etag,
		.from = request->range_from,
		.len = request->range_len,
	};
	buffer_init(&answer->response, request->response_max
	                                       ? request->response_max
	                                       : TRANSFER_RESPONSE_MAX);
}

void answer_clear(struct answer *answer)
{
	buffer_clear(&answer->response);
	answer->sink = NULL;
	answer->etag_wanted = NULL;
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

/* "1-4/9" with -1 for '*'; 0 if it is not such a text. */
static int parse_range(char *text, struct answer_range *range)
{
	char *dash = strchr(text, '-'), *slash = strchr(text, '/');
	uint64_t last = 0;

	if (!slash)
		return -EINVAL;
	*slash++ = '\0';
	if (strcmp(slash, "*") != 0 &&
	    number_parse(slash, INT64_MAX, &range->size) < 0)
		return -EINVAL;
	if (strcmp(text, "*") == 0)
		return 0;
	if (!dash || dash > slash)
		return -EINVAL;
	*dash++ = '\0';
	if (number_parse(text, INT64_MAX - 1, &range->from) < 0 ||
	    number_parse(dash, INT64_MAX - 1, &last) < 0 || last < range->from)
		return -EINVAL;
	range->end = last + 1;
	return range->size == 0 || range->end <= range->size ? 0 : -EINVAL;
}

static void take_range(struct answer *answer, char *value)
{
	static const char unit[] = "bytes ";
	struct answer_range range = { .is_given = true };

	if (strncasecmp(value, unit, sizeof(unit) - 1) == 0 &&
	    parse_range(value + sizeof(unit) - 1, &range) == 0)
		answer->range = range;
}

static void take_date(struct answer *answer, const char *value)
{
	time_t date = curl_getdate(value, NULL);

	if (date > 0)
		answer->server_time = (int64_t)date;
}

static bool name_is(const char *line, const char *colon, const char *name)
{
	size_t len = (size_t)(colon - line);

	return len == strlen(name) && strncasecmp(line, name, len) == 0;
}

/* Half a value is of no use to anyone. */
static void take_value(const char *value, char *out, size_t size)
{
	size_t len = strlen(value);

	if (len < size)
		memcpy(out, value, len + 1);
}

static void take_header(struct answer *answer, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	char value[VALUE_MAX];
	struct bytes text;

	if (!colon)
		return;
	text = trimmed(colon + 1, len - (size_t)(colon + 1 - line));
	if (text.len >= sizeof(value))
		return;
	text_printable((const char *)text.data, text.len, value, sizeof(value));
	if (name_is(line, colon, "etag")) {
		take_value(value, answer->etag, sizeof(answer->etag));
	} else if (name_is(line, colon, "content-encoding")) {
		take_value(value, answer->encoding, sizeof(answer->encoding));
	} else if (name_is(line, colon, "content-range")) {
		take_range(answer, value);
	} else if (name_is(line, colon, "date")) {
		take_date(answer, value);
	}
}

/* "HTTP/1.1 206 Partial Content" */
static long status_of(const char *line, size_t len)
{
	const char *space = memchr(line, ' ', len);
	char digits[4] = "";
	uint64_t status = 0;

	if (space && len - (size_t)(space - line) >= sizeof(digits))
		memcpy(digits, space + 1, sizeof(digits) - 1);
	if (number_parse(digits, 999, &status) < 0)
		return 0;
	return (long)status;
}

void answer_take_line(struct answer *answer, const char *line, size_t len)
{
	/* The status line of another answer: what came before was a 1xx. */
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		answer->status = status_of(line, len);
		answer->has_whole_head = false;
		answer->etag[0] = '\0';
		answer->encoding[0] = '\0';
		answer->server_time = 0;
		answer->range = (struct answer_range){ .is_given = false };
		return;
	}
	if (len == 0 || line[0] == '\r' || line[0] == '\n') {
		answer->has_whole_head = true;
		return;
	}
	/* After a chunked body there may be more lines: not of the head. */
	if (!answer->has_whole_head)
		take_header(answer, line, len);
}

static bool goes_into_sink(const struct answer *answer)
{
	return answer->sink &&
	       (answer->status == STATUS_ALL || answer->status == STATUS_PART);
}

static int begin(struct answer *answer)
{
	const struct answer_range *range = &answer->range;

	if (answer->etag_wanted && answer->etag[0] &&
	    strcmp(answer->etag, answer->etag_wanted) != 0)
		return -ESTALE;
	answer->end = answer->len > 0 && answer->len < UINT64_MAX - answer->from
	                      ? answer->from + answer->len
	                      : UINT64_MAX;
	if (answer->status == STATUS_ALL)
		return 0;

	if (!range->is_given || range->end == 0 || range->from != answer->from)
		return -EBADMSG;
	answer->position = range->from;
	/* All that there is, or what is said to come, if that is not said. */
	if (range->size > 0 && answer->end > range->size)
		answer->end = range->size;
	if (range->size == 0 && answer->end > range->end)
		answer->end = range->end;
	return 0;
}

/* Of the piece, what lies inside of what is wanted. */
static struct bytes wanted_of(const struct answer *answer, struct bytes piece)
{
	uint64_t skip = answer->from > answer->position
	                        ? answer->from - answer->position
	                        : 0;
	uint64_t room;

	if (skip >= piece.len)
		return (struct bytes){ .data = NULL };
	piece.data += skip;
	piece.len -= (size_t)skip;
	room = answer->end - (answer->position + skip);
	if (room < piece.len)
		piece.len = (size_t)room;
	return piece;
}

static int stream(struct answer *answer, struct bytes piece)
{
	struct bytes wanted;
	int rc = 0;

	if (!answer->has_begun) {
		rc = begin(answer);
		if (rc < 0)
			return rc;
		answer->has_begun = true;
	}
	if (answer->status == STATUS_PART &&
	    piece.len > answer->range.end - answer->position)
		return -EBADMSG;
	wanted = wanted_of(answer, piece);
	rc = conduit_put(answer->sink, wanted);
	if (rc < 0)
		return rc;
	answer->streamed += wanted.len;
	answer->has_enough = piece.len >= answer->end - answer->position;
	answer->position = answer->has_enough ? answer->end
	                                      : answer->position + piece.len;
	return 0;
}

int answer_take_body(struct answer *answer, struct bytes body)
{
	int rc;

	if (answer->error < 0)
		return answer->error;
	if (answer->has_enough)
		return -ECANCELED;
	if (goes_into_sink(answer)) {
		rc = stream(answer, body);
	} else {
		buffer_append_bytes(&answer->response, body);
		rc = buffer_end(&answer->response);
	}
	if (rc < 0 && rc != -EAGAIN)
		answer->error = rc;
	return rc;
}

int answer_end(struct answer *answer)
{
	if (answer->error < 0 || !goes_into_sink(answer))
		return answer->error;
	if (!answer->has_begun)
		answer->error = begin(answer);
	if (answer->error < 0)
		return answer->error;
	answer->has_begun = true;
	if (answer->status == STATUS_ALL && answer->position < answer->from)
		answer->error = -ERANGE;
	if (answer->status == STATUS_PART && answer->position < answer->end)
		answer->error = -ENODATA;
	return answer->error;
}

const char *answer_error_text(int error)
{
	switch (-error) {
	case EPIPE:
		return "nobody waits for it any more";
	case EMSGSIZE:
		return "the answer is too large";
	case EBADMSG:
		return "the server answered with another part than was asked "
		       "for";
	case ESTALE:
		return "the object was replaced by another in the middle";
	case ENODATA:
		return "the server answered with less than was asked for";
	case ERANGE:
		return "the object is shorter than where it was to begin";
	case ENOMEM:
		return "out of memory";
	default:
		return "";
	}
}
