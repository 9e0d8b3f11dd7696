/* room.h - what the files of this folder share: the log as it stands */
#pragma once

#include "agent/door/audit/append.h"
#include "agent/door/audit/audit.h"
#include "protocol/base/digest.h"

#include <limits.h>

#define AUDIT_WHY_SIZE (PATH_MAX + 128)

struct audit_seals {
	bool has_vault;
	bool is_asked;
	struct vault_seal asked; /* the line that the vault is to seal */
	uint64_t unsealed;       /* lines, seals do not count */
	uint64_t asked_count;    /* of those, when the vault was asked */
	long long since_ms;      /* when the first of them was written */
};

/* Lines that are due before any other: they say what no later one can. */
struct audit_debts {
	bool former; /* the first line of this file */
	bool start;
	bool seal;
	bool vault;
	uint64_t lost; /* records that could not be written */
	char former_name[AUDIT_FORMER_MAX + 1];
	uint64_t sealed_line;
	struct vault_sealed sealed;
	uint8_t vault_key[KEY_PUBLIC_LEN];
};

struct audit {
	const struct audit_start *start;
	struct append_file file;
	struct buffer line;
	struct digest *digest;
	uint64_t sequence;
	uint8_t head[DIGEST_SHA256_LEN];
	uint64_t size;
	struct audit_seals seals;
	struct audit_debts debts;
	bool has_ended;
	bool has_failed;
	char why[AUDIT_WHY_SIZE];
	bool is_rotating;
	long long rotate_after_ms; /* not sooner; 0: at any time */
	char rotation_why[ERRAND_TEXT_MAX];
};

/* Begins the next line in audit->line. */
void audit_begin(struct audit *audit, const char *event);
/* Ends it and appends it to the file.  0, or -errno: it is not there. */
must_check int audit_commit(struct audit *audit);

/* Writes what is due.  0, or -errno: no other line may be written. */
must_check int audit_pay(struct audit *audit);
void audit_pay_if_possible(struct audit *audit);
