#include "tests/lib/import_stage.h"
#include "tests/lib/nix_daemon.h"
#include "tests/lib/test.h"

#include "client/store/daemon_state.h"
#include "protocol/base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

struct stage {
	struct place place;
	struct daemon *daemon;
	struct daemon_error error;
};

static void stage_close(struct stage *s)
{
	daemon_close(s->daemon);
	place_remove(&s->place);
}

/* A chroot store with Nix's own daemon in front of it; false if there is no
 * Nix that works here. */
static bool real_open(struct stage *s)
{
	char store[] = "nix-store", option[] = "--store", init[] = "--init";
	char line[PATH_MAX];

	*s = (struct stage){ .daemon = NULL };
	place_make(&s->place);
	CHECK(setenv("NIX_CONFIG",
	             "substituters =\nsandbox = false\nbuild-users-group =\n",
	             1) == 0);
	if (run_line((char *[]){ store, option, s->place.dir, init, NULL },
	             line, sizeof(line)) < 0) {
		(void)printf("# skipped: no nix-store that works here\n");
		place_remove(&s->place);
		return false;
	}
	CHECK(daemon_open(s->place.dir, &s->daemon, &s->error) == 0);
	return s->daemon != NULL;
}

/* After an error nothing more is asked through the same connection. */
static void real_reopen(struct stage *s)
{
	daemon_close(s->daemon);
	s->daemon = NULL;
	CHECK(daemon_open(s->place.dir, &s->daemon, &s->error) == 0);
}

static bool real_is_valid(struct stage *s, const char *base)
{
	char *item = strdup(base);
	const struct strings one = { .items = &item, .count = 1 };
	bool valid = false;

	CHECK(daemon_query_valid(s->daemon, &one, &valid, &s->error) == 0);
	free(item);
	return valid;
}

static bool real_verifies(const struct stage *s, const char *base)
{
	char store[] = "nix-store", option[] = "--store";
	char verify[] = "--verify-path", dir[64], path[STORE_PATH_SIZE];
	char line[PATH_MAX];

	(void)snprintf(dir, sizeof(dir), "%s", s->place.dir);
	(void)snprintf(path, sizeof(path), DIR "/%s", base);
	return run_line((char *[]){ store, option, dir, verify, path, NULL },
	                line, sizeof(line)) == 0;
}

static void nix_takes_a_path_with_its_references(void)
{
	cleanup_strings struct strings signatures = { .items = NULL };
	cleanup_buffer struct buffer nar, nar_of_2;
	struct path_info info, info_of_2, found;
	char *item = info_of_2.base;
	const struct strings one = { .items = &item, .count = 1 };
	struct stage s;

	make_nar(&nar, &info, 1, 64);
	make_nar(&nar_of_2, &info_of_2, 2, 4096);
	add_base(&info_of_2.references, 1);
	add_base(&info_of_2.references, 2);
	base_name(3, info_of_2.deriver);
	CHECK(strings_add(&info_of_2.signatures, "cache-1:" SIG64, 96) == 0);
	CHECK(strings_add(&signatures, "cache-2:" SIG64, 96) == 0);
	if (real_open(&s)) {
		CHECK(import(s.daemon, &info, buffer_bytes(&nar), &s.error) ==
		      0);
		CHECK(import(s.daemon, &info_of_2, buffer_bytes(&nar_of_2),
		             &s.error) == 0);
		/* What is there already is taken as done. */
		CHECK(import(s.daemon, &info, buffer_bytes(&nar), &s.error) ==
		      0);
		CHECK(daemon_add_signatures(s.daemon, info_of_2.base,
		                            &signatures, &s.error) == 0);
		CHECK(daemon_query_infos(s.daemon, &one, &found, &s.error) ==
		      0);
		CHECK(found.references.count == 2 &&
		      found.signatures.count == 2 && !found.is_ultimate);
		CHECK(nix_hash_equal(&found.nar_hash, &info_of_2.nar_hash));
		CHECK(strcmp(found.deriver, info_of_2.deriver) == 0);
		path_info_clear(&found);
		CHECK(daemon_ensure(s.daemon, info.base, &s.error) == 0);
		CHECK(real_verifies(&s, info.base));
		CHECK(real_verifies(&s, info_of_2.base));
		stage_close(&s);
	}
	path_info_clear(&info_of_2);
}

