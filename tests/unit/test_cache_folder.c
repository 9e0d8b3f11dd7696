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

struct stage {
	char root[64];
	char store[128];
	char name[8];
	struct agent_cache config;
	struct cache *cache;
};

static void set_up(struct stage *s)
{
	struct cache_options options = { .connections = 0 };
	char why[256];

	*s = (struct stage){ .root = "/tmp/nixcache-test-XXXXXX",
		             .name = "mine" };
	if (!mkdtemp(s->root))
		exit(1);
	(void)snprintf(s->store, sizeof(s->store), "file://%s/cache", s->root);
	s->config.name = s->name;
	s->config.store = s->store;
	if (cache_open(&s->config, &options, &s->cache, why, sizeof(why)) < 0)
		exit(1);
}

static const char *in_cache(const struct stage *s, const char *key)
{
	/* NOLINTNEXTLINE(*-non-const-global-variables): one at a time */
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/cache/%s", s->root, key);
	return path;
}

/* How many files a directory has, of any name. */
static size_t count_files(const struct stage *s, const char *directory)
{
	DIR *dir = opendir(in_cache(s, directory));
	struct dirent *entry;
	size_t count = 0;

	if (!dir)
		return 0;
	/* cppcheck-suppress readdirCalled */
	while ((entry = readdir(dir)))
		count += entry->d_type == DT_REG ? 1 : 0;
	(void)closedir(dir);
	return count;
}

static void empty_directory(const struct stage *s, const char *directory)
{
	char path[512];
	DIR *dir = opendir(in_cache(s, directory));
	struct dirent *entry;

	/* cppcheck-suppress readdirCalled */
	while (dir && (entry = readdir(dir))) {
		(void)snprintf(path, sizeof(path), "%s/%s",
		               in_cache(s, directory), entry->d_name);
		(void)unlink(path);
	}
	if (dir)
		(void)closedir(dir);
	(void)rmdir(in_cache(s, directory));
}

static void tear_down(struct stage *s)
{
	cache_close(s->cache);
	empty_directory(s, "nar");
	empty_directory(s, "log");
	empty_directory(s, "");
	CHECK(rmdir(s->root) == 0);
}

static struct cache_result run(struct stage *s, const struct cache_step *step)
{
	struct cache_result result = { .outcome = CACHE_FAILED };

	CHECK(cache_run(s->cache, step, &result) == 0);
	CHECK(result.type == step->type && result.tag == step->tag);
	CHECK((result.outcome == CACHE_FAILED) == (result.error[0] != '\0'));
	return result;
}

static struct cache_step put(const char *key, const char *body)
{
	return (struct cache_step){ .type = CACHE_PUT,
		                    .tag = 5,
		                    .key = key,
		                    .body = (const uint8_t *)body,
		                    .body_len = strlen(body) };
}

static struct cache_step part(const char *id, unsigned number, const char *body)
{
	struct cache_step step = put(NAR, body);

	step.type = CACHE_PART;
	step.tag = number;
	step.upload_id = id;
	step.part_number = number;
	return step;
}

static bool holds(struct stage *s, const char *key, const char *body)
{
	struct cache_step step = { .type = CACHE_GET, .key = key };
	struct cache_result result = run(s, &step);
	bool same = result.outcome == CACHE_OK &&
	            bytes_equal(buffer_bytes(&result.response),
	                        bytes_of_text(body));

	buffer_clear(&result.response);
	return same;
}

static enum cache_outcome run_type(struct stage *s, enum cache_step_type type,
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
	outcome = run(s, &step).outcome;
	strings_clear(&etags);
	return outcome;
}

static void what_was_put_is_there(void)
{
	struct cache_step step = put("nix-cache-info", "hello");
	struct cache_result result;
	struct stage s;
	struct stat st;

	set_up(&s);
	CHECK(access(in_cache(&s, ""), F_OK) < 0);
	CHECK(run(&s, &step).outcome == CACHE_OK);
	CHECK(cache_bytes_sent(s.cache) == 5);
	CHECK(holds(&s, "nix-cache-info", "hello"));
	step.type = CACHE_CHECK;
	result = run(&s, &step);
	CHECK(result.outcome == CACHE_OK && result.size == 5);
	step = put("nix-cache-info", "");
	CHECK(run(&s, &step).outcome == CACHE_OK);
	CHECK(holds(&s, "nix-cache-info", ""));
	CHECK(stat(in_cache(&s, ""), &st) == 0);
	CHECK((st.st_mode & 07777) == 0755);
	CHECK(count_files(&s, "") == 1);
	tear_down(&s);
}

