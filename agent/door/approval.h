/* approval.h - a person is asked before a secret is used
 *
 * One question at a time is before the person, the others wait in the order
 * they came.  A yes is good for that process, cache and kind of use for
 * confirm-window seconds; a no keeps that process from asking about anything for
 * APPROVAL_NO_MS.  Of a process whose start is not known each call is asked
 * about by itself.  After two questions that got no answer, taken back ones
 * among them, nobody is asked for APPROVAL_COOL_DOWN_MS, so that nobody can be
 * worn down by them.
 */
#pragma once

#include "agent/config.h"
#include "agent/door/gate.h"
#include "agent/door/peer.h"

#define APPROVAL_COOL_DOWN_MS   (5LL * 60 * 1000)
#define APPROVAL_NO_MS          (30LL * 1000)
#define APPROVAL_UNANSWERED_MAX 2  /* in a row; then all have a rest */
#define APPROVAL_ANSWERS_MAX    64 /* remembered; the oldest goes first */

struct approvals;

struct approval_question {
	uint64_t call; /* which waits: its id, that no other has */
	enum confirmation kind;
	uint16_t cache;
	const struct peer *peer;
	const char *what; /* "sign the store path /nix/store/..." */
};

/* Some cache wants to be asked about. */
bool approvals_are_wanted(const struct config *config);

/* config: borrowed. */
must_check int approvals_new(const struct config *config,
                             struct approvals **ret_approvals);
void approvals_free(struct approvals *approvals);

/* GATE_WAITS: ask again after approvals_take_answer().  GATE_REFUSED:
 * UserDenied. */
must_check enum gate_outcome
approval_check(struct approvals *approvals,
               const struct approval_question *question, long long now_ms,
               struct error_reply *ret_error);

/* The call waits no more; a question that nobody waits for any more is taken
 * back. */
void approval_forget(struct approvals *approvals, uint64_t call,
                     long long now_ms);
void approvals_forget_all(struct approvals *approvals, long long now_ms);

/* True, with an errand to be sent (ERRAND_ASK or ERRAND_STOP_ASKING). */
bool approvals_next_errand(struct approvals *approvals,
                           struct errand *ret_errand);
void approvals_take_answer(struct approvals *approvals,
                           const struct errand *answer, long long now_ms);