/* Nothing of what is not as announced is ever registered. */
static void nix_refuses(const char *what, const struct path_info *info,
                        struct bytes nar, const char *reason)
{
	struct stage s;

	if (!real_open(&s))
		return;
	if (import(s.daemon, info, nar, &s.error) != -EREMOTEIO ||
	    !strstr(s.error.text, reason))
		test_fail(__FILE__, __LINE__, what);
	real_reopen(&s);
	if (real_is_valid(&s, info->base))
		test_fail(__FILE__, __LINE__, what);
	stage_close(&s);
}

static void nix_refuses_what_is_not_as_announced(void)
{
	cleanup_buffer struct buffer nar;
	struct path_info info, wrong;

	make_nar(&nar, &info, 1, 4096);
	wrong = info;
	wrong.nar_hash.sha256[0] ^= 1;
	nix_refuses("wrong hash", &wrong, buffer_bytes(&nar), "hash mismatch");
	wrong = info;
	wrong.nar_size++;
	nix_refuses("wrong size", &wrong, buffer_bytes(&nar), "size mismatch");
	nix_refuses("truncated", &info, (struct bytes){ nar.data, nar.len - 8 },
	            "end of ");
	nix_refuses("empty", &info, (struct bytes){ NULL, 0 }, "end of ");
	nix_refuses("no archive", &info, bytes_of_text("not an archive at all"),
	            "");
	add_base(&info.references, 2);
	nix_refuses("missing reference", &info, buffer_bytes(&nar),
	            "is not valid");
	path_info_clear(&info);
}

static void nix_takes_a_large_path_in_little_memory(void)
{
	cleanup_buffer struct buffer nar;
	struct path_info info;
	struct stage s;

	make_nar(&nar, &info, 1, 100 * PIECE);
	if (!real_open(&s))
		return;
	CHECK(import(s.daemon, &info, buffer_bytes(&nar), &s.error) == 0);
	CHECK(s.daemon->channel->queued.capacity < 65536);
	CHECK(s.daemon->channel->received.capacity < 4 * PIECE);
	CHECK(real_verifies(&s, info.base));
	stage_close(&s);
}

static void what_nix_was_killed_over_is_not_registered(void)
{
	cleanup_buffer struct buffer nar;
	struct path_info info;
	struct stage s;
	int rc;

	make_nar(&nar, &info, 1, 8 * PIECE);
	if (!real_open(&s))
		return;
	CHECK(daemon_import_begin(s.daemon, &info, &s.error) == 0);
	CHECK(daemon_import_write(s.daemon,
	                          (struct bytes){ nar.data, nar.len - PIECE },
	                          &s.error) == 0);
	CHECK(kill(s.daemon->channel->pid, SIGKILL) == 0);
	rc = daemon_import_write(
		s.daemon, (struct bytes){ nar.data + nar.len - PIECE, PIECE },
		&s.error);
	if (rc == 0)
		rc = daemon_import_end(s.daemon, &s.error);
	CHECK(rc == -ECONNRESET);
	real_reopen(&s);
	CHECK(!real_is_valid(&s, info.base));
	/* And what it has left behind is in nobody's way. */
	CHECK(import(s.daemon, &info, buffer_bytes(&nar), &s.error) == 0);
	CHECK(real_verifies(&s, info.base));
	stage_close(&s);
}

static void what_we_gave_up_is_not_registered(void)
{
	cleanup_buffer struct buffer nar;
	struct path_info info;
	struct bytes most;
	struct stage s;

	make_nar(&nar, &info, 1, 8 * PIECE);
	if (!real_open(&s))
		return;
	/* All but its end: Nix takes a NAR that is whole before anybody has said
	 * that this was all. */
	most = (struct bytes){ nar.data, nar.len - 1 };
	CHECK(daemon_import_begin(s.daemon, &info, &s.error) == 0);
	CHECK(daemon_import_write(s.daemon, most, &s.error) == 0);
	real_reopen(&s);
	CHECK(!real_is_valid(&s, info.base));
	stage_close(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "nix takes a path with its references",
		  nix_takes_a_path_with_its_references },
		{ "nix refuses what is not as announced",
		  nix_refuses_what_is_not_as_announced },
		{ "nix takes a large path in little memory",
		  nix_takes_a_large_path_in_little_memory },
		{ "what nix was killed over is not registered",
		  what_nix_was_killed_over_is_not_registered },
		{ "what we gave up is not registered",
		  what_we_gave_up_is_not_registered },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
