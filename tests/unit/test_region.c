#include "tests/lib/test.h"

#include "client/pack/region.h"
#include "client/pack/slab.h"

#include <string.h>

#define MIB ((size_t)1024 * 1024)

/* A region with len bytes of this letter. */
static void make(struct budget *budget, struct region *r, size_t size,
                 size_t len, char letter)
{
	CHECK(budget_take(budget, region_charge(size)) == 0);
	CHECK(region_init(r, budget, size) == 0);
	memset(r->data, letter, len);
	r->len = len;
}

static void check_letters(const struct region *r, size_t from, size_t len,
                          char letter)
{
	for (size_t i = from; i < from + len; i++)
		CHECK(r->data[i] == (uint8_t)letter);
}

static void a_slab_that_comes_back_is_given_out_again(void)
{
	struct budget *budget = budget_new(64 * MIB);
	struct region a, b;
	const uint8_t *first;

	make(budget, &a, PACK_BLOCK_SIZE, 1, 'a');
	CHECK(a.is_slab && a.size == SLAB_SIZE && a.charge == SLAB_SIZE);
	CHECK((uintptr_t)a.data % (2 * MIB) == 0);
	first = a.data;
	region_clear(&a);
	CHECK(budget_used(budget) == 0);
	make(budget, &b, SLAB_SIZE, SLAB_SIZE, 'b');
	CHECK(b.is_slab && b.data == first);
	region_clear(&b);
	budget_release(budget);
}

/* What is kept leaves when its place is lent. */
static void slabs_are_not_kept_beyond_the_budget(void)
{
	struct budget *budget = budget_new(3 * SLAB_SIZE);
	struct region slabs[3], other;

	for (size_t i = 0; i < 3; i++)
		make(budget, &slabs[i], SLAB_SIZE, 1, 's');
	for (size_t i = 0; i < 3; i++)
		region_clear(&slabs[i]);
	CHECK(budget_kept(budget) == 3 * SLAB_SIZE);
	make(budget, &other, MIB, MIB, 'o');
	CHECK(budget_kept(budget) == 2 * SLAB_SIZE);
	make(budget, &slabs[0], SLAB_SIZE, 1, 's');
	CHECK(budget_kept(budget) == SLAB_SIZE);
	region_clear(&other);
	region_clear(&slabs[0]);
	CHECK(budget_kept(budget) == 2 * SLAB_SIZE);
	budget_release(budget);
}

static void bytes_are_appended_in_place_while_they_fit(void)
{
	struct budget *budget = budget_new(64 * MIB);
	struct region a, b, c, d = { .data = NULL };
	const uint8_t *first;

	make(budget, &a, SLAB_SIZE, 7 * MIB, 'a');
	make(budget, &b, SLAB_SIZE, 6 * MIB, 'b');
	make(budget, &c, SLAB_SIZE, 8 * MIB, 'c');
	first = a.data;
	CHECK(region_append(&a, &b) == 0);
	CHECK(a.data == first && a.is_slab && a.charge == SLAB_SIZE);
	CHECK(budget_used(budget) == 2 * SLAB_SIZE);
	CHECK(region_append(&a, &c) == 0);
	CHECK(!a.is_slab && a.len == 21 * MIB);
	CHECK(budget_used(budget) == 21 * MIB);
	check_letters(&a, 0, 7 * MIB, 'a');
	check_letters(&a, 7 * MIB, 6 * MIB, 'b');
	check_letters(&a, 13 * MIB, 8 * MIB, 'c');
	CHECK(region_append(&d, &a) == 0 && !a.data && d.len == 21 * MIB);
	region_clear(&d);
	CHECK(budget_used(budget) == 0);
	budget_release(budget);
}

static void a_slab_that_is_hardly_used_is_cut(void)
{
	struct budget *budget = budget_new(64 * MIB);
	static const size_t kept[] = { 1000, MIB };
	struct region r;

	make(budget, &r, SLAB_SIZE, SLAB_SIZE / 2 + 1, 'h');
	CHECK(region_fit(&r) == 0 && r.is_slab && r.charge == SLAB_SIZE);
	region_clear(&r);
	for (size_t i = 0; i < 2; i++) {
		make(budget, &r, SLAB_SIZE, kept[i], 'h');
		CHECK(region_fit(&r) == 0 && !r.is_slab);
		CHECK(r.charge == region_charge(kept[i]));
		CHECK(budget_used(budget) == r.charge);
		check_letters(&r, 0, kept[i], 'h');
		region_clear(&r);
	}
	CHECK(budget_used(budget) == 0);
	budget_release(budget);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a slab that comes back is given out again",
		  a_slab_that_comes_back_is_given_out_again },
		{ "slabs are not kept beyond the budget",
		  slabs_are_not_kept_beyond_the_budget },
		{ "bytes are appended in place while they fit",
		  bytes_are_appended_in_place_while_they_fit },
		{ "a slab that is hardly used is cut",
		  a_slab_that_is_hardly_used_is_cut },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
