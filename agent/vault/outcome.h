/* outcome.h - how a request to the vault can end, and what is said of it */
#pragma once

#include <stdint.h>

enum vault_outcome {
	OUTCOME_DONE,
	OUTCOME_NOT_LOADED,
	OUTCOME_BAD_REQUEST,
	OUTCOME_NO_SUCH_SECRET,
	OUTCOME_MALFORMED,
	OUTCOME_KEY_MISMATCH,
	OUTCOME_INTAKE_BROKEN,
};

/* Why it is not OUTCOME_DONE.  The detail is a string constant, so that no
 * secret can ever be in it. */
struct vault_fault {
	uint16_t slot;
	const char *detail;
};
