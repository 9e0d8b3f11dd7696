/* A configuration file. */
#include "tests/fuzz/fuzz.h"

#include "agent/config.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void check_config(const struct config *config)
{
	MUST(config->cache_count > 0 &&
	     config->cache_count <= AGENT_CACHES_MAX);
	MUST(config->slot_count <= WIRE_SLOTS_MAX);
	for (size_t i = 0; i < config->cache_count; i++) {
		const struct config_cache *cache = &config->caches[i];

		MUST(cache->name && cache->store_text && cache->compression);
		MUST(strlen(cache->name) <= AGENT_CACHE_NAME_MAX);
		MUST(store_dir_is_valid(cache->store_dir,
		                        strlen(cache->store_dir)));
		MUST(cache->public_key_count <= AGENT_KEYS_MAX);
	}
	for (size_t i = 0; i < config->slot_count; i++) {
		char text[256];

		MUST(config->slots[i].cache < config->cache_count);
		MUST(config->slots[i].spec);
		config_describe_slot(config, i, text, sizeof(text));
		fuzz_check_printable(text, sizeof(text));
	}
	(void)config_has_spent_source(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	cleanup_close int fd = memfd_create("config", MFD_CLOEXEC);
	struct config *config = NULL;
	char path[64], why[1024] = "";
	int rc;

	MUST(fd >= 0 && fchmod(fd, 0600) == 0);
	MUST(len == 0 || fd_write_full(fd, bytes, len) == 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = config_load(path, &config, why, sizeof(why));
	MUST((rc == 0) == (config != NULL));
	if (config) {
		check_config(config);
	} else {
		MUST(rc == -EINVAL && strncmp(why, path, strlen(path)) == 0);
		fuzz_check_printable(why, sizeof(why));
	}
	config_free(config);
	return 0;
}
