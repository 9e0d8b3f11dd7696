/* vault_rig.h - a real vault, forked from a test, and the other ends of it
 *
 * Cache 0 is an S3 cache (slots 0..3: signing key, access key id, secret
 * access key, session token), cache 1 a folder (slots 4 and 5: signing keys).
 */
#pragma once

#include "agent/config.h"
#include "protocol/base/bytes.h"

#define VAULT_RIG_CACHES    2
#define VAULT_RIG_SLOTS     6
#define VAULT_RIG_SEED_LEN  32
#define VAULT_RIG_TEXT_SIZE 256

struct vault_rig {
	struct config config;
	struct config_cache caches[VAULT_RIG_CACHES];
	struct secret_slot slots[VAULT_RIG_SLOTS];
	struct agent_measure measures[64]; /* what its hello said */
	size_t measure_count;
	uint8_t seal_key[KEY_PUBLIC_LEN]; /* the first, as it says */
	int pid;
	int door;
	int intake; /* write end */
	struct buffer replies;
	size_t reply_at; /* replies before it are taken */

	/* Made by vault_rig_make_secrets(), in the test's memory only. */
	char texts[VAULT_RIG_SLOTS][VAULT_RIG_TEXT_SIZE];
	uint8_t seeds[VAULT_RIG_SLOTS][VAULT_RIG_SEED_LEN];
	struct public_key public_keys[VAULT_RIG_SLOTS];
};

/* The configuration alone: no public keys, no process. */
void vault_rig_init(struct vault_rig *rig);

/* Random secrets.  Call it after vault_rig_start() when the vault must not
 * inherit them with the fork. */
void vault_rig_make_secrets(struct vault_rig *rig);

/* Forks the vault and hears its hello.  0 or -1. */
must_check int vault_rig_start(struct vault_rig *rig);

/* Closes both ends and waits; the exit status of the vault, or minus the
 * signal that ended it. */
must_check int vault_rig_stop(struct vault_rig *rig);

/* One run of the sources: every slot's text, whole. */
void vault_rig_write_secrets(struct vault_rig *rig);

/* Sends requests (frames) without waiting. */
void vault_rig_send(struct vault_rig *rig, const struct buffer *requests);

/* The next reply; its body is borrowed until the next call.  0, or -1 when the
 * vault is gone. */
must_check int vault_rig_hear(struct vault_rig *rig,
                              struct wire_frame *ret_frame);

/* Writes the secrets, commits, and hears the reply. */
must_check int vault_rig_commit(struct vault_rig *rig,
                                struct wire_frame *ret_frame);

/* Starts, makes secrets and loads them.  0 or -1. */
must_check int vault_rig_start_loaded(struct vault_rig *rig);

/* Sends the requests, forgets them, and hears one reply. */
must_check bool vault_rig_ask(struct vault_rig *rig, struct buffer *requests,
                              struct wire_frame *ret_frame);

/* True for a refusal of that tag and kind that says why. */
bool vault_rig_is_refused(const struct wire_frame *frame, uint64_t tag,
                          enum vault_refusal refusal, uint16_t slot);

/* A frame that asks for a signature of a made-up path, or for a GET URL. */
void vault_rig_put_sign(struct buffer *out, uint64_t tag, uint16_t cache);
void vault_rig_put_presign(struct buffer *out, uint64_t tag, uint16_t cache);

/* What the vault must have signed for vault_rig_put_sign(). */
void vault_rig_put_fingerprint(struct buffer *out);
