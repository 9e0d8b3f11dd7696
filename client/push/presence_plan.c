/* Theory of operation
 *
 * The hash parts of store paths are spread evenly, so a few pages of a cache's
 * list tell how many narinfos it has, and any part of the list can be asked
 * for by itself: by what its names begin with, and by what they come after.
 *
 * First one page is asked for each digit that a name can begin with, all at
 * once.  NARs lie among the narinfos of the letter n ("nar/" is before "nar0"),
 * so that one is asked in two pages; and the last two letters are one, after
 * which nothing comes.  A page that comes to the end of its range settles it.
 * Where it does not, what it brought says how many names are left: they are
 * listed if that is cheaper than to look up what is still wanted of them, again
 * all at once, and again with what is left of that, some rounds long.
 *
 * A list request costs as much as ten to twelve lookups: Backblaze asks $0.004
 * for 1,000 of its class C and for 10,000 of its class B, AWS (S3 Standard)
 * $0.005 and $0.0004 for 1,000.  A name in a list is some 270 bytes of XML; how
 * many are asked for in the first round goes by how many are wanted, so that
 * what a far larger cache sends in vain stays in proportion to the lookups that
 * follow.
 */
#include "client/push/presence_plan.h"

#include "protocol/nix/nix32.h"

#include <assert.h>
#include <string.h>

#define DIGIT_BITS   5
#define DIGIT_COUNT  32U
#define LIST_COST    12U   /* lookups that one list request is worth */
#define PAGE_MAX     1000U /* of S3 */
#define PAGE_AIM     800U  /* what is expected in a page of PAGE_MAX */
#define PAGE_SPARE   32U
#define ROUNDS_MAX   3U
#define DIGIT_WIDTH  (1ULL << (DIGIT_BITS * (PRESENCE_DIGITS - 1)))
#define WANTED_LEAST ((size_t)LIST_COST * PRESENCE_FIRST_MAX)

/* How many digits sort before c. */
static uint64_t digits_before(char c)
{
	unsigned count = 0;

	while (count < DIGIT_COUNT &&
	       (unsigned char)nix32_digit(count) < (unsigned char)c)
		count++;
	return count;
}

uint64_t presence_position(const char *key)
{
	uint64_t position = 0;
	unsigned left = PRESENCE_DIGITS * DIGIT_BITS;

	while (left > 0) {
		int value = nix32_value(*key);

		left -= DIGIT_BITS;
		/* The carry of what sorts after all digits is right too. */
		if (value < 0)
			return position + (digits_before(*key) << left);
		position += (uint64_t)value << left;
		key++;
	}
	return position;
}

/* As many names as a cache has there that has sixteen times what is wanted. */
static unsigned first_page_size(size_t wanted,
                                const struct presence_range *range)
{
	double digits = (double)(range->to - range->from) / (double)DIGIT_WIDTH;
	double size = (double)wanted / 2 * digits + PAGE_SPARE;

	return size < PAGE_MAX ? (unsigned)size : PAGE_MAX;
}

size_t presence_plan_first(size_t wanted,
                           struct presence_range ret_ranges[PRESENCE_FIRST_MAX])
{
	uint64_t after_nars = presence_position("nar/");
	uint64_t at = 0;
	size_t count = 0;

	if (wanted < WANTED_LEAST)
		return 0;
	while (at < PRESENCE_END) {
		struct presence_range *range = &ret_ranges[count++];

		assert(count <= PRESENCE_FIRST_MAX);
		*range = (struct presence_range){ .from = at, .round = 1 };
		at -= at % DIGIT_WIDTH;
		at += DIGIT_WIDTH;
		if (range->from < after_nars && after_nars < at)
			at = after_nars;
		if (at == PRESENCE_END - DIGIT_WIDTH)
			at = PRESENCE_END;
		range->to = at;
		range->page_size = first_page_size(wanted, range);
	}
	return count;
}

static double names_left(const struct presence_range *range,
                         const struct presence_page *page)
{
	return (double)page->names * (double)(range->to - page->reached) /
	       (double)(page->reached - range->from);
}

size_t presence_plan_rest(const struct presence_range *range,
                          const struct presence_page *page)
{
	size_t most = page->wanted / LIST_COST;
	uint64_t width = range->to - page->reached;
	double full;

	if (range->round == ROUNDS_MAX || page->reached <= range->from)
		return 0;
	full = names_left(range, page) / PAGE_AIM;
	if (full >= (double)most || full >= (double)width)
		return 0;
	return (size_t)full + 1;
}

struct presence_range presence_plan_part(const struct presence_range *range,
                                         const struct presence_page *page,
                                         size_t count, size_t index)
{
	uint64_t width = (range->to - page->reached) / count;
	double size =
		names_left(range, page) / (double)count * PAGE_MAX / PAGE_AIM +
		PAGE_SPARE;
	struct presence_range part = {
		.from = page->reached + width * index,
		.to = page->reached + width * (index + 1),
		.page_size = size < PAGE_MAX ? (unsigned)size : PAGE_MAX,
		.round = range->round + 1,
	};

	if (index + 1 == count)
		part.to = range->to;
	return part;
}

static void format(uint64_t position, char out[PRESENCE_TEXT_SIZE])
{
	for (unsigned i = PRESENCE_DIGITS; i-- > 0;) {
		out[i] = nix32_digit((unsigned)(position % DIGIT_COUNT));
		position /= DIGIT_COUNT;
	}
	out[PRESENCE_DIGITS] = '\0';
}

void presence_range_format(const struct presence_range *range,
                           char ret_prefix[PRESENCE_TEXT_SIZE],
                           char ret_after[PRESENCE_TEXT_SIZE])
{
	char last[PRESENCE_TEXT_SIZE];
	size_t same = 0;

	format(range->from, ret_after);
	format(range->to - 1, last);
	while (same < PRESENCE_DIGITS && ret_after[same] == last[same])
		same++;
	memcpy(ret_prefix, last, same);
	ret_prefix[same] = '\0';
	if (strspn(ret_after + same, "0") == PRESENCE_DIGITS - same)
		ret_after[0] = '\0';
}
