/* op.h - one run of 1Password's CLI for all op:// references: one approval */
#pragma once

#include "agent/config.h"
#include "agent/launcher/child.h"
#include "agent/launcher/feed.h"

bool op_is_needed(const struct config *config);

/* Starts "op inject" with a template of references and the feed's marks, on a
 * private terminal, with the feed as its standard output.  It writes the end
 * of the run itself.  token: as env_add_op().  0 or -errno. */
must_check int op_run(struct child *child, const char *path,
                      const struct config *config, const struct feed *feed,
                      const char *token);
