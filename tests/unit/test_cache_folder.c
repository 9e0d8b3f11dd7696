#include "tests/lib/folder_stage.h"
#include "tests/lib/test.h"

#include "client/cache/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAR "nar/x.nar"

static struct cache_step part(const char *id, unsigned number, const char *body)
{
	struct cache_step step = folder_stage_put(NAR, body);

	step.type = CACHE_PART;
	step.tag = number;
	step.upload_id = id;
	step.part_number = number;
	return step;
}

static bool holds(struct folder_stage *s, const char *key, const char *body)
{
	struct cache_step step = { .type = CACHE_GET, .key = key };
	struct cache_result result = folder_stage_run(s, &step);
	bool same = result.outcome == CACHE_OK &&
	            bytes_equal(buffer_bytes(&result.response),
	                        bytes_of_text(body));

	buffer_clear(&result.response);
	return same;
}

static enum cache_outcome run_type(struct folder_stage *s,
                                   enum cache_step_type type,
                                   const char *upload_id, size_t parts)
{
	struct strings etags = { .items = NULL };
	struct cache_step step = { .type = type,
		                   .key = NAR,
		                   .upload_id = upload_id,
		                   .etags = &etags };
	enum cache_outcome outcome;

	for (size_t i = 0; i < parts; i++)
		CHECK(strings_add(&etags, "e", 1) == 0);
	outcome = folder_stage_run(s, &step).outcome;
	strings_clear(&etags);
	return outcome;
}

static void what_was_put_is_there(void)
{
	struct cache_step step = folder_stage_put("nix-cache-info", "hello");
	struct cache_result result;
	struct folder_stage s;
	struct stat st;

	folder_stage_set_up(&s);
	CHECK(access(folder_stage_path(&s, ""), F_OK) < 0);
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_OK);
	CHECK(cache_bytes_sent(s.cache) == 5);
	CHECK(holds(&s, "nix-cache-info", "hello"));
	step.type = CACHE_CHECK;
	result = folder_stage_run(&s, &step);
	CHECK(result.outcome == CACHE_OK && result.size == 5);
	step = folder_stage_put("nix-cache-info", "");
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_OK);
	CHECK(holds(&s, "nix-cache-info", ""));
	CHECK(stat(folder_stage_path(&s, ""), &st) == 0);
	CHECK((st.st_mode & 07777) == 0755);
	CHECK(folder_stage_count(&s, "") == 1);
	folder_stage_tear_down(&s);
}

static void what_was_not_put_is_missing(void)
{
	struct folder_stage s;

	folder_stage_set_up(&s);
	CHECK(run_type(&s, CACHE_CHECK, NULL, 0) == CACHE_MISSING);
	CHECK(run_type(&s, CACHE_GET, NULL, 0) == CACHE_MISSING);
	CHECK(run_type(&s, CACHE_PART, "1", 0) == CACHE_MISSING);
	CHECK(run_type(&s, CACHE_COMPLETE, "1", 0) == CACHE_MISSING);
	CHECK(run_type(&s, CACHE_ABORT, "1", 0) == CACHE_OK);
	folder_stage_tear_down(&s);
}

static void an_upload_is_seen_when_it_is_complete(void)
{
	struct cache_step begin = { .type = CACHE_BEGIN, .key = NAR };
	struct cache_result begun, result;
	struct cache_step step;
	struct folder_stage s;

	folder_stage_set_up(&s);
	begun = folder_stage_run(&s, &begin);
	CHECK(begun.outcome == CACHE_OK && begun.text[0]);
	step = part(begun.text, 1, "one,");
	result = folder_stage_run(&s, &step);
	CHECK(result.outcome == CACHE_OK && result.text[0]);
	step = part(begun.text, 2, "two");
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_OK);
	CHECK(run_type(&s, CACHE_CHECK, NULL, 0) == CACHE_MISSING);
	CHECK(run_type(&s, CACHE_COMPLETE, begun.text, 2) == CACHE_OK);
	CHECK(holds(&s, NAR, "one,two"));
	CHECK(folder_stage_count(&s, "nar") == 1);
	CHECK(run_type(&s, CACHE_COMPLETE, begun.text, 2) == CACHE_MISSING);
	folder_stage_tear_down(&s);
}