static void what_was_not_put_is_missing(void)
{
	struct stage s;

	set_up(&s);
	CHECK(run_type(&s, CACHE_CHECK, NULL, 0) == CACHE_MISSING);
	CHECK(run_type(&s, CACHE_GET, NULL, 0) == CACHE_MISSING);
	CHECK(run_type(&s, CACHE_PART, "1", 0) == CACHE_MISSING);
	CHECK(run_type(&s, CACHE_COMPLETE, "1", 0) == CACHE_MISSING);
	CHECK(run_type(&s, CACHE_ABORT, "1", 0) == CACHE_OK);
	tear_down(&s);
}

static void an_upload_is_seen_when_it_is_complete(void)
{
	struct cache_step begin = { .type = CACHE_BEGIN, .key = NAR };
	struct cache_result begun, result;
	struct cache_step step;
	struct stage s;

	set_up(&s);
	begun = run(&s, &begin);
	CHECK(begun.outcome == CACHE_OK && begun.text[0]);
	step = part(begun.text, 1, "one,");
	result = run(&s, &step);
	CHECK(result.outcome == CACHE_OK && result.text[0]);
	step = part(begun.text, 2, "two");
	CHECK(run(&s, &step).outcome == CACHE_OK);
	CHECK(run_type(&s, CACHE_CHECK, NULL, 0) == CACHE_MISSING);
	CHECK(run_type(&s, CACHE_COMPLETE, begun.text, 2) == CACHE_OK);
	CHECK(holds(&s, NAR, "one,two"));
	CHECK(count_files(&s, "nar") == 1);
	CHECK(run_type(&s, CACHE_COMPLETE, begun.text, 2) == CACHE_MISSING);
	tear_down(&s);
}

static void parts_are_written_at_their_turn(void)
{
	struct cache_step begin = { .type = CACHE_BEGIN, .key = NAR };
	static const unsigned order[] = { 3, 2, 1 };
	static const char *const bodies[] = { "", "a", "b", "c" };
	struct cache_result begun, result;
	struct stage s;

	set_up(&s);
	begun = run(&s, &begin);
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
	tear_down(&s);
}

static void an_upload_with_a_hole_is_not_completed(void)
{
	struct cache_step begin = { .type = CACHE_BEGIN, .key = NAR };
	struct strings etags = { .items = NULL };
	struct cache_result begun, result;
	struct cache_step step;
	struct stage s;

	set_up(&s);
	begun = run(&s, &begin);
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
	CHECK(count_files(&s, "nar") == 0);

	begun = run(&s, &begin);
	step = part(begun.text, 1, "a");
	CHECK(run(&s, &step).outcome == CACHE_OK);
	CHECK(run(&s, &step).outcome == CACHE_FAILED);
	CHECK(run_type(&s, CACHE_COMPLETE, begun.text, 2) == CACHE_FAILED);
	CHECK(run_type(&s, CACHE_CHECK, NULL, 0) == CACHE_MISSING);
	tear_down(&s);
}

static void an_aborted_upload_leaves_nothing(void)
{
	struct cache_step begin = { .type = CACHE_BEGIN, .key = NAR };
	struct cache_result begun;
	struct stage s;

	set_up(&s);
	begun = run(&s, &begin);
	CHECK(count_files(&s, "nar") == 1);
	CHECK(run_type(&s, CACHE_ABORT, begun.text, 0) == CACHE_OK);
	CHECK(count_files(&s, "nar") == 0);
	tear_down(&s);
}

static void a_closed_cache_leaves_nothing_half_done(void)
{
	struct cache_step begin = { .type = CACHE_BEGIN, .key = NAR };
	struct cache_result begun;
	struct cache_step step;
	struct stage s;

	set_up(&s);
	begun = run(&s, &begin);
	step = part(begun.text, 2, "early");
	CHECK(cache_submit(s.cache, &step) == 0);
	step = put("nix-cache-info", "x");
	CHECK(cache_submit(s.cache, &step) == 0);
	cache_close(s.cache);
	s.cache = NULL;
	CHECK(count_files(&s, "nar") == 0);
	CHECK(count_files(&s, "") == 1);
	tear_down(&s);
}

static void a_key_that_leaves_the_folder_is_refused(void)
{
	static const char *const keys[] = { "../x", "nar/../../x", "/etc/x",
		                            "" };
	struct stage s;

	set_up(&s);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct cache_step step = put(keys[i], "x");

		CHECK(run(&s, &step).outcome == CACHE_FAILED);
		step.type = CACHE_GET;
		CHECK(run(&s, &step).outcome == CACHE_FAILED);
	}
	tear_down(&s);
}

