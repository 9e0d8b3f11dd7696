#include "tests/lib/test.h"

#include "protocol/base/bytes.h"
#include "protocol/nix/content_address.h"

#include <stdlib.h>
#include <string.h>

/* Nix 2.8: nix-store --add, --add-fixed, builtins.toFile and nix store
 * make-content-addressed, as nix path-info --json shows them. */
#define PLAIN    "1r8s2k4wzhdr1gx2j60wdz02k69jkx15-plain"
#define OTHER    "vizbq05b4k4zyiib8bj2772gdw9qg7xs-other"
#define FLAT_NAR "sha256-HDfQGvQL4ugGkd48w99EN3ppmvuxfGjwgJZLL9Bx/BM="
#define DIR_NAR  "sha256-ZicLWo0G15TvO4hP23Do1y+vn5iHklZ7RMmoaQ5dCG4="
#define TEXT     "text:sha256:1lf969yddshzhld7sr1vbagr07bnygg99lgl6gk5kxcnp4z9wbcq"
#define REFS     "text:sha256:05krpm7vfvbf7czmi86qlrvzb8vcvrzsmxwr3k1mb2na0j3xkkbc"
#define SOURCE \
	"fixed:r:sha256:0vh8bl76ka698ixmd4l7k2gsybypx1qdnkw87gpr9mq6imd0n9v6"
#define SOURCE_BASE "l3y7vq52ilaa7wl1mdlz149zixl4gkb9-d"
#define FLAT        "fixed:sha256:00xyyr3fi8l6hb839bv3f7yb86yjv7xi1cgh1xnhipym4asvb4aq"
#define FLAT_BASE   "6knq949b53ya3z1rs5ips7h7xkb8mw3a-flat.txt"
#define SHA512                                                         \
	"fixed:sha512:0lrc0dwnvipqviibf7qfm1y492qvjwb1zhkcyi05cndmva1" \
	"mr5gjcgrnz1x36djmk0sfg8djd2n0qv68vib2jg590mwznar9jcjphp7"

struct row {
	const char *base;
	const char *address;
	const char *nar_hash;
	const char *references[3];
};

static const struct row held[] = {
	{ PLAIN,
	  TEXT,
	  "sha256-5wn2xiN7EfkiP7m1tx8ZlfoL6ig/uMMmSt6M9orR4/w=",
	  { NULL } },
	{ "prlwsmys54yr64wvczsllr14smllnw0a-refs",
	  REFS,
	  "sha256-0+wn6vMyfNEolUV0uLzB2MXrPGLXZa/NKgpV7f7rtDo=",
	  { PLAIN, OTHER } },
	{ SOURCE_BASE, SOURCE, DIR_NAR, { NULL } },
	{ FLAT_BASE, FLAT, FLAT_NAR, { NULL } },
	{ "235pik3mczskxaa1ry0xqlz58662zgmw-d",
	  "fixed:r:sha1:d7ddxmqq32zrlny8qi392p56sazdl9dy",
	  DIR_NAR,
	  { NULL } },
	{ "mv2sl7k3xbl2ria2xqrfwqmxkaz64dni-d",
	  "fixed:r:md5:7cl91id8m4viy76gx07l1hcq8c",
	  DIR_NAR,
	  { NULL } },
	{ "h90k5i2y1qjpn7nxqfvlrriynza3xhzj-flat.txt",
	  "fixed:sha1:iwjz551fyw0cxcjgf4l6c879zabd6wpm",
	  FLAT_NAR,
	  { NULL } },
	{ "c0x26f3yjbk3h7qgpy130fpcqpnc39rd-flat.txt",
	  "fixed:md5:4425hx5d1mc9y39llj4k4nm55i",
	  FLAT_NAR,
	  { NULL } },
	{ "xvgik6q1hg82gs21i9xjgfdi0zaqwvjp-flat.txt",
	  SHA512,
	  FLAT_NAR,
	  { NULL } },
	/* it refers to itself */
	{ "nwznaa56is9fxd4s5x00z2dd4ba60vnq-selfish-1.0",
	  "fixed:r:sha256:"
	  "10sr1b41s1qya13ayckppyvvi0ah8xk02nbs73dalcbmly20ppjq",
	  "sha256-04/Utzzm7GD4B3mO8HdH9IeQdqzS8e7eOVvWbkkeKe0=",
	  { "bqym9k09vgik04bzp6f0x8pz29x16vmj-plain",
	    "nwznaa56is9fxd4s5x00z2dd4ba60vnq-selfish-1.0" } },
	/* the other ways to write the digits */
	{ SOURCE_BASE,
	  "fixed:r:sha256:"
	  "66270b5a8d06d794ef3b884fdb70e8d72faf9f988792567b44c9a8690e5d086e",
	  DIR_NAR,
	  { NULL } },
	{ SOURCE_BASE,
	  "fixed:r:sha256:ZicLWo0G15TvO4hP23Do1y+vn5iHklZ7RMmoaQ5dCG4=",
	  DIR_NAR,
	  { NULL } },
};

