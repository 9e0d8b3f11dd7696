#include "tests/lib/test.h"
#include "tests/unit/config_sample.h"

static const struct {
	const char *text;
	int line;
	const char *words;
} refused[] = {
	{ "", 0, "no [cache NAME]" },
	{ "[agent]\nidle = 1h\n", 0, "no [cache NAME]" },
	{ "idle = 1h\n", 1, "before any section" },
	{ "[agent]\nidel = 1h\n", 2, "idel: unknown key of [agent]" },
	{ "[agent]\nstore = file:///a\n", 2, "unknown key of [agent]" },
	{ FILE_CACHE "idle = 1h\n", 3, "unknown key of [cache]" },
	{ "[agnet]\n", 1, "unknown section" },
	{ "[cache]\n", 1, "unknown section" },
	{ "[cache ]\n", 1, "the name of a cache" },
	{ "[cache a b]\n", 1, "the name of a cache" },
	{ "[cache ../a]\n", 1, "the name of a cache" },
	{ "[agent\nidle = 1h\n", 1, "no ']'" },
	{ "[agent] idle = 1h\n", 1, "after ']'" },
	{ "[agent]\n[agent]\n", 2, "[agent] is here twice" },
	{ FILE_CACHE FILE_CACHE, 3, "[cache f] is here twice" },
	{ "[agent]\nidle\n", 2, "neither" },
	{ "[agent]\nidle =\n", 2, "idle: has no value" },
	{ "[agent]\nidle = ; later\n", 2, "idle: has no value" },
	{ "[agent]\nidle = 1 h\n", 2, "idle: wants a time" },
	{ "[agent]\nidle = -1\n", 2, "idle: wants a time" },
	{ "[agent]\nlifetime = soon\n", 2, "lifetime: wants a time" },
	{ "[agent]\nidle = 1h\nidle = 2h\n", 3, "idle: is here twice" },
	{ "[agent]\nop = op\n", 2, "op: wants an absolute path" },
	{ "[agent]\nop-timeout = 0\n", 2, "op-timeout: wants" },
	{ "[agent]\nop-timeout = 3601\n", 2, "op-timeout: wants" },
	{ "[agent]\nconfirm-timeout = 0\n", 2, "confirm-timeout: wants" },
	{ "[agent]\nconfirm-timeout = 241\n", 2, "at most 4m" },
	{ "[agent]\nconfirm-window = 3601\n", 2, "confirm-window: wants" },
	{ FILE_CACHE "confirm = signs\n", 3, "confirm: sign, presign-put" },
	{ FILE_CACHE "confirm = sign, all\n", 3, "confirm: sign, " },
	{ FILE_CACHE "confirm = ,\n", 3, "confirm: sign, presign-put" },
	{ "[cache a]\n", 1, "cache a: has no store" },
	{ "\n\n[cache a]\nstore = ftp://x\n", 4, "store: " },
	{ "[cache a]\n" S3_STORE, 1, "access-key-id and secret" },
	{ "[cache a]\n" S3_STORE "access-key-id = env:A\n", 1,
	  "needs secret-access-key" },
	{ "[cache a]\n" S3_STORE "secret-access-key = env:A\n", 1,
	  "needs access-key-id" },
	{ FILE_CACHE S3_KEYS, 1, "takes no S3 credentials" },
	{ FILE_CACHE "store = file:///b\n", 3, "store: is here twice" },
	{ FILE_CACHE "store-dir = nix\n", 3, "store-dir" },
	{ FILE_CACHE "store-dir = /nix/store/\n", 3, "store-dir" },
	{ FILE_CACHE "store-dir = /nix/../store\n", 3, "store-dir" },
	{ FILE_CACHE "store-dir = /nix/a b\n", 3, "store-dir" },
	{ FILE_CACHE "store-dir = /nix,store\n", 3, "store-dir" },
	{ FILE_CACHE "store-dir = /gnu/\xd9store\n", 3, "store-dir" },
	{ FILE_CACHE "public-key = abc\n", 3, "public-key: wants" },
	{ FILE_CACHE "public-key = " KEY_A "\npublic-key = " KEY_A "\n", 4,
	  "a-1 is here twice" },
	{ FILE_CACHE "upstream-key = abc\n", 3, "upstream-key: wants" },
	{ FILE_CACHE "upstream-key = none\nupstream-key = " KEY_A "\n", 4,
	  "stands alone" },
	{ FILE_CACHE "upstream-key = " KEY_A "\nupstream-key = none\n", 4,
	  "stands alone" },
	{ FILE_CACHE "compression = lz4\n", 3, "zstd, xz or none" },
	{ FILE_CACHE "compression-level = 23\n", 3, "compression-level" },
	{ FILE_CACHE "compression = xz\ncompression-level = 10\n", 1,
	  "no such level of xz" },
	{ FILE_CACHE "compression-level = 0\n", 1, "no such level" },
	{ FILE_CACHE "compression = none\ncompression-level = 1\n", 1,
	  "no such level of none" },
	{ "[cache f]\nstore = file:///a?compression=bzip2\n", 2,
	  "compression" },
	{ "[cache f]\nstore = file:///a?compression=xz\n"
	  "compression = zstd\n",
	  1, "another thing" },
	{ FILE_CACHE "signing-key = fd:5\nsigning-key = fd:5\n", 4,
	  "read once" },
	{ FILE_CACHE "signing-key = command:echo a ; echo b\n", 3,
	  "begins a comment" },
	{ FILE_CACHE "a\x9b = command:echo a ; echo b\n", 3,
	  "a?: ' ;' begins a comment" },
	{ "[agent]\nidle = 1\001h\n", 2, "control character" },
};

static void an_error_names_file_and_line(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		check_refused(refused[i].text, refused[i].line,
		              refused[i].words);
	}
}

