/* events.h - what the launcher and the vault tell the door */
#pragma once

#include "agent/door/state.h"
#include "protocol/varlink/error_reply.h"

/* One packet of the launcher.  -errno: it is gone, and so are we. */
must_check int events_take_packet(struct door *door);

/* All frames that the vault has sent.  -errno: it is gone. */
must_check int events_take_frames(struct door *door);

/* There is no vault any more: whoever waits for it hears why. */
void events_forget_vault(struct door *door, const struct error_reply *why);

/* Why the secrets went with it, for the log, which is told once. */
void events_note_locked(struct door *door, const char *why);
