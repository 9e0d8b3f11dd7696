#include "tests/lib/test.h"
#include "tests/unit/nix_samples.h"

#include "client/catalog/trust.h"
#include "protocol/nix/narinfo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STORE "/nix/store"

static void add(struct trust *trust, const char *key)
{
	struct strings keys = { .items = NULL };
	size_t skipped;

	if (strings_add(&keys, key, strlen(key)) < 0 ||
	    trust_add(trust, &keys, &skipped) < 0)
		abort();
	strings_clear(&keys);
}

/* key2 may be NULL; change, too, alters what was read. */
static enum trust_verdict judge(const char *text, const char *key1,
                                const char *key2,
                                void (*change)(struct path_info *path))
{
	struct trust trust = { .keys = NULL };
	enum trust_verdict verdict;
	struct narinfo info;
	size_t line;

	if (narinfo_parse(bytes_of_text(text), STORE, &info, &line) < 0)
		abort();
	add(&trust, key1);
	if (key2)
		add(&trust, key2);
	if (change)
		change(&info.path);
	verdict = trust_judge(&trust, STORE, &info.path);
	narinfo_clear(&info);
	trust_clear(&trust);
	return verdict;
}

/* The name of one key with the bytes of another. */
#define KEY_FALSE KEY_NAME ":cbZW9xy/a7sby44J6jcN/HAAeOvXCuAsE5AH1pQc+Bg="
#define KEY_THIRD "third:cbZW9xy/a7sby44J6jcN/HAAeOvXCuAsE5AH1pQc+Bg="

static void a_signature_of_a_key_is_believed(void)
{
	CHECK(judge(FULL, KEY_1, NULL, NULL) == TRUST_SIGNED);
	CHECK(judge(FULL, KEY_2, NULL, NULL) == TRUST_SIGNED);
	CHECK(judge(FULL, KEY_THIRD, KEY_2, NULL) == TRUST_SIGNED);
	CHECK(judge(HEAD REFERENCES SIG_2, KEY_2, NULL, NULL) == TRUST_SIGNED);
}

static void another_key_is_not(void)
{
	CHECK(judge(FULL, KEY_THIRD, NULL, NULL) == TRUST_UNSIGNED);
	CHECK(judge(HEAD REFERENCES SIG_2, KEY_1, NULL, NULL) ==
	      TRUST_UNSIGNED);
	CHECK(judge(HEAD REFERENCES, KEY_1, KEY_2, NULL) == TRUST_UNSIGNED);
}

static void a_false_signature_under_a_key_s_name_is_told(void)
{
	CHECK(judge(FULL, KEY_FALSE, NULL, NULL) == TRUST_FORGED);
	CHECK(judge(FULL, KEY_FALSE, KEY_THIRD, NULL) == TRUST_FORGED);
}

static void one_good_signature_is_enough(void)
{
	CHECK(judge(FULL, KEY_FALSE, KEY_2, NULL) == TRUST_SIGNED);
	CHECK(judge(FULL, KEY_FALSE, KEY_1, NULL) == TRUST_SIGNED);
}

static void change_size(struct path_info *path)
{
	path->nar_size++;
}

static void change_hash(struct path_info *path)
{
	path->nar_hash.sha256[31] ^= 1;
}

static void change_base(struct path_info *path)
{
	path->base[strlen(path->base) - 1]++;
}

static void drop_reference(struct path_info *path)
{
	free(path->references.items[--path->references.count]);
}

static void add_reference(struct path_info *path)
{
	const char *more = "zgqgbdxrpak9m17hsprnz98hbzmql7di-x";

	if (strings_add(&path->references, more, strlen(more)) < 0)
		abort();
}

static void what_a_signature_covers_cannot_be_changed(void)
{
	CHECK(judge(FULL, KEY_1, NULL, change_size) == TRUST_FORGED);
	CHECK(judge(FULL, KEY_1, NULL, change_hash) == TRUST_FORGED);
	CHECK(judge(FULL, KEY_1, NULL, change_base) == TRUST_FORGED);
	CHECK(judge(FULL, KEY_1, NULL, drop_reference) == TRUST_FORGED);
	CHECK(judge(FULL, KEY_1, NULL, add_reference) == TRUST_FORGED);
}

