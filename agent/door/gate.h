/* gate.h - what a gate on the way to a secret can say of a call */
#pragma once

#include "protocol/varlink/error_reply.h"

enum gate_outcome {
	GATE_PASSED,
	GATE_WAITS,   /* something is under way that will bring the answer */
	GATE_REFUSED, /* the error reply says why */
};
