/* audit_chain.h - whether the lines of an audit log are those the agent wrote
 *
 * Fed with one line after another, it says what each shows; see PROTOCOL.md
 * section 11 for what holds them together.  Memory does not grow with the log.
 */
#pragma once

#include "protocol/audit/audit_verdict.h"
#include "protocol/base/digest.h"
#include "protocol/nix/key.h"

/* A seal may name a line that stands so many before it. */
#define AUDIT_CHAIN_REACH 65536

struct audit_chain;

/* Where a log is said to have been, by an agent or by what was noted down. */
struct audit_claim {
	uint64_t sequence; /* 0: nothing is claimed */
	uint8_t head[DIGEST_SHA256_LEN];
};

struct audit_premises {
	const struct public_key *keys; /* borrowed; that may sign; 0: unknown */
	size_t key_count;
	struct audit_claim claim;
};

/* 0 or -ENOMEM.  Borrows the premises. */
must_check int audit_chain_new(const struct audit_premises *premises,
                               struct audit_chain **ret_chain);
void audit_chain_free(struct audit_chain *chain);

/* The next line, without its newline.  0, -ENOMEM, -EIO. */
must_check int audit_chain_take(struct audit_chain *chain, struct bytes line,
                                struct audit_findings *ret_findings);

/* The line just taken has no newline behind it: it is cut. */
void audit_chain_tear(const struct audit_chain *chain,
                      struct audit_findings *ret_findings);

enum audit_ending {
	AUDIT_ENDING_OPEN,   /* an agent may be about to write more */
	AUDIT_ENDING_CLOSED, /* no agent writes this log */
};

/* After the last line. */
void audit_chain_end(struct audit_chain *chain, enum audit_ending ending,
                     struct audit_findings *ret_findings);

struct audit_summary {
	uint64_t count;       /* lines taken */
	uint64_t first, last; /* their numbers; 0: none */
	uint64_t sealed;      /* up to this line by any seal; 0: none */
	uint64_t vouched;     /* ... of a vault that a known key certified */
	int64_t sealed_ms;    /* when, since 1970; 0: never */
	bool has_met_claim;
	uint8_t head[DIGEST_SHA256_LEN];
};

struct audit_summary audit_chain_summary(const struct audit_chain *chain);

/* For cleanup(audit_chain_free_at) on a local struct audit_chain *. */
#define cleanup_audit_chain __attribute__((__cleanup__(audit_chain_free_at)))
static inline void audit_chain_free_at(struct audit_chain **slot)
{
	audit_chain_free(*slot);
}
