/* approval.h - a person is asked before a secret is used
 *
 * One question at a time is before the person, whatever others wait; a yes is
 * good for that peer, cache and kind of use for a while.  After two questions
 * that nobody has answered no more are asked for some minutes, so that nobody
 * can be worn down by them.
 */
#pragma once

#include "agent/config.h"
#include "agent/door/gate.h"
#include "agent/door/peer.h"

#define APPROVAL_COOL_DOWN_MS (5LL * 60 * 1000)

struct approvals;

struct approval_question {
	enum confirmation kind;
	uint16_t cache;
	const struct peer *peer;
	const char *what; /* "sign 3 store paths with dev-1, first abc-hello" */
};

/* config: borrowed. */
must_check int approvals_new(const struct config *config,
                             struct approvals **ret_approvals);
void approvals_free(struct approvals *approvals);

/* GATE_WAITS: ask again after approvals_take_answer().  GATE_REFUSED:
 * UserDenied.  -ENOMEM. */
must_check int approval_check(struct approvals *approvals,
                              const struct approval_question *question,
                              long long now_ms, struct error_reply *ret_error);

/* The peer's connection waits no more; a question that nobody waits for any
 * more is taken back. */
void approval_forget(struct approvals *approvals, const struct peer *peer);

/* True, with an errand to be sent (ERRAND_ASK or ERRAND_STOP_ASKING). */
bool approvals_next_errand(struct approvals *approvals,
                           struct errand *ret_errand);
void approvals_take_answer(struct approvals *approvals,
                           const struct errand *answer, long long now_ms);
