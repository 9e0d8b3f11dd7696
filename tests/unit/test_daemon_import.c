#include "tests/lib/import_stage.h"
#include "tests/lib/nix_daemon.h"
#include "tests/lib/test.h"

#include "client/store/daemon_state.h"
#include "protocol/base/cleanup.h"

#include <errno.h>
#include <string.h>

/* A daemon of a script, and the way to it. */
struct stage {
	struct place place;
	struct daemon *daemon;
	struct daemon_error error;
};

static void stage_open(struct stage *s, const struct script *script)
{
	*s = (struct stage){ .daemon = NULL };
	place_make(&s->place);
	place_serve(&s->place, script);
	CHECK(daemon_open(s->place.uri, &s->daemon, &s->error) == 0);
}

static void stage_close(struct stage *s)
{
	daemon_close(s->daemon);
	place_remove(&s->place);
}

static void which_paths_are_valid_is_told_in_the_order_asked(void)
{
	static const uint64_t versions[] = { 0x117, 0x11a, 0x11b, 0x123 };

	for (size_t v = 0; v < sizeof(versions) / sizeof(versions[0]); v++) {
		cleanup_strings struct strings bases = { .items = NULL };
		struct script script = script_plain();
		bool valid[3 * WORKER_VALID_MAX + 1];
		struct stage s;

		script.version = versions[v];
		script.is_chatty = v % 2 == 0;
		script.count = 2 * WORKER_VALID_MAX;
		for (unsigned i = 0; i < sizeof(valid); i++)
			add_base(&bases, (unsigned)sizeof(valid) - i);
		stage_open(&s, &script);
		CHECK(daemon_query_valid(s.daemon, &bases, valid, &s.error) ==
		      0);
		for (unsigned i = 0; i < sizeof(valid); i++)
			CHECK(valid[i] == (sizeof(valid) - i < script.count));
		bases.count = 0;
		CHECK(daemon_query_valid(s.daemon, &bases, valid, &s.error) ==
		      0);
		bases.count = sizeof(valid);
		stage_close(&s);
	}
}

static void signatures_go_only_to_a_path_that_is_there(void)
{
	cleanup_strings struct strings signatures = { .items = NULL };
	struct script script = script_plain();
	char base[STORE_PATH_BASE_SIZE];
	struct stage s;

	CHECK(strings_add(&signatures, "cache-1:" SIG64, 96) == 0);
	CHECK(strings_add(&signatures, "no signature", 12) == 0);
	script.wants_roots = true;
	stage_open(&s, &script);
	base_name(script.count, base);
	CHECK(daemon_add_signatures(s.daemon, base, &signatures, &s.error) ==
	      -ENOENT);
	CHECK(strstr(s.error.text, base) &&
	      strstr(s.error.text, "not a valid"));
	base_name(7, base);
	CHECK(daemon_add_signatures(s.daemon, base, &signatures, &s.error) ==
	      0);
	CHECK(daemon_add_signatures(s.daemon, "../x", &signatures, &s.error) ==
	      -EINVAL);
	CHECK(daemon_ensure(s.daemon, base, &s.error) == 0);
	CHECK(daemon_ensure(s.daemon, "../x", &s.error) == -EINVAL);
	CHECK(s.daemon->channel->timeout_ms == CHANNEL_TIMEOUT_MS);
	stage_close(&s);
}

