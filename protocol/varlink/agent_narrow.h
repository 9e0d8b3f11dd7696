/* agent_narrow.h - the call of the Narrow method
 *
 * A list that is given and empty is refused: nothing would be left to ask for,
 * and "nothing" has been taken for "everything" in too many programs.
 */
#pragma once

#include "protocol/varlink/agent_method.h"

#define NARROW_PATTERNS_MAX    64
#define NARROW_PATTERN_LEN_MAX 512

struct narrow_call {
	char scope[AGENT_CACHE_NAME_MAX + 1]; /* "": not said */
	uint32_t allow;             /* bits of enum permission; 0: not said */
	struct strings caches;      /* owned; empty: not said, as below */
	struct strings keys;        /* shell patterns */
	struct strings store_paths; /* shell patterns */
	int64_t max_count;          /* -1: not said, as below */
	int64_t max_bytes;
	int64_t max_expires; /* seconds */
	int64_t until;       /* seconds since the epoch */
};

void narrow_call_clear(struct narrow_call *narrow);

/* As frame_end(). */
must_check int narrow_call_encode(const struct narrow_call *narrow,
                                  struct buffer *out);

/* CALL_OK, or CALL_E_REFUSED: InvalidParameter.  -ENOMEM. */
must_check int narrow_call_decode(const struct varlink_call *call,
                                  struct narrow_call *ret_narrow,
                                  struct error_reply *ret_error);
