/* vault_link.h - the door's end of the stream to the vault
 *
 * Non-blocking both ways, so that a vault that is slow or gone never stops the
 * door.
 */
#pragma once

#include "agent/wire.h"

#define VAULT_LINK_QUEUE_MAX (8UL * 1024 * 1024) /* bytes not yet taken */

struct vault_link {
	int fd; /* owned; -1: there is no vault */
	struct buffer out;
	struct buffer in;
	size_t in_done; /* bytes of in that were taken as frames */
	size_t asked;   /* items that are not answered yet */
};

void vault_link_init(struct vault_link *link);
void vault_link_attach(struct vault_link *link, int owned_fd);
void vault_link_detach(struct vault_link *link);

/* True if so many items more may be asked for: the vault has always something
 * to do, and never so much that a new question waits for long. */
bool vault_link_wants(const struct vault_link *link, size_t count);

/* True if another call's frames may be queued. */
bool vault_link_has_room(const struct vault_link *link);

/* Sends what it takes.  0, or -errno: the vault is gone. */
must_check int vault_link_flush(struct vault_link *link);

/* Receives what is there.  0, or -errno: the vault is gone. */
must_check int vault_link_receive(struct vault_link *link);

/* As wire_next(), over what was received; the frame is borrowed until the next
 * vault_link_receive(). */
must_check int vault_link_next(struct vault_link *link,
                               struct wire_frame *ret_frame);