static void parts_are_written_at_their_turn(void)
{
	struct cache_step begin = { .type = CACHE_BEGIN, .key = NAR };
	static const unsigned order[] = { 3, 2, 1 };
	static const char *const bodies[] = { "", "a", "b", "c" };
	struct cache_result begun, result;
	struct folder_stage s;

	folder_stage_set_up(&s);
	begun = folder_stage_run(&s, &begin);
	for (size_t i = 0; i < 3; i++) {
		struct cache_step step =
			part(begun.text, order[i], bodies[order[i]]);

		CHECK(cache_submit(s.cache, &step) == 0);
		if (order[i] > 1)
			CHECK(cache_next(s.cache, &result) == 0);
	}
	CHECK(cache_pending(s.cache) == 3);
	for (unsigned i = 1; i <= 3; i++) {
		CHECK(cache_next(s.cache, &result) == 1);
		CHECK(result.tag == i && result.outcome == CACHE_OK);
	}
	CHECK(cache_pending(s.cache) == 0);
	CHECK(run_type(&s, CACHE_COMPLETE, begun.text, 3) == CACHE_OK);
	CHECK(holds(&s, NAR, "abc"));
	folder_stage_tear_down(&s);
}

static void an_upload_with_a_hole_is_not_completed(void)
{
	struct cache_step begin = { .type = CACHE_BEGIN, .key = NAR };
	struct strings etags = { .items = NULL };
	struct cache_result begun, result;
	struct cache_step step;
	struct folder_stage s;

	folder_stage_set_up(&s);
	begun = folder_stage_run(&s, &begin);
	step = part(begun.text, 2, "b");
	CHECK(cache_submit(s.cache, &step) == 0);
	step = (struct cache_step){ .type = CACHE_COMPLETE,
		                    .key = NAR,
		                    .upload_id = begun.text,
		                    .etags = &etags };
	CHECK(cache_submit(s.cache, &step) == 0);
	for (size_t i = 0; i < 2; i++) {
		CHECK(cache_next(s.cache, &result) == 1);
		CHECK(result.outcome == CACHE_FAILED);
	}
	CHECK(cache_pending(s.cache) == 0);
	CHECK(folder_stage_count(&s, "nar") == 0);

	begun = folder_stage_run(&s, &begin);
	step = part(begun.text, 1, "a");
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_OK);
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_FAILED);
	CHECK(run_type(&s, CACHE_COMPLETE, begun.text, 2) == CACHE_FAILED);
	CHECK(run_type(&s, CACHE_CHECK, NULL, 0) == CACHE_MISSING);
	folder_stage_tear_down(&s);
}

static void an_aborted_upload_leaves_nothing(void)
{
	struct cache_step begin = { .type = CACHE_BEGIN, .key = NAR };
	struct cache_result begun;
	struct folder_stage s;

	folder_stage_set_up(&s);
	begun = folder_stage_run(&s, &begin);
	CHECK(folder_stage_count(&s, "nar") == 1);
	CHECK(run_type(&s, CACHE_ABORT, begun.text, 0) == CACHE_OK);
	CHECK(folder_stage_count(&s, "nar") == 0);
	folder_stage_tear_down(&s);
}

static void a_closed_cache_leaves_nothing_half_done(void)
{
	struct cache_step begin = { .type = CACHE_BEGIN, .key = NAR };
	struct cache_result begun;
	struct cache_step step;
	struct folder_stage s;

	folder_stage_set_up(&s);
	begun = folder_stage_run(&s, &begin);
	step = part(begun.text, 2, "early");
	CHECK(cache_submit(s.cache, &step) == 0);
	step = folder_stage_put("nix-cache-info", "x");
	CHECK(cache_submit(s.cache, &step) == 0);
	cache_close(s.cache);
	s.cache = NULL;
	CHECK(folder_stage_count(&s, "nar") == 0);
	CHECK(folder_stage_count(&s, "") == 1);
	folder_stage_tear_down(&s);
}

static void a_key_that_leaves_the_folder_is_refused(void)
{
	static const char *const keys[] = { "../x", "nar/../../x", "/etc/x",
		                            "" };
	struct folder_stage s;

	folder_stage_set_up(&s);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct cache_step step = folder_stage_put(keys[i], "x");

		CHECK(folder_stage_run(&s, &step).outcome == CACHE_FAILED);
		step.type = CACHE_GET;
		CHECK(folder_stage_run(&s, &step).outcome == CACHE_FAILED);
	}
	folder_stage_tear_down(&s);
}

static void a_write_that_fails_names_the_path_and_leaves_nothing(void)
{
	const struct rlimit four = { .rlim_cur = 4, .rlim_max = RLIM_INFINITY };
	struct cache_step begin = { .type = CACHE_BEGIN, .key = NAR };
	struct cache_step step = folder_stage_put(NAR, "hello");
	struct cache_result result, begun;
	struct rlimit before;
	struct folder_stage s;

	folder_stage_set_up(&s);
	CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	begun = folder_stage_run(&s, &begin);
	(void)fflush(stdout);
	CHECK(setrlimit(RLIMIT_FSIZE, &four) == 0);
	result = folder_stage_run(&s, &step);
	step = part(begun.text, 1, "hello");
	begun = folder_stage_run(&s, &step);
	CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);

	CHECK(result.outcome == CACHE_FAILED && result.exit_status == 1);
	CHECK(strstr(result.error, folder_stage_path(&s, NAR)) != NULL);
	CHECK(strstr(result.error, strerror(EFBIG)) != NULL);
	CHECK(begun.outcome == CACHE_FAILED);
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_MISSING);
	CHECK(folder_stage_count(&s, "nar") == 0);
	folder_stage_tear_down(&s);
}