static const struct row refused[] = {
	{ PLAIN, NULL, DIR_NAR, { NULL } },
	{ PLAIN, "", DIR_NAR, { NULL } },
	{ PLAIN, "text:", DIR_NAR, { NULL } },
	{ PLAIN, "fixed:", DIR_NAR, { NULL } },
	/* another name, another kind, another hash, another's references */
	{ "1r8s2k4wzhdr1gx2j60wdz02k69jkx15-plaim", TEXT, DIR_NAR, { NULL } },
	{ "1r8s2k4wzhdr1gx2j60wdz02k69jkx16-plain", TEXT, DIR_NAR, { NULL } },
	{ PLAIN, REFS, DIR_NAR, { NULL } },
	{ PLAIN, TEXT, DIR_NAR, { OTHER } },
	{ PLAIN, TEXT "0", DIR_NAR, { NULL } },
	{ "prlwsmys54yr64wvczsllr14smllnw0a-refs", REFS, DIR_NAR, { PLAIN } },
	{ FLAT_BASE, FLAT, FLAT_NAR, { PLAIN } },
	{ FLAT_BASE,
	  "fixed:r:sha256:"
	  "00xyyr3fi8l6hb839bv3f7yb86yjv7xi1cgh1xnhipym4asvb4aq",
	  FLAT_NAR,
	  { NULL } },
	/* a NAR that is not what the address says */
	{ SOURCE_BASE, SOURCE, FLAT_NAR, { NULL } },
	/* forms that are none */
	{ FLAT_BASE,
	  "fixed:sha257:"
	  "00xyyr3fi8l6hb839bv3f7yb86yjv7xi1cgh1xnhipym4asvb4aq",
	  FLAT_NAR,
	  { NULL } },
	{ PLAIN,
	  "text:r:sha256:1lf969yddshzhld7sr1vbagr07bnygg99lgl6gk5kxcnp4z9wbcq",
	  DIR_NAR,
	  { NULL } },
	{ PLAIN,
	  "text:sha1:d7ddxmqq32zrlny8qi392p56sazdl9dy",
	  DIR_NAR,
	  { NULL } },
	{ SOURCE_BASE,
	  "fixed:r:sha256-ZicLWo0G15TvO4hP23Do1y+vn5iHklZ7RMmoa"
	  "Q5dCG4=",
	  DIR_NAR,
	  { NULL } },
	{ FLAT_BASE, "fixed:sha256:", FLAT_NAR, { NULL } },
	{ FLAT_BASE, "fixed:sha256", FLAT_NAR, { NULL } },
};

static bool holds(const struct row *row, const char *store_dir)
{
	struct path_info info = { .base = "" };
	bool result;

	(void)snprintf(info.base, sizeof(info.base), "%s", row->base);
	if (nix_hash_parse(row->nar_hash, strlen(row->nar_hash),
	                   &info.nar_hash) < 0)
		abort();
	if (row->address)
		info.content_address = strdup(row->address);
	for (size_t i = 0; row->references[i]; i++) {
		if (strings_add(&info.references, row->references[i],
		                strlen(row->references[i])) < 0)
			abort();
	}
	result = content_address_holds(&info, store_dir);
	path_info_clear(&info);
	return result;
}

static void what_nix_addresses_by_content_holds(void)
{
	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
		if (!holds(&held[i], "/nix/store"))
			FAIL(held[i].address);
	}
}

static void in_another_store_it_does_not(void)
{
	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
		if (holds(&held[i], "/gnu/store"))
			FAIL(held[i].address);
	}
}

static void anything_else_does_not(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (holds(&refused[i], "/nix/store")) {
			FAIL(refused[i].address ? refused[i].address
			                        : refused[i].base);
		}
	}
}

static void every_changed_digit_is_noticed(void)
{
	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
		char *address = strdup(held[i].address);
		size_t at = strlen(held[i].address) - 3;
		struct row row = held[i];

		if (!address)
			abort();
		address[at] = address[at] == '0' ? '1' : '0';
		row.address = address;
		if (holds(&row, "/nix/store"))
			FAIL(address);
		address[at + 3 - 1] = '\0';
		if (holds(&row, "/nix/store"))
			FAIL(address);
		free(address);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "what Nix addresses by content holds",
		  what_nix_addresses_by_content_holds },
		{ "in another store it does not",
		  in_another_store_it_does_not },
		{ "anything else does not", anything_else_does_not },
		{ "every changed digit is noticed",
		  every_changed_digit_is_noticed },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
