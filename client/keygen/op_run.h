/* op_run.h - runs op, the 1Password CLI, once and to its end
 *
 * It keeps our terminal, where it may have to ask.  Its end is its exit, not
 * an end of file: op may leave a daemon behind that holds its descriptors.
 */
#pragma once

#include "protocol/base/bytes.h"

#define OP_OUTPUT_MAX 16384

struct op_call {
	const char *program;     /* absolute */
	const char *const *argv; /* NULL-terminated; never a secret */
	int in;                  /* a pipe, or -1 */
	bool keeps_output;       /* else it goes to /dev/null */
};

struct op_said {
	int status;        /* as a shell says it: 128 and the signal */
	struct buffer out; /* both: the last OP_OUTPUT_MAX bytes; wiped */
	struct buffer err;
};

/* 0 when it has ended, however; -errno; -ETIMEDOUT: it was killed.  The caller
 * does op_said_clear() in all cases. */
must_check int op_run(const struct op_call *call, struct op_said *ret_said);
void op_said_clear(struct op_said *said);

/* For cleanup_op_said on a local struct op_said. */
#define cleanup_op_said __attribute__((__cleanup__(op_said_clear)))
