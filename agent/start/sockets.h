/* sockets.h - which sockets an agent has beside its usual one, and their scopes
 */
#pragma once

#include "agent/config.h"
#include "agent/options.h"
#include "agent/start/listen.h"

struct sockets {
	struct listen_socket items[LISTEN_SOCKETS_MAX];
	size_t count;
};

/* All that are there have a scope that the configuration knows; then opens
 * those of --socket, and of the sections with a path that the service manager
 * has not opened and that are not for one command alone.  0 or -errno with a
 * sentence in why; what was opened is in sockets in either case. */
must_check int sockets_open_extra(struct sockets *sockets,
                                  const struct options *options,
                                  const struct config *config, char *why,
                                  size_t why_size);

/* The files that are ours. */
void sockets_remove(const struct sockets *sockets);
