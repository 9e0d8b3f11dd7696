/* Every allocation of a configuration's reading fails once, and then all after
 * it too. */
#include "tests/lib/short_memory.h"
#include "tests/lib/test.h"
#include "tests/unit/config_sample.h"

#define TEXT                                                             \
	"[agent]\nop = /usr/bin/op\n[cache a]\n" S3_STORE                \
	"public-key = " KEY_A "\nsigning-key = op://Dev/x/key\n" S3_KEYS \
	"upstream-key = " KEY_B "\n" FILE_CACHE "signing-key = env:KEY\n"

/* True while memory was too short for it. */
static bool load_short(const char *path, unsigned n, bool for_good)
{
	struct config *config = NULL;
	char why[1024] = "";
	bool has_failed;
	int rc;

	short_memory_begin(n, for_good);
	rc = config_load(path, &config, why, sizeof(why));
	has_failed = short_memory_end();
	CHECK(rc == (has_failed ? -ENOMEM : 0));
	CHECK((rc == 0) == (config != NULL));
	CHECK((rc < 0) == (strstr(why, "memory") != NULL) || rc == 0);
	config_free(config);
	return has_failed;
}

static void no_memory_for_a_configuration(void)
{
	char path[] = "/tmp/nixcache-config-XXXXXX";
	int fd = mkstemp(path);
	unsigned n;

	CHECK(fd >= 0);
	CHECK(write(fd, TEXT, strlen(TEXT)) == (ssize_t)strlen(TEXT));
	(void)close(fd);
	for (n = 1; load_short(path, n, false) && n < 1000;)
		n++;
	CHECK(n > 10 && n < 1000);
	for (n = 1; load_short(path, n, true) && n < 1000;)
		n++;
	CHECK(n > 10 && n < 1000);
	(void)unlink(path);
}

int main(void)
{
	static const struct test tests[] = {
		{ "no memory for a configuration",
		  no_memory_for_a_configuration },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
