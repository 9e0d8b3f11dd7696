#include "agent/door/custody.h"
#include "protocol/base/fd.h"
#include "tests/lib/test.h"

static const struct config limited = { .lifetime = 7200, .idle = 900 };
static const struct config unlimited = { .lifetime = 0 };

/* end_ms lies so many seconds after some moment between the two. */
static bool is_between(long long end_ms, uint32_t seconds, long long before_ms,
                       long long after_ms)
{
	return end_ms >= before_ms + 1000LL * seconds &&
	       end_ms <= after_ms + 1000LL * seconds;
}

static void unlocked_secrets_have_both_their_ends(void)
{
	struct custody custody = { .state = AGENT_UNLOCKING };
	long long before_ms = clock_boot_ms();

	custody_unlocked(&custody, &limited);
	CHECK(custody.state == AGENT_UNLOCKED);
	CHECK(is_between(custody.lifetime_end_ms, 7200, before_ms,
	                 clock_boot_ms()));
	CHECK(is_between(custody.idle_end_ms, 900, before_ms, clock_boot_ms()));
}

static void without_limits_they_have_none(void)
{
	struct custody custody = { .lifetime_end_ms = 1, .idle_end_ms = 1 };

	custody_unlocked(&custody, &unlimited);
	CHECK(custody.state == AGENT_UNLOCKED);
	CHECK(custody.lifetime_end_ms == 0 && custody.idle_end_ms == 0);
	CHECK(!custody_is_idle(&custody, INT64_MAX));
}

/* One year in seconds does not fit into 32 bits of milliseconds. */
static void a_long_lifetime_does_not_overflow(void)
{
	const struct config long_lived = { .lifetime = UINT32_MAX,
		                           .idle = UINT32_MAX };
	struct custody custody = { .state = AGENT_LOCKED };
	long long before_ms = clock_boot_ms();

	custody_unlocked(&custody, &long_lived);
	CHECK(is_between(custody.lifetime_end_ms, UINT32_MAX, before_ms,
	                 clock_boot_ms()));
}

static void locking_forgets_the_ends_and_keeps_the_counts(void)
{
	struct custody custody = { .state = AGENT_LOCKED,
		                   .source_runs = 3,
		                   .signature_count = 4,
		                   .url_count = 5 };

	custody_unlocked(&custody, &limited);
	custody_locked(&custody);
	CHECK(custody.state == AGENT_LOCKED);
	CHECK(custody.lifetime_end_ms == 0 && custody.idle_end_ms == 0);
	CHECK(custody.source_runs == 3 && custody.signature_count == 4 &&
	      custody.url_count == 5);
}

static void use_begins_the_idle_time_anew_and_not_the_lifetime(void)
{
	struct custody custody = { .state = AGENT_UNLOCKED,
		                   .lifetime_end_ms = 77,
		                   .idle_end_ms = 1 };
	long long before_ms = clock_boot_ms();

	custody_used(&custody, &limited);
	CHECK(is_between(custody.idle_end_ms, 900, before_ms, clock_boot_ms()));
	CHECK(custody.lifetime_end_ms == 77);
}

static void use_while_locked_begins_nothing(void)
{
	static const enum agent_state states[] = { AGENT_LOCKED,
		                                   AGENT_UNLOCKING };

	for (size_t i = 0; i < 2; i++) {
		struct custody custody = { .state = states[i] };

		custody_used(&custody, &limited);
		CHECK(custody.idle_end_ms == 0);
	}
}

static void idle_begins_at_the_end_and_not_before(void)
{
	const struct custody custody = { .state = AGENT_UNLOCKED,
		                         .idle_end_ms = 1000 };

	CHECK(!custody_is_idle(&custody, 999));
	CHECK(custody_is_idle(&custody, 1000));
	CHECK(custody_is_idle(&custody, 1001));
}

static void what_is_left_is_rounded_up_and_never_negative(void)
{
	static const struct {
		long long end_ms;
		int64_t left;
	} cases[] = {
		{ 0, -1 },    { 1, 0 },     { 10000, 0 },  { 10001, 1 },
		{ 11000, 1 }, { 11001, 2 }, { 70000, 60 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK(custody_left(cases[i].end_ms, 10000) == cases[i].left);
}

static const struct test tests[] = {
	{ "unlocked secrets have both their ends",
	  unlocked_secrets_have_both_their_ends },
	{ "without limits they have none", without_limits_they_have_none },
	{ "a long lifetime does not overflow",
	  a_long_lifetime_does_not_overflow },
	{ "locking forgets the ends and keeps the counts",
	  locking_forgets_the_ends_and_keeps_the_counts },
	{ "use begins the idle time anew, and not the lifetime",
	  use_begins_the_idle_time_anew_and_not_the_lifetime },
	{ "use while locked begins nothing", use_while_locked_begins_nothing },
	{ "idle begins at the end and not before",
	  idle_begins_at_the_end_and_not_before },
	{ "what is left is rounded up and never negative",
	  what_is_left_is_rounded_up_and_never_negative },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
