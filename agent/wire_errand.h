/* wire_errand.h - what the sealed door has the launcher do outside, and its end
 *
 * Each errand is answered once, with its tag, in any order; the answers of a
 * launcher's former door are nobody's.
 */
#pragma once

#include "protocol/base/bytes.h"

#include <sys/types.h>

#define ERRAND_TEXT_MAX 1024

enum errand_kind {
	ERRAND_PEER = 1, /* pid (and a pidfd, where there is one) -> text: its
	                  * program; number: its start, clock ticks after boot */
	ERRAND_STORE,    /* -> fd: a fresh stream to the Nix daemon */
	ERRAND_ASK, /* text: a question, pid: who wants it, seconds to answer
	                  * -> done, denied, unanswered */
	ERRAND_STOP_ASKING, /* of that tag; has no answer */
	ERRAND_ROTATE, /* number: last record of the audit log -> fd: the next */
	ERRAND_KIND_LAST = ERRAND_ROTATE,
};

enum errand_end {
	ERRAND_DONE,
	ERRAND_FAILED,     /* text: why, a sentence */
	ERRAND_DENIED,     /* a person said no */
	ERRAND_UNANSWERED, /* a person said nothing */
	ERRAND_END_LAST = ERRAND_UNANSWERED,
};

/* Both ways; what a kind does not need is 0, empty or -1. */
struct errand {
	enum errand_kind kind;
	enum errand_end end; /* of an answer */
	uint64_t tag;
	uint64_t number;
	pid_t pid;
	uint32_t seconds;
	int fd; /* sent: borrowed; received: the receiver's */
	char text[ERRAND_TEXT_MAX];
};

/* Appends the errand's fields, without its descriptor. */
void errand_put(struct buffer *out, const struct errand *errand);

/* 0 or -EBADMSG; fd is then -1. */
must_check int errand_get(struct bytes body, struct errand *ret_errand);
