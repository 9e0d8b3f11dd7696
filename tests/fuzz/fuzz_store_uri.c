/* What a person says a store is: of a cache, and of the local one. */
#include "tests/fuzz/fuzz.h"

#include "protocol/base/cleanup.h"
#include "protocol/nix/store_path.h"
#include "protocol/nix/store_uri.h"
#include "protocol/nix/target.h"

/* Only what can stand in a request line and in a Host header. */
static void check_word(const char *text)
{
	for (; *text != '\0'; text++)
		MUST(*text > ' ' && *text < 0x7f);
}

static void check_s3(const struct store_uri *uri)
{
	MUST(uri->bucket[0] != '\0' && uri->endpoint[0] != '\0');
	MUST(uri->region[0] != '\0' && uri->addressing != ADDRESSING_AUTO);
	check_word(uri->bucket);
	check_word(uri->prefix);
	check_word(uri->endpoint);
	check_word(uri->region);
	MUST(!strchr(uri->bucket, '/') && !strpbrk(uri->endpoint, "/@?#A"));
	MUST(uri->prefix[0] != '/' && !strstr(uri->prefix, "//"));
}

static void read_cache(const char *text)
{
	struct store_uri uri;
	char why[200] = "";

	if (store_uri_parse(text, &uri, why, sizeof(why)) < 0) {
		MUST(why[0] != '\0');
		fuzz_check_printable(why, sizeof(why));
		return;
	}
	MUST(store_uri_same_place(&uri, &uri));
	if (uri.kind == STORE_URI_S3) {
		check_s3(&uri);
	} else {
		MUST(uri.path[0] == '/');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	cleanup_free char *text = fuzz_text(bytes, len);
	char base[STORE_PATH_BASE_SIZE];
	struct target target;

	read_cache(text);
	if (target_parse(text, "/socket", &target) == 0)
		MUST(target.path[0] == '/');
	if (store_path_of("/nix/store", text, base) == 0)
		MUST(store_path_base_is_valid(base, strlen(base)));
	if (store_path_parse("/nix/store", text, strlen(text), base) == 0)
		MUST(strcmp(text + sizeof("/nix/store"), base) == 0);
	return 0;
}
