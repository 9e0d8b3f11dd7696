/* audit_verdict.h - what can be found in an audit log, and how it is said */
#pragma once

#include "protocol/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum audit_verdict {
	FOUND_NOT_A_RECORD,
	FOUND_NUMBER,         /* out of order: dropped or moved */
	FOUND_PREV,           /* does not fit the line before */
	FOUND_SEAL,           /* does not hold */
	FOUND_SEAL_KEY,       /* nobody announced it */
	FOUND_VAULT_AGAIN,    /* a vault's first key, a second time */
	FOUND_CERTIFICATE,    /* does not hold */
	FOUND_NO_CERTIFICATE, /* uses of a key by nobody knows whom */
	FOUND_BEGINNING,      /* neither 1 nor "continued" */
	FOUND_NO_END,         /* cut, or the agent was killed */
	FOUND_END_UNSEALED,   /* an "end" that no vault has sealed */
	FOUND_HEAD,           /* not what the agent says it has written */
	/* These are notes: */
	FOUND_BEGINS_LATER, /* the files before are not here */
	FOUND_RECORDS_LOST, /* the agent says so itself */
	FOUND_COUNT,
};

struct audit_finding {
	enum audit_verdict verdict;
	uint64_t number; /* of the line where it shows */
	uint64_t other;  /* the number there should be, lines lost, ... */
};

/* Nothing is wrong, but it should be known. */
bool audit_verdict_is_note(enum audit_verdict verdict);

/* "number", "prev", ...: for programs. */
const char *audit_verdict_name(enum audit_verdict verdict);

/* One sentence, in lower case. */
#define AUDIT_SENTENCE_SIZE 320
void audit_finding_format(const struct audit_finding *finding,
                          char out[AUDIT_SENTENCE_SIZE]);

/* What one line can show at most: each once. */
struct audit_findings {
	struct audit_finding items[FOUND_COUNT];
	size_t count;
};
