/* The name of an object: every leading part of one may be listed, and nothing
 * in one means anything to a URL or a file system. */
#include "tests/fuzz/fuzz.h"

#include "protocol/base/cleanup.h"
#include "protocol/s3/object_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	cleanup_free char *key = NULL;
	bool is_key;

	if (len > 2UL * OBJECT_KEY_MAX)
		return 0;
	/* Without a NUL behind it: none is promised. */
	key = malloc(len + 1 - (len > 0));
	MUST(key);
	key[0] = '\0';
	if (len > 0)
		memcpy(key, bytes, len);

	is_key = object_key_kind(key, len) != OBJECT_KEY_INVALID;
	if (!is_key && !object_key_prefix_is_valid(key, len))
		return 0;

	MUST(len <= OBJECT_KEY_MAX && !memmem(key, len, "..", 2));
	MUST(len == 0 || key[0] != '/');
	for (size_t i = 0; i < len; i++) {
		MUST(key[i] > ' ' && key[i] < 0x7f);
		MUST(!strchr("%&#\\\"'*<>|", key[i]));
	}
	/* A leading part of what may be listed may be listed. */
	for (size_t i = 0; i < len; i++)
		MUST(object_key_prefix_is_valid(key, i));
	return 0;
}
