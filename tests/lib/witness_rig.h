/* witness_rig.h - a witness, with a test as its launcher, clients and daemon
 *
 * Everything happens in one process, when the test says so, and at the time
 * that the test says.  Path i is <i as 32 digits>-p; its NAR has the size 1000
 * + i and refers to itself and, but for the first, to path i - 1.
 */
#pragma once

#include "agent/door/witness/witness.h"
#include "protocol/base/bytes.h"

#define WITNESS_RIG_PATHS 128 /* of one call */
/* Of every path: digits, which have no upper case. */
#define WITNESS_RIG_HASH                   \
	"00010203040506070809101112131415" \
	"16171819202122232425262728293031"

struct witness_rig {
	struct witness *witness;
	int daemon; /* our end; -1: none */
	long long now_ms;
	uint64_t last_call;
	struct buffer heard; /* what the daemon has read */
};

struct rig_client {
	struct witness_memory *memory;
	struct sign_path paths[WITNESS_RIG_PATHS];
	struct sign_call sign;
	struct witness_question question;
	struct error_reply error;
};

void witness_rig_open(struct witness_rig *rig);
void witness_rig_close(struct witness_rig *rig);

/* The launcher: hands a stream over, if one is wanted. */
must_check bool witness_rig_connect(struct witness_rig *rig);

/* As the door does after poll(2).  True: whoever waits should ask again. */
bool witness_rig_step(struct witness_rig *rig);

/* Connects and greets, up to where questions may be asked. */
must_check bool witness_rig_greet(struct witness_rig *rig, uint64_t version);

/* The daemon: what it says, its whole bytes; then a step. */
bool witness_rig_say(struct witness_rig *rig, const struct buffer *words);
/* The next question; false: there is none. */
must_check bool witness_rig_hear(struct witness_rig *rig, unsigned *ret_path);
/* True if the witness has hung up. */
must_check bool witness_rig_is_left(struct witness_rig *rig);

/* What a daemon says. */
void rig_put_last(struct buffer *words);
void rig_put_chatter(struct buffer *words);
void rig_put_error(struct buffer *words, const char *text);
void rig_put_info(struct buffer *words, unsigned path, bool is_ultimate);
void rig_put_not_valid(struct buffer *words);

/* A client whose call is about count paths from the first on. */
void rig_client_open(struct witness_rig *rig, struct rig_client *client,
                     unsigned first, unsigned count);
void rig_client_close(struct witness_rig *rig, struct rig_client *client);
/* Another call, with the same paths. */
must_check int rig_client_ask(struct witness_rig *rig,
                              struct rig_client *client);
/* The same call again. */
must_check int rig_client_again(struct witness_rig *rig,
                                struct rig_client *client);
