/* gates.h - what every call passes on its way to a secret, in this order:
 * who asks, scope, the Nix store, a person, the secrets, room, the log
 */
#pragma once

#include "agent/door/gate.h"
#include "agent/door/state.h"

/* Passes as many gates as it can, from the one where the call waits.
 * GATE_PASSED: the frames may go to the vault now.  GATE_WAITS: work.state says
 * for what.  GATE_REFUSED.  -errno: close the connection. */
must_check int gates_pass(struct door *door, struct connection *c,
                          struct error_reply *ret_error);

/* Whether the connection's scope gives a method that uses no secret. */
must_check enum gate_outcome gates_check_method(const struct door *door,
                                                const struct connection *c,
                                                enum permission permission,
                                                struct error_reply *ret_error);

/* A record of what was decided without gates_pass(), or against it.  Never
 * stops anything: lock, quit and refusals work without a log. */
void gates_note(struct door *door, const struct connection *c,
                const char *decision, const char *rule);
