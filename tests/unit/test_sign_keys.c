#include "tests/lib/test.h"

#include "client/sign/sign_keys.h"
#include "protocol/base/cleanup.h"
#include "protocol/nix/fingerprint.h"
#include "protocol/nix/key_secret.h"

#include <sodium.h>

#include <errno.h>
#include <string.h>

#define DIR "/nix/store"

/* Two keys of a cache, and a path without references. */
struct stage {
	struct key_secret secrets[2];
	struct public_key publics[2];
	struct agent_cache cache;
	struct path_info info;
};

static void add_key(struct stage *s, size_t i, const char *name)
{
	char text[KEY_PUBLIC_TEXT_SIZE];

	CHECK(key_secret_generate(name, &s->secrets[i], &s->publics[i]) == 0);
	public_key_format(&s->publics[i], text);
	CHECK(strings_add(&s->cache.public_keys, text, strlen(text)) == 0);
}

static void stage_open(struct stage *s)
{
	static char name[] = "main";

	*s = (struct stage){
		.cache = { .name = name },
		.info = { .base = "00000000000000000000000000000001-a",
		          .nar_size = 120 },
	};
	add_key(s, 0, "one-1");
	add_key(s, 1, "two-1");
}

static void stage_close(struct stage *s)
{
	strings_clear(&s->cache.public_keys);
	path_info_clear(&s->info);
}

/* Adds what key i signs of the path, under a name. */
static void sign(const struct stage *s, size_t i, const char *name,
                 struct strings *signatures)
{
	const struct fingerprint f = {
		.store_dir = DIR,
		.base = bytes_of_text(s->info.base),
		.nar_hash = &s->info.nar_hash,
		.nar_size = s->info.nar_size,
	};
	struct signature signature = { .name = "" };
	char text[KEY_SIGNATURE_TEXT_SIZE];
	cleanup_buffer struct buffer message;

	buffer_init(&message, 4096);
	CHECK(fingerprint_write(&f, &message) == 0);
	CHECK(crypto_sign_detached(signature.bytes, NULL, message.data,
	                           message.len, s->secrets[i].bytes) == 0);
	(void)snprintf(signature.name, sizeof(signature.name), "%s", name);
	signature_format(&signature, text);
	CHECK(strings_add(signatures, text, strlen(text)) == 0);
}

static void keys_are_chosen_by_name_or_all(void)
{
	static const struct {
		const char *name;
		int rc;
		size_t count;
	} cases[] = {
		{ NULL, 0, 2 },           { "one-1", 0, 1 },
		{ "two-1", 0, 1 },        { "one", -ENOENT, 0 },
		{ "one-11", -ENOENT, 0 }, { "", -ENOENT, 0 },
	};
	struct stage s;

	stage_open(&s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trust keys = { .keys = NULL };
		char why[SIGN_KEYS_WHY_MAX] = "";

		CHECK(sign_keys_choose(&s.cache, cases[i].name, &keys, why) ==
		      cases[i].rc);
		CHECK(keys.count == cases[i].count);
		CHECK(cases[i].rc == 0 || strstr(why, "it has one-1, two-1"));
		trust_clear(&keys);
	}
	stage_close(&s);
}

static void a_cache_without_keys_is_told(void)
{
	char name[] = "main", why[SIGN_KEYS_WHY_MAX] = "";
	const struct agent_cache cache = { .name = name };
	struct trust keys = { .keys = NULL };

	CHECK(sign_keys_choose(&cache, NULL, &keys, why) == -ENOENT);
	CHECK(strstr(why, "no signing key"));
	CHECK(sign_keys_choose(&cache, "one-1", &keys, why) == -ENOENT);
	CHECK(strstr(why, "no key one-1"));
	trust_clear(&keys);
}

static void a_signature_counts_when_it_holds(void)
{
	struct trust keys = { .keys = NULL };
	char why[SIGN_KEYS_WHY_MAX];
	const struct public_key *missing;
	struct stage s;

	stage_open(&s);
	CHECK(sign_keys_choose(&s.cache, NULL, &keys, why) == 0);
	missing = sign_keys_find_missing(&keys, DIR, &s.info);
	CHECK(missing && strcmp(missing->name, "one-1") == 0);
	sign(&s, 0, "one-1", &s.info.signatures);
	sign(&s, 0, "two-1", &s.info.signatures);
	missing = sign_keys_find_missing(&keys, DIR, &s.info);
	CHECK(missing && strcmp(missing->name, "two-1") == 0);
	sign(&s, 1, "two-1", &s.info.signatures);
	CHECK(!sign_keys_find_missing(&keys, DIR, &s.info));
	trust_clear(&keys);
	stage_close(&s);
}

static void only_what_is_good_and_new_is_picked(void)
{
	cleanup_strings struct strings offered = { .items = NULL };
	cleanup_strings struct strings picked = { .items = NULL };
	struct trust keys = { .keys = NULL };
	char why[SIGN_KEYS_WHY_MAX];
	struct stage s;

	stage_open(&s);
	CHECK(sign_keys_choose(&s.cache, NULL, &keys, why) == 0);
	sign(&s, 0, "one-1", &s.info.signatures);
	sign(&s, 0, "one-1", &offered);   /* is there */
	sign(&s, 0, "two-1", &offered);   /* of another key */
	sign(&s, 0, "three-1", &offered); /* nobody's */
	CHECK(strings_add(&offered, "junk", 4) == 0);
	sign(&s, 1, "two-1", &offered);
	CHECK(sign_keys_pick(&keys, DIR, &s.info, &offered, &picked) == 0);
	CHECK(picked.count == 1);
	CHECK(picked.count == 1 &&
	      strcmp(picked.items[0], offered.items[4]) == 0);
	trust_clear(&keys);
	stage_close(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "keys are chosen by name, or all",
		  keys_are_chosen_by_name_or_all },
		{ "a cache without keys is told",
		  a_cache_without_keys_is_told },
		{ "a signature counts when it holds",
		  a_signature_counts_when_it_holds },
		{ "only what is good and new is picked",
		  only_what_is_good_and_new_is_picked },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
