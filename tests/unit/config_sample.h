/* config_sample.h - configuration texts for tests, loaded from a file */
#pragma once

#include "agent/config.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_A "a-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
#define KEY_B "b-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
#define UPSTREAM \
	"cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
#define FILE_CACHE "[cache f]\nstore = file:///srv/cache\n"
#define S3_STORE                                                     \
	"store = s3://ai-dev-env/nix/cache?endpoint=s3.us-east-005." \
	"backblazeb2.com&region=us-east-005\n"
#define S3_KEYS                                              \
	"access-key-id = op://Dev/backblaze/access-key-id\n" \
	"secret-access-key = op://Dev/backblaze/access-secret-key\n"

struct loaded {
	struct config *config; /* NULL on failure */
	int rc;
	char path[64];
	char why[1024];
};

/* Writes len bytes to a file and loads it. */
static inline struct loaded load_bytes(const char *text, size_t len)
{
	struct loaded l = { .path = "/tmp/nixcache-config-XXXXXX" };
	int fd = mkstemp(l.path);

	CHECK(fd >= 0 && write(fd, text, len) == (ssize_t)len);
	(void)close(fd);
	l.rc = config_load(l.path, &l.config, l.why, sizeof(l.why));
	(void)unlink(l.path);
	return l;
}

static inline struct loaded load(const char *text)
{
	return load_bytes(text, strlen(text));
}

/* The text is refused with "FILE:line: ...words...". */
static inline void check_refused(const char *text, int line, const char *words)
{
	struct loaded l = load(text);
	char start[128];

	if (line > 0) {
		(void)snprintf(start, sizeof(start), "%s:%d: ", l.path, line);
	} else {
		(void)snprintf(start, sizeof(start), "%s: ", l.path);
	}
	if (l.rc != -EINVAL || strncmp(l.why, start, strlen(start)) != 0 ||
	    !strstr(l.why, words)) {
		(void)printf("# rc %d why \"%s\" wanted line %d \"%s\"\n", l.rc,
		             l.why, line, words);
		FAIL("refused with the right words");
	}
	CHECK(l.config == NULL);
	config_free(l.config);
}