static void a_write_that_fails_names_the_path_and_leaves_nothing(void)
{
	const struct rlimit four = { .rlim_cur = 4, .rlim_max = RLIM_INFINITY };
	struct cache_step begin = { .type = CACHE_BEGIN, .key = NAR };
	struct cache_step step = put(NAR, "hello");
	struct cache_result result, begun;
	struct rlimit before;
	struct stage s;

	set_up(&s);
	CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	begun = run(&s, &begin);
	(void)fflush(stdout);
	CHECK(setrlimit(RLIMIT_FSIZE, &four) == 0);
	result = run(&s, &step);
	step = part(begun.text, 1, "hello");
	begun = run(&s, &step);
	CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);

	CHECK(result.outcome == CACHE_FAILED && result.exit_status == 1);
	CHECK(strstr(result.error, in_cache(&s, NAR)) != NULL);
	CHECK(strstr(result.error, strerror(EFBIG)) != NULL);
	CHECK(begun.outcome == CACHE_FAILED);
	CHECK(run(&s, &step).outcome == CACHE_MISSING);
	CHECK(count_files(&s, "nar") == 0);
	tear_down(&s);
}

static void a_file_in_the_way_is_named(void)
{
	struct cache_step step = put(NAR, "x");
	struct cache_result result;
	struct stage s;
	int fd;

	set_up(&s);
	CHECK(mkdir(in_cache(&s, ""), 0755) == 0);
	fd = open(in_cache(&s, "nar"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && close(fd) == 0);
	result = run(&s, &step);
	CHECK(result.outcome == CACHE_FAILED);
	CHECK(strstr(result.error, in_cache(&s, NAR)) != NULL);
	step.type = CACHE_CHECK;
	CHECK(run(&s, &step).outcome == CACHE_MISSING);
	step.key = "";
	step.type = CACHE_GET;
	CHECK(run(&s, &step).outcome == CACHE_FAILED);
	tear_down(&s);
}

static void a_directory_in_the_way_leaves_nothing(void)
{
	struct cache_step step = put(NAR, "x");
	struct stage s;

	set_up(&s);
	CHECK(run(&s, &step).outcome == CACHE_OK);
	CHECK(unlink(in_cache(&s, NAR)) == 0);
	CHECK(mkdir(in_cache(&s, NAR), 0755) == 0);
	CHECK(run(&s, &step).outcome == CACHE_FAILED);
	CHECK(count_files(&s, "nar") == 0);
	CHECK(rmdir(in_cache(&s, NAR)) == 0);
	tear_down(&s);
}

static void a_get_has_a_maximum_and_wants_a_file(void)
{
	struct cache_step step = put(NAR, "x");
	struct cache_result result;
	struct stage s;

	set_up(&s);
	CHECK(run(&s, &step).outcome == CACHE_OK);
	step.type = CACHE_GET;
	CHECK(truncate(in_cache(&s, NAR), 8 << 20) == 0);
	result = run(&s, &step);
	CHECK(result.outcome == CACHE_OK && result.response.len == 8 << 20);
	buffer_clear(&result.response);
	CHECK(truncate(in_cache(&s, NAR), (8 << 20) + 1) == 0);
	CHECK(run(&s, &step).outcome == CACHE_FAILED);
	step.key = "nar";
	CHECK(run(&s, &step).outcome == CACHE_FAILED);
	step.type = CACHE_CHECK;
	CHECK(run(&s, &step).outcome == CACHE_FAILED);
	tear_down(&s);
}

static void leave_behind(const struct stage *s, const char *key)
{
	int fd = open(in_cache(s, key), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

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
	struct stage s;

	set_up(&s);
	CHECK(cache_end_stale_uploads(s.cache, &keys, &count, why,
	                              sizeof(why)) == 0);
	CHECK(count == 0);
	begun = run(&s, &begin);
	leave_behind(&s, ".nixcache-0123456789abcdef.tmp");
	leave_behind(&s, "nar/.nixcache-0123456789abcdef.tmp");
	leave_behind(&s, "nar/.nixcache-0123456789abcde.tmp");
	leave_behind(&s, "nar/.other-0123456789abcdef.tmp");
	CHECK(cache_end_stale_uploads(s.cache, &keys, &count, why,
	                              sizeof(why)) == 0);
	CHECK(count == 2);
	CHECK(count_files(&s, "") == 0);
	CHECK(count_files(&s, "nar") == 3);
	step = part(begun.text, 1, "alive");
	CHECK(run(&s, &step).outcome == CACHE_OK);
	CHECK(run_type(&s, CACHE_COMPLETE, begun.text, 1) == CACHE_OK);
	CHECK(holds(&s, NAR, "alive"));
	tear_down(&s);
}

static void a_wait_hears_the_callers_descriptors(void)
{
	struct pollfd extra = { .events = POLLIN };
	struct stage s;
	int ends[2];

	CHECK(pipe(ends) == 0);
	set_up(&s);
	extra.fd = ends[0];
	CHECK(write(ends[1], "x", 1) == 1);
	CHECK(cache_wait(s.cache, &extra, 1, 60000) == 0);
	CHECK(extra.revents == POLLIN);
	(void)close(ends[0]);
	(void)close(ends[1]);
	tear_down(&s);
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
		{ "a wait hears the caller's descriptors",
		  a_wait_hears_the_callers_descriptors },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
