/* audit.h - the log of what was asked and decided, written before the effect
 *
 * JSON lines.  Each names the SHA-256 of the line before it, so that nothing
 * can be changed, dropped or moved unseen; from time to time the vault seals
 * the chain with a key that exists for one seal only (protocol/audit says how
 * both are checked).  A line that cannot be written whole is taken back.
 */
#pragma once

#include "agent/audit_start.h"
#include "agent/door/peer.h"
#include "agent/wire.h"
#include "protocol/varlink/agent_presign.h"
#include "protocol/varlink/agent_sign.h"

#define AUDIT_RULE_SIZE 256

struct audit;

struct audit_event {
	const char *event; /* "sign", "presign", "unlock", "lock", ... */
	const struct peer *peer;
	const char *scope;
	const char *cache;                  /* NULL: none */
	const struct sign_call *sign;       /* or NULL */
	const struct presign_call *presign; /* or NULL */
	const char *decision;               /* "allowed", "denied" */
	const char *rule;                   /* what decided it */
};

/* Writes that it has begun, as soon as that can be written. */
must_check int audit_new(const struct audit_start *start,
                         struct audit **ret_audit);
void audit_free(struct audit *audit);

bool audit_is_kept(const struct audit *audit);

#define AUDIT_SEAL_TAG (UINT64_MAX - 1) /* of the frame that asks for one */

/* Writes one record.  0, also where no log is kept; -errno: it is not written
 * (audit_failure() says why), and the effect must not follow. */
must_check int audit_write(struct audit *audit,
                           const struct audit_event *event);
/* What the agent does by itself: stops nothing when it cannot be written. */
void audit_note_unlocked(struct audit *audit, const struct strings *public_keys,
                         const struct strings *certificates);
void audit_note_fetch_failed(struct audit *audit, const char *kind);
void audit_note_locked(struct audit *audit, const char *why);
/* The last one: only a seal follows. */
void audit_note_end(struct audit *audit);

/* NULL: the last record could be written. */
const char *audit_failure(const struct audit *audit);

/* For Status. */
uint64_t audit_sequence(const struct audit *audit);
void audit_head(const struct audit *audit,
                char ret_hex[2 * DIGEST_SHA256_LEN + 1]);

/* Seals.  The vault is asked by a frame when records have stood unsealed for a
 * while (deadline, CLOCK_BOOTTIME, 0: nothing to seal), or at once. */
long long audit_seal_deadline_ms(const struct audit *audit);
void audit_put_seal(struct audit *audit, struct buffer *out);
/* Nothing more will come: all is sealed, or nothing can be written. */
bool audit_is_settled(const struct audit *audit);
/* VAULT_SEALED.  0 or -EBADMSG. */
must_check int audit_take_seal(struct audit *audit, struct bytes body);
/* A fresh vault has named the first of its keys. */
void audit_take_vault_key(struct audit *audit,
                          const uint8_t key[KEY_PUBLIC_LEN]);
/* There is no vault: a seal that is on its way will not come. */
void audit_forget_vault(struct audit *audit);

/* True, once, when another file should be begun (ERRAND_ROTATE). */
bool audit_wants_rotation(struct audit *audit);
/* The name of the old file; or -1 and why not: the old file goes on. */
void audit_take_rotated(struct audit *audit, int owned_fd, const char *text);
/* NULL: the last change of files was done, if there was any. */
const char *audit_rotation_failure(const struct audit *audit);
