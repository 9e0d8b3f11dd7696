/* share.h - whose turn it is: everybody has an equal share of the time
 *
 * A connection is charged with the time that the door, and the vault, spend on
 * it.  Who was charged least is next, and the door looks at its descriptors
 * again before it has been busy for long: so whoever asks for little is
 * answered soon, however many ask for much.  Who comes, or comes back, begins
 * where those who are being served are: nobody saves up.
 */
#pragma once

#include "agent/door/state.h"

#define SHARE_TURN_NS 300000 /* of clients in one turn, but one at least */

/* Of this process: what others take of the processor is charged to nobody. */
long long share_clock_ns(void);

/* Takes part from now on. */
void share_join(const struct door *door, struct connection *c);

/* Sorts those that have something to do, who is next first. */
void share_order(struct door *door, struct connection *ready[], size_t count);

/* Queues what those who were charged least ask of the vault, as long as it has
 * little to do.  0 or -errno. */
must_check int share_feed_vault(struct door *door);
