/* roles.h - starts the door and the vault, and replaces them */
#pragma once

#include "agent/launcher/state.h"

/* What the command line says goes over the configuration. */
void roles_apply_command_line(const struct launcher_start *start,
                              struct config *config);

/* The first door and vault, for the log that is open; intake is owned.  0 or -errno. */
must_check int roles_start(struct launcher *l, int owned_intake);

/* Wipes: another vault for the same door.  A failure ends the agent. */
void roles_renew_vault(struct launcher *l, enum lock_reason reason);

/* Reads the configuration anew: another door and vault behind the same
 * sockets, or, if it cannot be used, another vault. */
void roles_reload(struct launcher *l);
