/* witness.h - asks the Nix daemon whether the store holds a path exactly so
 *
 * One connection to the daemon, which the launcher opens (the door cannot), and
 * questions of all clients pipelined over it, never blocking.  What was found
 * to agree is remembered for as long as the client's connection lives, at most
 * ATTESTED_MAX of it; what was not found, or found to be otherwise, is asked
 * anew each time.
 */
#pragma once

#include "agent/door/gate.h"
#include "protocol/varlink/agent_sign.h"

#define WITNESS_TIMEOUT_MS 30000 /* without a byte of the daemon */
#define WITNESS_IDLE_MS    60000 /* without a question: no daemon is held */

struct witness;        /* the connection to the daemon */
struct witness_memory; /* what one client's connection has learnt */

struct witness_question {
	uint64_t call;         /* no other call has or had it; not 0 */
	const char *store_dir; /* borrowed for as long as the witness lives */
	enum sign_policy policy;
	const struct sign_call *sign; /* borrowed; its paths are checked */
};

/* store: how errors call the store that is asked; borrowed.  -ENOMEM, -EIO.
 * Before sealing: it wants random bytes. */
must_check int witness_new(const char *store, struct witness **ret_witness);
void witness_free(struct witness *witness);

/* Borrows nothing; NULL is a memory that is empty.  free also takes back the
 * questions that were asked for it. */
void witness_memory_free(struct witness *witness,
                         struct witness_memory *memory);

/* Compares each path with the store: NAR hash, size and references, for
 * SIGN_BUILT_HERE also that it was built here.  GATE_WAITS: ask again, with the
 * same arguments, when witness_step() or witness_take_store() has said that
 * there is something new.  GATE_REFUSED: NotInStore, or PolicyDenied when no
 * store can be asked.  -ENOMEM, -EIO. */
must_check int witness_check(struct witness *witness,
                             struct witness_memory **memory,
                             const struct witness_question *question,
                             struct error_reply *ret_error);

/* True, once, when a connection is wanted: then the door has the launcher
 * open one (ERRAND_STORE). */
bool witness_wants_store(struct witness *witness);
/* What came of it: a descriptor that is taken over, or -1 and why not. */
void witness_take_store(struct witness *witness, int owned_fd, const char *why);

/* For poll(2): -1 if there is no connection. */
int witness_fd(const struct witness *witness);
short witness_events(const struct witness *witness);
/* CLOCK_BOOTTIME; 0: none. */
long long witness_deadline_ms(const struct witness *witness);

/* After poll(2), or the deadline.  True if whoever waits should ask again. */
bool witness_step(struct witness *witness, short revents, long long now_ms);

/* For the report, a sentence: whether a daemon answers, as last seen.  NULL:
 * none was asked yet. */
const char *witness_describe(const struct witness *witness, bool *ret_works);
