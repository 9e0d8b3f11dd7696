/* What a cache answers for a narinfo: it is of the path asked for, or refused
 * with a sentence.  The first byte chooses the Content-Encoding. */
#include "tests/fuzz/fuzz.h"

#include "client/catalog/entry.h"
#include "client/catalog/trust.h"

#include <errno.h>

#define HASH_PART "iccjyqk6fpkd70vm3jh11n3fq25y1fy6"

static const char *const encodings[] = {
	"", "gzip", "br", "zstd", "xz", "bzip2"
};

#define ENCODING_COUNT (sizeof(encodings) / sizeof(encodings[0]))

static void check_entry(const struct narinfo *info)
{
	const struct trust nobody = { .keys = NULL };
	char key[OBJECT_KEY_MAX + 1];
	enum trust_verdict verdict;

	MUST(strncmp(info->path.base, HASH_PART, STORE_PATH_HASH_LEN) == 0);
	verdict = trust_judge(&nobody, "/nix/store", &info->path);
	MUST(verdict == TRUST_UNSIGNED || verdict == TRUST_CONTENT);
	if (entry_nar_key(info, key) == 0) {
		MUST(strncmp(key, "nar/", 4) == 0);
		MUST(!strstr(key, "..") && !strchr(key + 4, '/'));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct entry_question question = {
		.hash_part = HASH_PART,
		.store_dir = "/nix/store",
	};
	struct cache_result answer = { .type = CACHE_GET };
	char why[ENTRY_WHY_MAX] = "";
	struct narinfo info;
	int rc;

	if (len == 0)
		return 0;
	buffer_init(&answer.response, len);
	buffer_append(&answer.response, bytes + 1, len - 1);
	(void)snprintf(answer.encoding, sizeof(answer.encoding), "%s",
	               encodings[bytes[0] % ENCODING_COUNT]);
	rc = entry_read(&answer, &question, &info, why);
	MUST(rc == 0 || rc == -EBADMSG);
	fuzz_check_printable(why, sizeof(why));
	MUST((rc < 0) == (why[0] != '\0'));
	if (rc == 0) {
		check_entry(&info);
		narinfo_clear(&info);
	}
	buffer_clear(&answer.response);
	return 0;
}
