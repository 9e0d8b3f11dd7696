#include "protocol/audit/audit_text.h"

#include "protocol/base/text.h"

#include <stdio.h>

size_t audit_seal_text(uint64_t sequence, const uint8_t head[DIGEST_SHA256_LEN],
                       const uint8_t next[KEY_PUBLIC_LEN],
                       char ret_text[AUDIT_TEXT_MAX])
{
	char head_hex[2 * DIGEST_SHA256_LEN + 1],
		next_hex[2 * KEY_PUBLIC_LEN + 1];

	text_hex(head, DIGEST_SHA256_LEN, head_hex);
	text_hex(next, KEY_PUBLIC_LEN, next_hex);
	return (size_t)snprintf(ret_text, AUDIT_TEXT_MAX,
	                        "nixcache-audit-seal;1;%llu;%s;%s",
	                        (unsigned long long)sequence, head_hex,
	                        next_hex);
}

size_t audit_key_text(const uint8_t first[KEY_PUBLIC_LEN],
                      char ret_text[AUDIT_TEXT_MAX])
{
	char hex[2 * KEY_PUBLIC_LEN + 1];

	text_hex(first, KEY_PUBLIC_LEN, hex);
	return (size_t)snprintf(ret_text, AUDIT_TEXT_MAX,
	                        "nixcache-audit-key;1;%s", hex);
}
