/* door_rig.h - a real door, forked from a test that plays everybody around it
 *
 * The test is the launcher, the vault and the clients.  Cache 0 ("main") is an
 * S3 cache with a signing key, cache 1 ("folder") a folder that has none.
 */
#pragma once

#include "agent/config.h"
#include "agent/seal/report.h"
#include "tests/lib/socket_stage.h"

#define DOOR_RIG_CACHES 2
#define DOOR_RIG_SLOTS  3
#define DOOR_RIG_HASH   "sha256:" /* and 52 zeroes, the hash of every path */

struct door_rig {
	struct config config;
	struct config_cache caches[DOOR_RIG_CACHES];
	struct secret_slot slots[DOOR_RIG_SLOTS];
	struct report report; /* the launcher's */
	const char *scope;    /* of its socket; "owner" */
	struct socket_stage stage;
	char path[SOCKET_STAGE_PATH_SIZE];
	int pid;
	int launcher; /* our end */
	int vault;    /* our end; -1: none */
	struct buffer frames;
	size_t frame_at; /* frames before it are taken */
};

/* The configuration alone: no process. */
void door_rig_init(struct door_rig *rig);

/* Starts it.  Every wait for it ends after some seconds. */
void door_rig_start(struct door_rig *rig);

/* Leaves it alone and waits for its end: its exit status, or minus the signal
 * that ended it. */
must_check int door_rig_stop(struct door_rig *rig);

/* The launcher: the next packet's type, or 0. */
must_check int door_rig_hear(struct door_rig *rig);
void door_rig_say(struct door_rig *rig, enum launcher_type type);
/* NULL: the sources ended well. */
void door_rig_say_fetched(struct door_rig *rig, const char *failure);
/* Hands over a fresh vault, which says hello. */
void door_rig_give_vault(struct door_rig *rig);

/* The vault: the next frame, its body borrowed until the next call. */
must_check bool door_rig_hear_frame(struct door_rig *rig,
                                    struct wire_frame *ret_frame);
/* Answers COMMIT; false if something else came. */
must_check bool door_rig_load(struct door_rig *rig);
/* Answers one Sign or Presign frame with the base name or the key in it. */
must_check bool door_rig_answer(struct door_rig *rig);
void door_rig_send_frames(struct door_rig *rig, const struct buffer *frames);

/* Starts, greets, unlocks at the launcher's wish. */
void door_rig_start_unlocked(struct door_rig *rig);

/* Clients.  A connected socket; the second is somebody else's, of another
 * process. */
must_check int door_rig_connect(struct door_rig *rig);
must_check int door_rig_connect_as_other(struct door_rig *rig);

/* Sends calls, each ended by the NUL that the string's end or "\1" stands for:
 * "A\1B" are two. */
void door_rig_call(int client, const char *calls);
/* The text of a Sign call for that path's name. */
#define DOOR_RIG_CALL_SIZE 512
void door_rig_sign_call(const char *name, bool is_oneway,
                        char ret_text[DOOR_RIG_CALL_SIZE]);

/* The next reply is a text that has these words in it.  "": the door closes. */
must_check bool door_rig_replies(int client, const char *words);
/* Nothing has come, and the connection is open.  Ask when the door has shown
 * that it has gone on to something later. */
must_check bool door_rig_is_silent(int client);