static void a_file_in_the_way_is_named(void)
{
	struct cache_step step = folder_stage_put(NAR, "x");
	struct cache_result result;
	struct folder_stage s;
	int fd;

	folder_stage_set_up(&s);
	CHECK(mkdir(folder_stage_path(&s, ""), 0755) == 0);
	fd = open(folder_stage_path(&s, "nar"), O_WRONLY | O_CREAT | O_CLOEXEC,
	          0600);
	CHECK(fd >= 0 && close(fd) == 0);
	result = folder_stage_run(&s, &step);
	CHECK(result.outcome == CACHE_FAILED);
	CHECK(strstr(result.error, folder_stage_path(&s, NAR)) != NULL);
	step.type = CACHE_CHECK;
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_MISSING);
	step.key = "";
	step.type = CACHE_GET;
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_FAILED);
	folder_stage_tear_down(&s);
}

static void a_directory_in_the_way_leaves_nothing(void)
{
	struct cache_step step = folder_stage_put(NAR, "x");
	struct folder_stage s;

	folder_stage_set_up(&s);
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_OK);
	CHECK(unlink(folder_stage_path(&s, NAR)) == 0);
	CHECK(mkdir(folder_stage_path(&s, NAR), 0755) == 0);
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_FAILED);
	CHECK(folder_stage_count(&s, "nar") == 0);
	CHECK(rmdir(folder_stage_path(&s, NAR)) == 0);
	folder_stage_tear_down(&s);
}

static void a_get_has_a_maximum_and_wants_a_file(void)
{
	struct cache_step step = folder_stage_put(NAR, "x");
	struct cache_result result;
	struct folder_stage s;

	folder_stage_set_up(&s);
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_OK);
	step.type = CACHE_GET;
	CHECK(truncate(folder_stage_path(&s, NAR), 8 << 20) == 0);
	result = folder_stage_run(&s, &step);
	CHECK(result.outcome == CACHE_OK && result.response.len == 8 << 20);
	buffer_clear(&result.response);
	CHECK(truncate(folder_stage_path(&s, NAR), (8 << 20) + 1) == 0);
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_FAILED);
	step.key = "nar";
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_FAILED);
	step.type = CACHE_CHECK;
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_FAILED);
	folder_stage_tear_down(&s);
}

static void leave_behind(const struct folder_stage *s, const char *key)
{
	int fd = open(folder_stage_path(s, key), O_WRONLY | O_CREAT | O_CLOEXEC,
	              0644);

	CHECK(fd >= 0 && close(fd) == 0);
}

static void what_the_dead_left_is_removed_and_the_living_kept(void)
{
	struct cache_step begin = { .type = CACHE_BEGIN, .key = NAR };
	struct strings keys = { .items = NULL };
	struct cache_result begun;
	struct cache_step step;
	size_t count = 0;
	char why[256];
	struct folder_stage s;

	folder_stage_set_up(&s);
	CHECK(cache_end_stale_uploads(s.cache, &keys, &count, why,
	                              sizeof(why)) == 0);
	CHECK(count == 0);
	begun = folder_stage_run(&s, &begin);
	leave_behind(&s, ".nixcache-0123456789abcdef.tmp");
	leave_behind(&s, "nar/.nixcache-0123456789abcdef.tmp");
	leave_behind(&s, "nar/.nixcache-0123456789abcde.tmp");
	leave_behind(&s, "nar/.other-0123456789abcdef.tmp");
	CHECK(cache_end_stale_uploads(s.cache, &keys, &count, why,
	                              sizeof(why)) == 0);
	CHECK(count == 2);
	CHECK(folder_stage_count(&s, "") == 0);
	CHECK(folder_stage_count(&s, "nar") == 3);
	step = part(begun.text, 1, "alive");
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_OK);
	CHECK(run_type(&s, CACHE_COMPLETE, begun.text, 1) == CACHE_OK);
	CHECK(holds(&s, NAR, "alive"));
	folder_stage_tear_down(&s);
}

static void a_wait_hears_the_callers_descriptors(void)
{
	struct pollfd extra = { .events = POLLIN };
	struct folder_stage s;
	int ends[2];

	CHECK(pipe(ends) == 0);
	folder_stage_set_up(&s);
	extra.fd = ends[0];
	CHECK(write(ends[1], "x", 1) == 1);
	CHECK(cache_wait(s.cache, &extra, 1, 60000) == 0);
	CHECK(extra.revents == POLLIN);
	(void)close(ends[0]);
	(void)close(ends[1]);
	folder_stage_tear_down(&s);
}

