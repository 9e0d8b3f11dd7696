#include "agent/door/audit/room.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <string.h>

#define SEAL_MS    1000 /* a line stands unsealed at most for so long */
#define SEAL_LINES 256  /* ... and with at most so many others */
#define AT_ONCE    1    /* a time that is over */

long long audit_seal_deadline_ms(const struct audit *audit)
{
	const struct audit_seals *seals = &audit->seals;

	if (!audit_is_kept(audit) || !seals->has_vault || seals->is_asked ||
	    seals->unsealed == 0)
		return 0;
	if (!audit->has_failed &&
	    (audit->has_ended || seals->unsealed >= SEAL_LINES))
		return AT_ONCE;
	return seals->since_ms + SEAL_MS;
}

/* What cannot be written is tried again after another while. */
static void try_later(struct audit *audit)
{
	if (audit_pay(audit) < 0)
		audit->seals.since_ms = clock_boot_ms();
}

void audit_put_seal(struct audit *audit, struct buffer *out)
{
	struct audit_seals *seals = &audit->seals;

	if (!audit_is_kept(audit) || !seals->has_vault || seals->is_asked)
		return;
	if (audit->debts.seal) {
		try_later(audit);
		return;
	}
	seals->asked.sequence = audit->sequence;
	memcpy(seals->asked.head, audit->head, sizeof(audit->head));
	seals->asked_count = seals->unsealed;
	seals->is_asked = true;
	wire_put_seal(out, AUDIT_SEAL_TAG, &seals->asked);
}

int audit_take_seal(struct audit *audit, struct bytes body)
{
	struct audit_seals *seals = &audit->seals;
	int rc = wire_get_sealed(body, &audit->debts.sealed);

	if (rc < 0 || !seals->is_asked)
		return -EBADMSG;
	seals->is_asked = false;
	seals->unsealed -= seals->asked_count;
	seals->since_ms = clock_boot_ms();
	audit->debts.sealed_line = seals->asked.sequence;
	audit->debts.seal = true;
	try_later(audit);
	return 0;
}

void audit_take_vault_key(struct audit *audit,
                          const uint8_t key[KEY_PUBLIC_LEN])
{
	if (!audit_is_kept(audit) || audit->has_ended)
		return;
	audit->seals.has_vault = true;
	audit->seals.is_asked = false;
	memcpy(audit->debts.vault_key, key, KEY_PUBLIC_LEN);
	audit->debts.vault = true;
	audit_pay_if_possible(audit);
}

void audit_forget_vault(struct audit *audit)
{
	audit->seals.has_vault = false;
	audit->seals.is_asked = false;
}

bool audit_is_settled(const struct audit *audit)
{
	const struct audit_seals *seals = &audit->seals;

	return !audit_is_kept(audit) || audit->has_failed ||
	       !seals->has_vault || (!seals->is_asked && seals->unsealed == 0);
}
