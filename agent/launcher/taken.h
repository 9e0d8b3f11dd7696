/* taken.h - secrets that can be had only once, moved into the pipe at the start
 */
#pragma once

#include "agent/config.h"
#include "agent/launcher/feed.h"
#include "protocol/base/strings.h"

/* Every env: and fd: secret of the configuration goes into the feed; the
 * variables are wiped, the descriptors closed, and the variables' names added
 * to names.  0; -EINVAL or another -errno with a sentence in why. */
must_check int taken_move(const struct config *config, struct feed *feed,
                          struct strings *names, char *why, size_t why_size);