static void change_deriver(struct path_info *path)
{
	path->deriver[0] = '\0';
}

static void what_it_does_not_cover_can(void)
{
	CHECK(judge(FULL, KEY_1, NULL, change_deriver) == TRUST_SIGNED);
}

static void what_follows_from_its_content_needs_none(void)
{
	CHECK(judge(HELLO, KEY_1, NULL, NULL) == TRUST_CONTENT);
	CHECK(judge(HELLO SIG_1, KEY_1, NULL, NULL) == TRUST_CONTENT);
	CHECK(judge(HELLO, KEY_1, NULL, change_hash) == TRUST_UNSIGNED);
	CHECK(judge(HELLO, KEY_1, NULL, change_base) == TRUST_UNSIGNED);
	CHECK(judge(HELLO SIG_1, KEY_1, NULL, change_base) == TRUST_FORGED);
}

static void without_keys_nothing_is_signed(void)
{
	struct trust trust = { .keys = NULL };
	struct narinfo info;
	size_t line;

	CHECK(narinfo_parse(bytes_of_text(FULL), STORE, &info, &line) == 0);
	CHECK(trust_judge(&trust, STORE, &info.path) == TRUST_UNSIGNED);
	CHECK(trust_judge(&trust, "/gnu/store", &info.path) == TRUST_UNSIGNED);
	narinfo_clear(&info);
}

static void malformed_keys_are_passed_over(void)
{
	static const char *const texts[] = {
		"", "x", "a:b", KEY_1, ":", KEY_NAME ":" KEY64 "A"
	};
	struct strings keys = { .items = NULL };
	struct trust trust = { .keys = NULL };
	size_t skipped = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CHECK(strings_add(&keys, texts[i], strlen(texts[i])) == 0);
	CHECK(trust_add(&trust, &keys, &skipped) == 0);
	CHECK(skipped == 5 && trust.count == 1);
	CHECK(trust_add(&trust, &keys, &skipped) == 0 && trust.count == 2);
	strings_clear(&keys);
	trust_clear(&trust);
	CHECK(trust.count == 0);
}

static void there_are_at_most_so_many_keys(void)
{
	struct strings keys = { .items = NULL };
	struct trust trust = { .keys = NULL };
	size_t skipped = 7;

	for (size_t i = 0; i < TRUST_KEYS_MAX; i++)
		CHECK(strings_add(&keys, KEY_1, strlen(KEY_1)) == 0);
	CHECK(trust_add(&trust, &keys, &skipped) == 0 && skipped == 0);
	CHECK(trust.count == TRUST_KEYS_MAX);
	skipped = 7;
	CHECK(trust_add(&trust, &keys, &skipped) == -E2BIG && skipped == 7);
	trust_clear(&trust);
	CHECK(strings_add(&keys, KEY_1, strlen(KEY_1)) == 0);
	CHECK(trust_add(&trust, &keys, &skipped) == -E2BIG);
	strings_clear(&keys);
	trust_clear(&trust);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a signature of a key is believed",
		  a_signature_of_a_key_is_believed },
		{ "another key is not", another_key_is_not },
		{ "a false signature under a key's name is told",
		  a_false_signature_under_a_key_s_name_is_told },
		{ "one good signature is enough",
		  one_good_signature_is_enough },
		{ "what a signature covers cannot be changed",
		  what_a_signature_covers_cannot_be_changed },
		{ "what it does not cover can", what_it_does_not_cover_can },
		{ "what follows from its content needs none",
		  what_follows_from_its_content_needs_none },
		{ "without keys nothing is signed",
		  without_keys_nothing_is_signed },
		{ "malformed keys are passed over",
		  malformed_keys_are_passed_over },
		{ "there are at most so many keys",
		  there_are_at_most_so_many_keys },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
