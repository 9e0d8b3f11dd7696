/* audit_line.h - reads one line of the audit log, strictly
 *
 * PROTOCOL.md section 11 is the format.  A member that is not known is
 * ignored, for a later agent may say more; an event that is not known is a
 * line like any other.  Everything read is borrowed from the line's object.
 */
#pragma once

#include "protocol/base/digest.h"
#include "protocol/nix/key.h"
#include "protocol/varlink/record.h"

#define AUDIT_LINE_MAX     ((size_t)256 << 10) /* bytes, with the newline */
#define AUDIT_TIME_LEN     24                  /* "2026-11-23T20:15:30.123Z" */
#define AUDIT_ITEMS_MAX    4096
#define AUDIT_SEQUENCE_MAX 999999999999999999 /* what SCAN_DIGITS_MAX can say */

enum audit_kind {
	AUDIT_START,
	AUDIT_CONTINUED,
	AUDIT_VAULT,
	AUDIT_UNLOCKED,
	AUDIT_FETCH_FAILED,
	AUDIT_LOCKED,
	AUDIT_SIGN,
	AUDIT_PRESIGN,
	AUDIT_CALL, /* unlock, lock, quit, narrow */
	AUDIT_SEAL,
	AUDIT_LOST,
	AUDIT_END,
	AUDIT_UNKNOWN,
	AUDIT_KIND_COUNT,
};

struct audit_line_start {
	int64_t pid;
	struct bytes boot;
};

struct audit_line_seal {
	uint64_t sealed; /* the number of a line */
	uint8_t key[KEY_PUBLIC_LEN];
	uint8_t next[KEY_PUBLIC_LEN];
	uint8_t signature[KEY_SIGNATURE_LEN];
};

/* What a client has asked for. */
struct audit_line_call {
	int64_t uid, pid;
	bool is_allowed;
	struct bytes exe, scope, cache, rule; /* empty: not said */
	size_t item_count;
};

struct audit_line {
	struct json_tree *tree; /* owned */
	struct record record;   /* its members by the shape of its kind */
	enum audit_kind kind;
	struct bytes event;
	uint64_t sequence;
	struct bytes time; /* AUDIT_TIME_LEN bytes */
	int64_t time_ms;   /* the same, since 1970 */
	uint8_t prev[DIGEST_SHA256_LEN];
	union {
		struct audit_line_start start;
		struct audit_line_seal seal;
		struct audit_line_call call;
		uint8_t vault_key[KEY_PUBLIC_LEN];
		size_t certificate_count;
		struct bytes text; /* continued: file; locked: why; ... */
		int64_t lost_count;
	};
};

/* line is without its newline.  0; -EBADMSG; -ENOMEM.  The caller does
 * audit_line_clear(). */
must_check int audit_line_parse(struct bytes line, struct audit_line *ret_line);
void audit_line_clear(struct audit_line *line);

/* Certificate i of an AUDIT_UNLOCKED.  0 or -EBADMSG. */
must_check int audit_line_certificate(const struct audit_line *line, size_t i,
                                      struct public_key *ret_key,
                                      struct signature *ret_signature);

/* What item i of an AUDIT_SIGN or AUDIT_PRESIGN is about: a store path, or an
 * operation and perhaps a key. */
struct audit_item {
	struct bytes operation; /* empty: signing */
	struct bytes name;      /* empty: not said */
};
/* 0 or -EBADMSG. */
must_check int audit_line_item(const struct audit_line *line, size_t i,
                               struct audit_item *ret_item);

/* For cleanup(audit_line_clear) on a local struct audit_line. */
#define cleanup_audit_line __attribute__((__cleanup__(audit_line_clear)))
