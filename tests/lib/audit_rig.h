/* audit_rig.h - makes audit logs as an agent would, with keys of its own */
#pragma once

#include "protocol/audit/audit_chain.h"

struct audit_rig {
	struct buffer log; /* whole lines */
	uint64_t sequence; /* of the last line */
	uint8_t head[DIGEST_SHA256_LEN];
	uint8_t seed[32]; /* of the vault's next seal */
	uint8_t first[KEY_PUBLIC_LEN];
	unsigned vaults;
	struct public_key key; /* that signs store paths */
	uint8_t secret[64];
};

/* name: of the signing key; the same name gives the same key. */
void audit_rig_init(struct audit_rig *rig, const char *name);
void audit_rig_clear(struct audit_rig *rig);

/* {"seq":..,"time":..,"event":EVENT,MEMBERS,"prev":..}; members may be "". */
void audit_rig_line(struct audit_rig *rig, const char *event,
                    const char *members);
void audit_rig_start(struct audit_rig *rig, int pid);
/* A fresh vault; the next one has another key. */
void audit_rig_vault(struct audit_rig *rig);
/* Announces the vault as it was announced before. */
void audit_rig_vault_again(struct audit_rig *rig);
void audit_rig_unlocked(struct audit_rig *rig);
void audit_rig_sign(struct audit_rig *rig, const char *decision);
/* Seals the line before; the vault goes on to its next key. */
void audit_rig_seal(struct audit_rig *rig);

/* start to end: two vaults, six seals, each kind of line. */
void audit_rig_whole(struct audit_rig *rig);

/* Every line's prev is made to fit again, as a forger would. */
void audit_rig_recount(struct buffer *log);

struct audit_judged {
	size_t findings; /* without notes */
	size_t by[FOUND_COUNT];
	struct audit_summary summary;
};

/* What a reader finds in the lines of log; of a closed one, the last line
 * must have its newline. */
struct audit_judged audit_rig_judge(struct bytes log,
                                    const struct audit_premises *premises,
                                    enum audit_ending ending);
