/* answer.h - what came back for one request: its head, and where its body goes
 *
 * Private to this folder.  Knows HTTP's headers and ranges, nothing of
 * libcurl's handles.
 */
#pragma once

#include "client/transfer/transfer.h"

/* The part of the object that a Content-Range names. */
struct answer_range {
	bool is_given;
	uint64_t from;
	uint64_t end;  /* of the byte behind the last; 0: unsatisfied */
	uint64_t size; /* of the whole object; 0: not said */
};

struct answer {
	long status; /* of the last status line, 0: none yet */
	bool has_whole_head;
	char etag[160];
	char encoding[16];
	int64_t server_time;
	struct answer_range range;
	struct buffer response; /* owned */

	struct conduit *sink;    /* borrowed; NULL: none */
	const char *etag_wanted; /* borrowed; NULL: any */
	uint64_t from;           /* first byte wanted */
	uint64_t len;            /* 0: to the end */
	uint64_t position;       /* in the object, of the next byte to come */
	uint64_t end;            /* of what is wanted; UINT64_MAX: not known */
	uint64_t streamed;
	bool has_begun;  /* the body, which goes into the sink */
	bool has_enough; /* all that is wanted has come */
	int error;       /* why no more of the body is taken; 0: it is */
};

void answer_init(struct answer *answer, const struct transfer_request *request);
void answer_clear(struct answer *answer);

/* One line of the head, with or without its line end. */
void answer_take_line(struct answer *answer, const char *line, size_t len);

/* A piece of the body, all of it or nothing.  0; -EAGAIN: the sink is full;
 * -ECANCELED: has_enough; else an error, which sticks: -EPIPE: the sink is
 * abandoned; -EMSGSIZE: beyond response_max; -EBADMSG: another range than was
 * asked for; -ESTALE: another object; -ENOMEM. */
must_check int answer_take_body(struct answer *answer, struct bytes body);

/* When the body has ended as HTTP has it.  0, or -EBADMSG, -ESTALE as above;
 * -ENODATA: it is shorter than what was asked for; -ERANGE: the object is. */
must_check int answer_end(struct answer *answer);

/* What an error of the above means to a person. */
const char *answer_error_text(int error);