static enum cache_outcome outcome_of(struct folder_stage *s,
                                     enum cache_step_type type, const char *key)
{
	struct cache_step step = folder_stage_put(key, "x");

	step.type = type;
	return folder_stage_run(s, &step).outcome;
}

static void what_was_deleted_is_gone(void)
{
	struct folder_stage s;

	folder_stage_set_up(&s);
	CHECK(outcome_of(&s, CACHE_PUT, NAR) == CACHE_OK);
	CHECK(outcome_of(&s, CACHE_DELETE, NAR) == CACHE_OK);
	CHECK(outcome_of(&s, CACHE_CHECK, NAR) == CACHE_MISSING);
	CHECK(outcome_of(&s, CACHE_DELETE, NAR) == CACHE_OK);
	CHECK(outcome_of(&s, CACHE_DELETE, "../x") == CACHE_FAILED);
	CHECK(outcome_of(&s, CACHE_DELETE, "log/x") == CACHE_OK);
	folder_stage_tear_down(&s);
}

static void a_directory_goes_with_the_last_object_in_it(void)
{
	struct folder_stage s;

	folder_stage_set_up(&s);
	CHECK(outcome_of(&s, CACHE_PUT, NAR) == CACHE_OK);
	CHECK(outcome_of(&s, CACHE_PUT, "nar/y.nar") == CACHE_OK);
	CHECK(outcome_of(&s, CACHE_DELETE, "nar") == CACHE_FAILED);
	CHECK(outcome_of(&s, CACHE_DELETE, NAR) == CACHE_OK);
	CHECK(folder_stage_count(&s, "nar") == 1);
	CHECK(outcome_of(&s, CACHE_DELETE, "nar/y.nar") == CACHE_OK);
	CHECK(access(folder_stage_path(&s, "nar"), F_OK) < 0);
	CHECK(access(folder_stage_path(&s, ""), F_OK) == 0);
	CHECK(outcome_of(&s, CACHE_PUT, NAR) == CACHE_OK);
	folder_stage_tear_down(&s);
}

static void what_is_there_is_not_put_again_if_absence_was_asked_for(void)
{
	struct cache_step step = folder_stage_put(NAR, "first");
	struct cache_result result;
	struct folder_stage s;

	folder_stage_set_up(&s);
	step.only_if_absent = true;
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_OK);
	step = folder_stage_put(NAR, "second");
	step.only_if_absent = true;
	result = folder_stage_run(&s, &step);
	CHECK(result.outcome == CACHE_EXISTS && !result.error[0]);
	CHECK(holds(&s, NAR, "first"));
	CHECK(folder_stage_count(&s, "nar") == 1);
	step.only_if_absent = false;
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_OK);
	CHECK(holds(&s, NAR, "second"));
	step = folder_stage_put("nar/y.nar", "x");
	step.only_if_absent = true;
	CHECK(mkdir(folder_stage_path(&s, "nar/y.nar"), 0755) == 0);
	CHECK(folder_stage_run(&s, &step).outcome == CACHE_FAILED);
	CHECK(folder_stage_count(&s, "nar") == 1);
	folder_stage_tear_down(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "what was put is there", what_was_put_is_there },
		{ "what was not put is missing", what_was_not_put_is_missing },
		{ "an upload is seen when it is complete",
		  an_upload_is_seen_when_it_is_complete },
		{ "parts are written at their turn",
		  parts_are_written_at_their_turn },
		{ "an upload with a hole is not completed",
		  an_upload_with_a_hole_is_not_completed },
		{ "an aborted upload leaves nothing",
		  an_aborted_upload_leaves_nothing },
		{ "a closed cache leaves nothing half done",
		  a_closed_cache_leaves_nothing_half_done },
		{ "a key that leaves the folder is refused",
		  a_key_that_leaves_the_folder_is_refused },
		{ "a write that fails names the path and leaves nothing",
		  a_write_that_fails_names_the_path_and_leaves_nothing },
		{ "a file in the way is named", a_file_in_the_way_is_named },
		{ "a directory in the way leaves nothing",
		  a_directory_in_the_way_leaves_nothing },
		{ "a GET has a maximum and wants a file",
		  a_get_has_a_maximum_and_wants_a_file },
		{ "what the dead left is removed and the living kept",
		  what_the_dead_left_is_removed_and_the_living_kept },
		{ "what was deleted is gone", what_was_deleted_is_gone },
		{ "a directory goes with the last object in it",
		  a_directory_goes_with_the_last_object_in_it },
		{ "what is there is not put again if absence was asked for",
		  what_is_there_is_not_put_again_if_absence_was_asked_for },
		{ "a wait hears the caller's descriptors",
		  a_wait_hears_the_callers_descriptors },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
