#include "agent/door/audit/room.h"
#include "protocol/base/fd.h"

#include <stdio.h>
#include <unistd.h>

#define AGAIN_MS 60000 /* after a change of files that failed */

bool audit_wants_rotation(struct audit *audit)
{
	if (audit->file.fd < 0 || audit->is_rotating || audit->has_ended ||
	    audit->file.is_torn || audit->start->size_max == 0 ||
	    audit->size < audit->start->size_max ||
	    clock_boot_ms() < audit->rotate_after_ms)
		return false;
	audit->is_rotating = true;
	return true;
}

void audit_take_rotated(struct audit *audit, int owned_fd, const char *text)
{
	audit->is_rotating = false;
	if (owned_fd < 0 || audit->file.fd < 0) {
		if (owned_fd >= 0)
			(void)close(owned_fd);
		audit->rotate_after_ms = clock_boot_ms() + AGAIN_MS;
		(void)snprintf(audit->rotation_why, sizeof(audit->rotation_why),
		               "%s", text);
		return;
	}
	(void)close(audit->file.fd);
	audit->file = (struct append_file){ .fd = owned_fd };
	audit->size = 0;
	audit->rotate_after_ms = 0;
	audit->rotation_why[0] = '\0';
	(void)snprintf(audit->debts.former_name,
	               sizeof(audit->debts.former_name), "%s", text);
	audit->debts.former = true;
	audit_pay_if_possible(audit);
}

const char *audit_rotation_failure(const struct audit *audit)
{
	return audit->rotation_why[0] != '\0' ? audit->rotation_why : NULL;
}
