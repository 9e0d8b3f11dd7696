#include "agent/door/audit/audit.h"

#include "agent/door/audit/line.h"
#include "agent/door/audit/room.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

DEFINE_CLEANUP(struct audit *, audit_free)

/* Hashing once brings OpenSSL's first time before the seal. */
static int prepare(struct audit *audit)
{
	uint8_t nothing[DIGEST_SHA256_LEN];
	int rc;

	buffer_init(&audit->line, AUDIT_LINE_MAX);
	audit->digest = digest_new_sha256();
	if (!audit->digest)
		return -ENOMEM;
	rc = digest_update(audit->digest, "", 0);
	return rc < 0 ? rc : digest_final(audit->digest, nothing);
}

static void note_failure(struct audit *audit, const char *why)
{
	audit->has_failed = true;
	(void)snprintf(audit->why, sizeof(audit->why), "%s: %s",
	               audit->start->path, why);
}

/* Where the launcher has found the log to stand. */
static void go_on(struct audit *audit, const struct audit_start *start)
{
	audit->file.fd = start->fd;
	audit->sequence = start->sequence;
	memcpy(audit->head, start->head, sizeof(audit->head));
	audit->size = start->size;
	audit->debts.start = true;
	audit->debts.former = start->former != NULL;
	(void)snprintf(audit->debts.former_name,
	               sizeof(audit->debts.former_name), "%s",
	               start->former ? start->former : "");
	if (start->fd < 0) {
		note_failure(audit, start->why);
	} else {
		audit_pay_if_possible(audit);
	}
}

int audit_new(const struct audit_start *start, struct audit **ret_audit)
{
	cleanup(audit_free_at) struct audit *audit = calloc(1, sizeof(*audit));

	if (!audit)
		return -ENOMEM;
	audit->start = start;
	audit->file.fd = -1;
	if (start->path) {
		int rc = prepare(audit);

		if (rc < 0)
			return rc;
		go_on(audit, start);
	}
	*ret_audit = take_ptr(audit);
	return 0;
}

void audit_free(struct audit *audit)
{
	if (!audit)
		return;
	if (audit->file.fd >= 0)
		(void)close(audit->file.fd);
	buffer_clear(&audit->line);
	digest_free(audit->digest);
	free(audit);
}

bool audit_is_kept(const struct audit *audit)
{
	return audit->start->path != NULL;
}

void audit_begin(struct audit *audit, const char *event)
{
	line_begin(&audit->line, audit->sequence + 1, event);
}

/* The next line's prev: of this one, without its newline. */
static int hash(struct audit *audit, uint8_t ret_head[DIGEST_SHA256_LEN])
{
	int rc = digest_update(audit->digest, audit->line.data,
	                       audit->line.len - 1);

	return rc < 0 ? rc : digest_final(audit->digest, ret_head);
}

int audit_commit(struct audit *audit)
{
	uint8_t head[DIGEST_SHA256_LEN];
	int rc;

	line_end(&audit->line, audit->head);
	rc = buffer_end(&audit->line);
	if (rc == 0)
		rc = hash(audit, head);
	if (rc == 0)
		rc = append_line(&audit->file, buffer_bytes(&audit->line));
	if (rc < 0) {
		/* Without a descriptor it was said why when it was missed. */
		if (rc != -EBADF)
			note_failure(audit, strerrordesc_np(-rc));
		return rc;
	}

	audit->has_failed = false;
	audit->sequence++;
	audit->size += audit->line.len;
	memcpy(audit->head, head, sizeof(audit->head));
	if (audit->seals.unsealed++ == 0)
		audit->seals.since_ms = clock_boot_ms();
	return 0;
}

/* 0: the next line may be filled.  -errno: it would not be written. */
static int begin(struct audit *audit, const char *event)
{
	int rc = audit_pay(audit);

	if (rc < 0) {
		audit->debts.lost++;
		return rc;
	}
	audit_begin(audit, event);
	return 0;
}

static int commit(struct audit *audit)
{
	int rc = audit_commit(audit);

	if (rc < 0)
		audit->debts.lost++;
	return rc;
}

int audit_write(struct audit *audit, const struct audit_event *event)
{
	int rc;

	if (!audit_is_kept(audit))
		return 0;
	if (audit->has_ended)
		return -ESHUTDOWN;
	rc = begin(audit, event->event);
	if (rc < 0)
		return rc;
	line_put_call(&audit->line, event);
	return commit(audit);
}

static bool begin_note(struct audit *audit, const char *event)
{
	return audit_is_kept(audit) && !audit->has_ended &&
	       begin(audit, event) == 0;
}

static void end_note(struct audit *audit)
{
	if (commit(audit) < 0)
		return; /* audit_failure() tells */
}

static void note_text(struct audit *audit, const char *event,
                      const char *member, const char *text)
{
	if (!begin_note(audit, event))
		return;
	line_put_text(&audit->line, member, text);
	end_note(audit);
}

void audit_note_fetch_failed(struct audit *audit, const char *kind)
{
	note_text(audit, "fetchFailed", "kind", kind);
}

void audit_note_locked(struct audit *audit, const char *why)
{
	note_text(audit, "locked", "why", why);
}

void audit_note_unlocked(struct audit *audit, const struct strings *public_keys,
                         const struct strings *certificates)
{
	if (!begin_note(audit, "unlocked"))
		return;
	line_put_certificates(&audit->line, public_keys, certificates);
	end_note(audit);
}

void audit_note_end(struct audit *audit)
{
	if (begin_note(audit, "end"))
		end_note(audit);
	audit->has_ended = true;
}

const char *audit_failure(const struct audit *audit)
{
	if (audit->has_ended)
		return "the agent ends";
	return audit->has_failed ? audit->why : NULL;
}

uint64_t audit_sequence(const struct audit *audit)
{
	return audit->sequence;
}

void audit_head(const struct audit *audit,
                char ret_hex[2 * DIGEST_SHA256_LEN + 1])
{
	text_hex(audit->head, sizeof(audit->head), ret_hex);
}