static void a_value_that_is_no_source_is_not_echoed(void)
{
	static const char *const values[] = {
		"key-1:c2VjcmV0LXBhc3RlZC1ieS1taXN0YWtl",
		"op:/secret-pasted",
		"op://secret-pasted",
		"op://secret-pasted/b",
		"op://secret-pasted//field",
		"op://secret-pasted/item/",
		"op:///secret-pasted/field",
		"op://a/b/c/d/secret-pasted",
		"op://secret-pasted/b/c}} {{ op://x/y/z",
		"op://secret-pasted/$HOME/c",
		"env:secret-pasted",
		"env:1secret-pasted",
		"env:",
		"fd:2",
		"fd:secret-pasted",
		"fd:99999999999",
		"credential:../secret-pasted",
		"credential:",
		"command:",
		"file:secret-pasted",
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char text[512];
		struct loaded l;

		(void)snprintf(text, sizeof(text),
		               FILE_CACHE "signing-key = %s\n", values[i]);
		check_refused(text, 3, "signing-key: ");
		l = load(text);
		CHECK(!strstr(l.why, "pasted"));
		CHECK(!strstr(l.why, "c2VjcmV0"));
		config_free(l.config);
	}
	check_refused(FILE_CACHE "signing-key = k:abc\n", 3,
	              "did you paste the secret itself?");
}

static void a_name_of_a_cache_is_never_cut(void)
{
	char name[AGENT_CACHE_NAME_MAX + 2];
	char text[256];
	struct loaded l;

	memset(name, 'n', sizeof(name));
	name[AGENT_CACHE_NAME_MAX] = '\0';
	(void)snprintf(text, sizeof(text), "[cache %s]\nstore = file:///a\n",
	               name);
	l = load(text);
	CHECK(l.rc == 0 && l.config &&
	      strcmp(l.config->caches[0].name, name) == 0);
	config_free(l.config);

	name[AGENT_CACHE_NAME_MAX] = 'n';
	name[AGENT_CACHE_NAME_MAX + 1] = '\0';
	(void)snprintf(text, sizeof(text), "[cache %s]\nstore = file:///a\n",
	               name);
	check_refused(text, 1, "the name of a cache");
}

static void a_long_line_is_whole_or_refused(void)
{
	char text[8192] = FILE_CACHE "signing-key = command:";
	size_t at = strlen(text);
	struct loaded l;

	memset(text + at, 'x', 1024);
	text[at + 1024] = '\0';
	l = load(text);
	CHECK(l.rc == 0 && l.config &&
	      strlen(l.config->slots[0].spec) == CONFIG_SOURCE_MAX);
	config_free(l.config);

	memset(text + at, 'x', 1025);
	text[at + 1025] = '\0';
	check_refused(text, 3, "too long");

	memset(text + at, 'x', 5000);
	text[at + 5000] = '\0';
	check_refused(text, 3, "the line is too long");
}

static void a_byte_of_zero_does_not_end_the_file(void)
{
	static const char text[] = FILE_CACHE "signing-key = env:A\0\nbad\n";
	struct loaded l = load_bytes(text, sizeof(text) - 1);

	CHECK(l.rc == -EINVAL && strstr(l.why, ":3: a control character"));
	config_free(l.config);
}

static void every_truncation_is_read_or_refused(void)
{
	static const char text[] =
		"[agent]\nidle = 1h\n[cache a]\n" S3_STORE S3_KEYS
		"public-key = " KEY_A "\n";

	for (size_t len = 0; len < sizeof(text) - 1; len += 3) {
		struct loaded l = load_bytes(text, len);

		CHECK((l.rc == 0) == (l.config != NULL));
		CHECK(l.rc == 0 || l.why[0] != '\0');
		config_free(l.config);
	}
}

static void too_many_caches_are_refused(void)
{
	char text[8192] = "";
	size_t at = 0;
	struct loaded l;

	for (int i = 0; i < AGENT_CACHES_MAX; i++) {
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		                       "[cache c%d]\nstore = file:///a\n", i);
	}
	l = load(text);
	CHECK(l.rc == 0);
	config_free(l.config);
	(void)snprintf(text + at, sizeof(text) - at, "[cache d]\n");
	check_refused(text, 2 * AGENT_CACHES_MAX + 1, "more than 64 caches");
}

static void too_many_signing_keys_are_refused(void)
{
	char text[2048] = FILE_CACHE;
	size_t at = strlen(text);
	struct loaded l;

	for (int i = 0; i < AGENT_KEYS_MAX; i++) {
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		                       "signing-key = op://v/i/%d\n", i);
	}
	l = load(text);
	CHECK(l.rc == 0 && l.config && l.config->slot_count == AGENT_KEYS_MAX);
	config_free(l.config);
	(void)snprintf(text + at, sizeof(text) - at,
	               "signing-key = op://v/i/x\n");
	check_refused(text, 3 + AGENT_KEYS_MAX, "more than 8 signing keys");
}

int main(void)
{
	static const struct test tests[] = {
		{ "an error names file and line",
		  an_error_names_file_and_line },
		{ "a value that is no source is not echoed",
		  a_value_that_is_no_source_is_not_echoed },
		{ "a name of a cache is never cut",
		  a_name_of_a_cache_is_never_cut },
		{ "a long line is whole or refused",
		  a_long_line_is_whole_or_refused },
		{ "a byte of zero does not end the file",
		  a_byte_of_zero_does_not_end_the_file },
		{ "every truncation is read or refused",
		  every_truncation_is_read_or_refused },
		{ "too many caches are refused", too_many_caches_are_refused },
		{ "too many signing keys are refused",
		  too_many_signing_keys_are_refused },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