static void what_is_refused_says_what_to_do(void)
{
	static const struct {
		const char *text;
		int rc;
		const char *said;
	} cases[] = {
		{ "error: cannot add path '/nix/store/x' because it lacks a "
		  "valid signature",
		  -EKEYREJECTED, "nixcache use" },
		{ "cannot add path '/nix/store/x' because it lacks a "
		  "signature by a trusted key",
		  -EKEYREJECTED, "trusted-public-keys" },
		{ "error: hash mismatch importing path '/nix/store/x'",
		  -EREMOTEIO, "hash mismatch" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script script = script_plain();
		cleanup_buffer struct buffer nar;
		struct path_info info;
		struct stage s;

		script.error = cases[i].text;
		stage_open(&s, &script);
		make_nar(&nar, &info, 200, 64);
		CHECK(import(s.daemon, &info, buffer_bytes(&nar), &s.error) ==
		      cases[i].rc);
		CHECK(strstr(s.error.text, cases[i].said));
		CHECK(import(s.daemon, &info, buffer_bytes(&nar), &s.error) ==
		      -ENOTCONN);
		CHECK(daemon_import_write(s.daemon, buffer_bytes(&nar),
		                          &s.error) == -ENOTCONN);
		CHECK(daemon_import_end(s.daemon, &s.error) == -ENOTCONN);
		stage_close(&s);
	}
}

static void signing_is_for_trusted_users_of_an_old_daemon(void)
{
	struct strings none = { .items = NULL };
	struct script script = script_plain();
	char base[STORE_PATH_BASE_SIZE];
	struct stage s;

	script.error = "error: you are not privileged to add signatures";
	base_name(1, base);
	stage_open(&s, &script);
	CHECK(daemon_add_signatures(s.daemon, base, &none, &s.error) == -EPERM);
	stage_close(&s);
}

static void a_path_goes_in_whatever_the_daemon_says_meanwhile(void)
{
	static const uint64_t versions[] = { 0x117, 0x122, 0x126 };

	for (size_t v = 0; v < sizeof(versions) / sizeof(versions[0]); v++) {
		struct script script = script_plain();
		cleanup_buffer struct buffer nar;
		struct path_info info;
		struct stage s;

		/* More than the sockets hold, in both directions at once. */
		script.version = versions[v];
		script.chatter = 8 * PIECE;
		make_nar(&nar, &info, 200, 8 * PIECE);
		CHECK(strings_add(&info.signatures, "cache-1:" SIG64, 96) == 0);
		add_base(&info.references, 3);
		add_base(&info.references, 200);
		base_name(9, info.deriver);
		stage_open(&s, &script);
		CHECK(import(s.daemon, &info, buffer_bytes(&nar), &s.error) ==
		      0);
		CHECK(s.daemon->channel->queued.capacity < 65536);
		info.nar_size++;
		CHECK(import(s.daemon, &info, buffer_bytes(&nar), &s.error) ==
		      -EREMOTEIO);
		path_info_clear(&info);
		stage_close(&s);
	}
}

static void a_daemon_that_goes_away_is_told(void)
{
	static const size_t points[] = { 1, 4096, 3 * PIECE };

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct script script = script_plain();
		cleanup_buffer struct buffer nar;
		struct path_info info;
		struct stage s;

		script.die_within = points[i];
		make_nar(&nar, &info, 200, 8 * PIECE);
		stage_open(&s, &script);
		CHECK(import(s.daemon, &info, buffer_bytes(&nar), &s.error) ==
		      -ECONNRESET);
		CHECK(strstr(s.error.text, "closed the connection"));
		stage_close(&s);
	}
}

static void a_reason_given_in_the_middle_is_the_one_told(void)
{
	struct script script = script_plain();
	cleanup_buffer struct buffer nar;
	struct path_info info;
	struct stage s;

	script.is_early = true;
	script.error = "path is no path";
	make_nar(&nar, &info, 200, 8 * PIECE);
	stage_open(&s, &script);
	CHECK(import(s.daemon, &info, buffer_bytes(&nar), &s.error) ==
	      -EREMOTEIO);
	CHECK(strstr(s.error.text, "no path"));
	stage_close(&s);
}

static void success_before_the_end_makes_no_sense(void)
{
	struct script script = script_plain();
	cleanup_buffer struct buffer nar;
	struct path_info info;
	struct stage s;

	script.is_early = true;
	make_nar(&nar, &info, 200, 8 * PIECE);
	stage_open(&s, &script);
	CHECK(import(s.daemon, &info, buffer_bytes(&nar), &s.error) ==
	      -EBADMSG);
	stage_close(&s);
}

static void malformed_names_are_not_sent(void)
{
	struct script script = script_plain();
	cleanup_buffer struct buffer nar;
	struct path_info info;
	struct stage s;

	make_nar(&nar, &info, 200, 64);
	stage_open(&s, &script);
	(void)snprintf(info.deriver, sizeof(info.deriver), "x");
	CHECK(daemon_import_begin(s.daemon, &info, &s.error) == -EINVAL);
	info.deriver[0] = '\0';
	CHECK(strings_add(&info.references, "..", 2) == 0);
	CHECK(daemon_import_begin(s.daemon, &info, &s.error) == -EINVAL);
	strings_clear(&info.references);
	CHECK(import(s.daemon, &info, buffer_bytes(&nar), &s.error) == 0);
	stage_close(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "which paths are valid is told in the order asked",
		  which_paths_are_valid_is_told_in_the_order_asked },
		{ "signatures go only to a path that is there",
		  signatures_go_only_to_a_path_that_is_there },
		{ "what is refused says what to do",
		  what_is_refused_says_what_to_do },
		{ "signing is for trusted users of an old daemon",
		  signing_is_for_trusted_users_of_an_old_daemon },
		{ "a path goes in whatever the daemon says meanwhile",
		  a_path_goes_in_whatever_the_daemon_says_meanwhile },
		{ "a daemon that goes away is told",
		  a_daemon_that_goes_away_is_told },
		{ "a reason given in the middle is the one told",
		  a_reason_given_in_the_middle_is_the_one_told },
		{ "success before the end makes no sense",
		  success_before_the_end_makes_no_sense },
		{ "malformed names are not sent",
		  malformed_names_are_not_sent },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
