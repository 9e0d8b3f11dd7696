/* A nix-cache-info: what is read and written is read again as the same. */
#include "tests/fuzz/fuzz.h"

#include "client/cache/cache_info.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	cleanup_buffer struct buffer said;
	struct cache_info info, again;
	int rc;

	buffer_init(&said, CACHE_INFO_MAX);
	rc = cache_info_parse((struct bytes){ bytes, len }, &info);
	if (rc < 0) {
		MUST(rc == -EINVAL);
		return 0;
	}
	MUST(store_dir_is_valid(info.store_dir, strlen(info.store_dir)));
	cache_info_format(&info, &said);
	MUST(buffer_end(&said) == 0);
	MUST(cache_info_parse(buffer_bytes(&said), &again) == 0);
	MUST(strcmp(info.store_dir, again.store_dir) == 0);
	MUST(info.priority == again.priority);
	MUST(info.want_mass_query == again.want_mass_query);
	return 0;
}
