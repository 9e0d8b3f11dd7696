#include "agent/door/audit/audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct audit {
	const struct audit_start *start;
};

int audit_new(const struct audit_start *start, struct audit **ret_audit)
{
	struct audit *audit = calloc(1, sizeof(*audit));

	if (!audit)
		return -ENOMEM;
	audit->start = start;
	*ret_audit = audit;
	return 0;
}

void audit_free(struct audit *audit)
{
	free(audit);
}

bool audit_is_kept(const struct audit *audit)
{
	return audit->start->path != NULL;
}

int audit_write(struct audit *audit, const struct audit_event *event)
{
	(void)audit;
	(void)event;
	return 0;
}

const char *audit_failure(const struct audit *audit)
{
	(void)audit;
	return NULL;
}

uint64_t audit_sequence(const struct audit *audit)
{
	(void)audit;
	return 0;
}

void audit_head(const struct audit *audit,
                char ret_hex[2 * DIGEST_SHA256_LEN + 1])
{
	(void)audit;
	memset(ret_hex, '0', 2UL * DIGEST_SHA256_LEN);
	ret_hex[2 * DIGEST_SHA256_LEN] = '\0';
}

long long audit_seal_deadline_ms(const struct audit *audit)
{
	(void)audit;
	return 0;
}

void audit_put_seal(struct audit *audit, struct buffer *out)
{
	(void)audit;
	(void)out;
}

int audit_take_seal(struct audit *audit, struct bytes body)
{
	(void)audit;
	(void)body;
	return 0;
}

void audit_take_vault_key(struct audit *audit,
                          const uint8_t key[KEY_PUBLIC_LEN])
{
	(void)audit;
	(void)key;
}

void audit_forget_vault(struct audit *audit)
{
	(void)audit;
}

bool audit_wants_rotation(struct audit *audit)
{
	(void)audit;
	return false;
}

void audit_take_rotated(struct audit *audit, int owned_fd, const char *why)
{
	(void)audit;
	(void)why;
	if (owned_fd >= 0)
		(void)close(owned_fd);
}
