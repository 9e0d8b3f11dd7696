#include "agent/door/audit/line.h"
#include "agent/door/audit/room.h"
#include "protocol/base/text.h"

/* A debt is paid once: its mark goes when its line is there. */

static int pay_former(struct audit *audit)
{
	int rc;

	audit_begin(audit, "continued");
	line_put_text(&audit->line, "file", audit->debts.former_name);
	rc = audit_commit(audit);
	audit->debts.former = rc < 0;
	return rc;
}

static int pay_start(struct audit *audit)
{
	int rc;

	audit_begin(audit, "start");
	line_put_text(&audit->line, "version", NIXCACHE_VERSION);
	line_put_number(&audit->line, "pid", (uint64_t)audit->start->pid);
	line_put_text(&audit->line, "boot", audit->start->boot);
	rc = audit_commit(audit);
	audit->debts.start = rc < 0;
	return rc;
}

static int pay_lost(struct audit *audit)
{
	int rc;

	audit_begin(audit, "lost");
	line_put_number(&audit->line, "records", audit->debts.lost);
	rc = audit_commit(audit);
	if (rc == 0)
		audit->debts.lost = 0;
	return rc;
}

/* A seal needs none itself. */
static int pay_seal(struct audit *audit)
{
	const struct vault_sealed *sealed = &audit->debts.sealed;
	char signature[TEXT_BASE64_SIZE(KEY_SIGNATURE_LEN)];
	int rc;

	text_base64(sealed->signature, KEY_SIGNATURE_LEN, signature);
	audit_begin(audit, "seal");
	line_put_number(&audit->line, "sealed", audit->debts.sealed_line);
	line_put_hex(&audit->line, "key", sealed->key);
	line_put_hex(&audit->line, "next", sealed->next);
	line_put_text(&audit->line, "signature", signature);
	rc = audit_commit(audit);
	if (rc == 0)
		audit->seals.unsealed--;
	audit->debts.seal = rc < 0;
	return rc;
}

static int pay_vault(struct audit *audit)
{
	int rc;

	audit_begin(audit, "vault");
	line_put_hex(&audit->line, "key", audit->debts.vault_key);
	rc = audit_commit(audit);
	audit->debts.vault = rc < 0;
	return rc;
}

int audit_pay(struct audit *audit)
{
	int rc = audit->debts.former ? pay_former(audit) : 0;

	if (rc == 0 && audit->debts.start)
		rc = pay_start(audit);
	if (rc == 0 && audit->debts.lost > 0)
		rc = pay_lost(audit);
	/* The vault that made the seal was there before the next one. */
	if (rc == 0 && audit->debts.seal)
		rc = pay_seal(audit);
	if (rc == 0 && audit->debts.vault)
		rc = pay_vault(audit);
	return rc;
}

void audit_pay_if_possible(struct audit *audit)
{
	if (audit_pay(audit) < 0)
		return; /* audit_failure() tells, and the next line is behind it */
}
