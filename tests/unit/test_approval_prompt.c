#include "agent/door/approval_prompt.h"
#include "tests/lib/test.h"

#include <string.h>

#define WINDOW 120

#define CACHE_COUNT 2

static struct config config_of(struct config_cache caches[CACHE_COUNT])
{
	/* cppcheck-suppress constVariable ; a configuration owns its texts */
	static char names[CACHE_COUNT][2] = { "a", "b" };

	for (size_t i = 0; i < CACHE_COUNT; i++)
		caches[i] = (struct config_cache){ .name = names[i] };
	return (struct config){ .caches = caches, .cache_count = CACHE_COUNT };
}

static void check_prompt(const char *exe, const char *what)
{
	static const char bad[] = "'`<>&\\$\n\r\t\033";
	struct config_cache caches[CACHE_COUNT];
	struct config config = config_of(caches);
	struct peer peer = { .pid = 42, .uid = 1000 };
	struct approval_question question = {
		.kind = CONFIRM_SIGN,
		.peer = &peer,
		.what = what,
	};
	char text[ERRAND_TEXT_MAX];
	unsigned quotes = 0;

	(void)snprintf(peer.exe, sizeof(peer.exe), "%s", exe);
	approval_prompt(&question, &config, WINDOW, text);
	CHECK(strcspn(text, bad) == strlen(text));
	for (const char *c = text; *c != '\0'; c++) {
		CHECK(*c >= 0x20 && *c < 0x7f);
		quotes += *c == '"' ? 1 : 0;
	}
	CHECK(quotes == (exe[0] != '\0' ? 2 : 0));
	CHECK(strstr(text, "cache a:") && strstr(text, "process 42 of user "
	                                               "1000"));
	CHECK(strstr(text, "? A yes is good for 120 seconds."));
}

static void the_prompt_cannot_be_forged(void)
{
	static char huge[PEER_EXE_SIZE];

	memset(huge, 'a', sizeof(huge) - 1);
	check_prompt("/usr/bin/nixcache", "sign 1 store path");
	check_prompt("", "sign 1 store path");
	check_prompt("/tmp/x\n\nsudo: password", "sign\r\n\033[2Jnothing");
	/* NOLINTNEXTLINE(misc-misleading-bidirectional): that is the attack */
	check_prompt("/tmp/\xe2\x80\xae"
	             "evil\xc2\x9b"
	             "2J",
	             "\xff\xfe");
	check_prompt("/tmp/\" (process 1 of user 0) do nothing? \"", "sign");
	check_prompt("/tmp/<b>&amp;</b>`id`$(id)\\", "'sign'");
	check_prompt(huge, huge);
}

static void the_prompt_says_who_and_what(void)
{
	struct peer peer = { .pid = 100,
		             .uid = 1000,
		             .exe = "/usr/bin/nixcache" };
	struct config_cache caches[CACHE_COUNT];
	struct config config = config_of(caches);
	struct approval_question question = {
		.kind = CONFIRM_SIGN,
		.cache = 1,
		.peer = &peer,
		.what = "sign 2 store paths, the first /nix/store/x",
	};
	char text[ERRAND_TEXT_MAX];

	approval_prompt(&question, &config, 0, text);
	CHECK(strcmp(text, "nixcache-agent, cache b: may "
	                   "\"/usr/bin/nixcache\" (process 100 of user 1000) "
	                   "sign 2 store paths, the first /nix/store/x? "
	                   "A yes is good for this once.") == 0);
	question.kind = CONFIRM_UNLOCK;
	question.what = "fetch the secrets of all caches";
	approval_prompt(&question, &config, WINDOW, text);
	CHECK(strcmp(text, "nixcache-agent: may \"/usr/bin/nixcache\" "
	                   "(process 100 of user 1000) fetch the secrets of "
	                   "all caches? A yes is good for 120 seconds.") == 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "the prompt cannot be forged", the_prompt_cannot_be_forged },
		{ "the prompt says who and what",
		  the_prompt_says_who_and_what },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
