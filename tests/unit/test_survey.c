#include "tests/lib/folder_stage.h"
#include "tests/lib/test.h"

#include "client/survey/paths.h"
#include "client/survey/places.h"
#include "client/survey/probe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAR_DIGITS "0000000000000000000000000000000000000000000000000000"
#define NAR        "nar/" NAR_DIGITS ".nar.zst"
#define INFO       "nix-cache-info"
#define DIGIT      "0123456789abcdfghijklmnpqrsvwxyz"

struct stage {
	struct folder_stage folder;
	struct session session;
	char store_dir[16];
};

static void set_up(struct stage *s)
{
	folder_stage_set_up(&s->folder);
	memcpy(s->store_dir, "/nix/store", sizeof("/nix/store"));
	s->folder.config.store_dir = s->store_dir;
	s->session = (struct session){ .config = &s->folder.config,
		                       .cache = s->folder.cache };
}

static void put(struct stage *s, const char *key, const char *body)
{
	struct cache_step step = folder_stage_put(key, body);

	CHECK(folder_stage_run(&s->folder, &step).outcome == CACHE_OK);
}

/* 32 digits that end in those of the number. */
static void make_hash(unsigned number, char out[33])
{
	memset(out, '0', 32);
	out[32] = '\0';
	for (unsigned at = 31; number > 0; at--, number /= 32)
		out[at] = DIGIT[number % 32];
}

static void put_narinfo_with(struct stage *s, unsigned number, const char *more)
{
	char hash[33], key[64], body[1024];

	make_hash(number, hash);
	(void)snprintf(key, sizeof(key), "%s.narinfo", hash);
	(void)snprintf(body, sizeof(body),
	               "StorePath: /nix/store/%s-name-%u\nURL: " NAR
	               "\nCompression: zstd\nNarHash: sha256:" NAR_DIGITS
	               "\nNarSize: %u\nReferences: \n%s",
	               hash, number, number + 1, more);
	put(s, key, body);
}

static void put_narinfo(struct stage *s, unsigned number)
{
	put_narinfo_with(s, number, "");
}

struct counted {
	size_t good;
	size_t broken;
	uint64_t file_size; /* of the last good one */
	char error[768];    /* of the last broken one */
	bool is_in_order;
	int rc;
};

static struct counted count(struct stage *s, const char *word, bool with_sizes)
{
	struct counted counted = { .is_in_order = true };
	char why[FILTER_WHY_MAX], before[64] = "";
	struct paths *paths = NULL;
	const struct path_row *row;
	struct filter filter;

	CHECK(filter_parse(word, s->store_dir, &filter, why) == 0);
	CHECK(paths_open(&s->session, &filter, with_sizes, &paths) == 0);
	while ((counted.rc = paths_next(paths, &row)) == 1) {
		counted.is_in_order &= strcmp(before, row->key) < 0;
		(void)snprintf(before, sizeof(before), "%s", row->key);
		if (row->is_broken) {
			counted.broken++;
			memcpy(counted.error, row->error, sizeof(row->error));
		} else {
			counted.good++;
			counted.file_size = row->file_size;
			CHECK(memcmp(row->base, row->key, 32) == 0);
			CHECK(strcmp(row->nar_key, NAR) == 0);
		}
	}
	paths_close(paths);
	return counted;
}

static void as_many_paths_as_there_are_come_out_in_order(void)
{
	/* There are 256 at a time. */
	static const unsigned counts[] = { 0, 1, 2, 255, 256, 257, 600 };
	struct stage s;

	set_up(&s);
	put(&s, INFO, "StoreDir: /nix/store\n");
	for (size_t i = 0, have = 0; i < sizeof(counts) / sizeof(*counts);
	     i++) {
		struct counted counted;

		while (have < counts[i])
			put_narinfo(&s, (unsigned)have++);
		counted = count(&s, NULL, false);
		CHECK(counted.rc == 0 && counted.good == counts[i]);
		CHECK(counted.broken == 0 && counted.is_in_order);
	}
	CHECK(count(&s, "*-7", false).good == 1);
	CHECK(count(&s, "name-59?", false).good == 10);
	folder_stage_tear_down(&s.folder);
}

static void rename_narinfo(struct stage *s, const char *from, const char *to)
{
	char old[300], new[300];

	(void)snprintf(old, sizeof(old), "%s%s.narinfo",
	               folder_stage_path(&s->folder, ""), from);
	(void)snprintf(new, sizeof(new), "%s%s.narinfo",
	               folder_stage_path(&s->folder, ""), to);
	CHECK(rename(old, new) == 0);
}

static void broken_narinfos_are_named_and_others_come(void)
{
	struct counted counted;
	char hash[33], key[64];
	struct stage s;

	set_up(&s);
	put_narinfo(&s, 1);
	put_narinfo(&s, 3);
	make_hash(2, hash);
	(void)snprintf(key, sizeof(key), "%s.narinfo", hash);
	put(&s, key, "nonsense");
	put(&s, "nonsense.narinfo", "nonsense");
	counted = count(&s, NULL, false);
	CHECK(counted.good == 2 && counted.broken == 1);
	CHECK(strstr(counted.error, key) != NULL);
	CHECK(counted.is_in_order);
	/* Of another path, good as that may be. */
	put_narinfo(&s, 4);
	make_hash(4, hash);
	rename_narinfo(&s, hash, "00000000000000000000000000000005");
	make_hash(5, hash);
	counted = count(&s, hash, false);
	CHECK(counted.good == 0 && counted.broken == 1);
	CHECK(strstr(counted.error, "another path") != NULL);
	folder_stage_tear_down(&s.folder);
}

static void a_size_that_is_not_said_is_looked_up(void)
{
	struct counted counted;
	struct stage s;

	set_up(&s);
	put_narinfo(&s, 1);
	CHECK(count(&s, NULL, false).file_size == 0);
	counted = count(&s, NULL, true);
	CHECK(counted.broken == 1 && strstr(counted.error, NAR));
	put(&s, NAR, "12345");
	CHECK(count(&s, NULL, true).file_size == 5);
	put_narinfo_with(&s, 1, "FileSize: 77\n");
	CHECK(count(&s, NULL, true).file_size == 77);
	folder_stage_tear_down(&s.folder);
}

static void a_list_that_fails_ends_it(void)
{
	struct stage s;
	char path[128];
	int fd;

	set_up(&s);
	(void)snprintf(path, sizeof(path), "%s/cache", s.folder.root);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && close(fd) == 0);
	CHECK(count(&s, NULL, false).rc < 0);
	folder_stage_tear_down(&s.folder);
}

/* The error of the one word, or its key, or "?". */
static const char *find(struct stage *s, const char *word,
                        enum places_kind kind)
{
	/* NOLINTNEXTLINE(*-non-const-global-variables): one at a time */
	static char said[1024];
	struct strings words = { .items = NULL };
	struct place *places = NULL;

	CHECK(strings_add(&words, word, strlen(word)) == 0);
	CHECK(places_find(&s->session, &words, kind, &places) == 0);
	CHECK(cache_pending(s->session.cache) == 0);
	(void)snprintf(said, sizeof(said), "%s",
	               places[0].error ? places[0].error : places[0].key);
	CHECK(!places[0].error == (places[0].exit_status == 0));
	places_free(places, 1);
	strings_clear(&words);
	return said;
}

static void a_place_is_found_or_it_is_said_why_not(void)
{
	const char *path = "/nix/store/00000000000000000000000000000001-name-1";
	const char *other = "/nix/store/00000000000000000000000000000001-name";
	struct stage s;
	char link[128];

	set_up(&s);
	CHECK(strstr(find(&s, path, PLACES_NAR), "not in the cache"));
	put_narinfo(&s, 1);
	CHECK(strstr(find(&s, path, PLACES_NAR), "NAR is not"));
	CHECK(strcmp(find(&s, path, PLACES_NARINFO),
	             "00000000000000000000000000000001.narinfo") == 0);
	put(&s, NAR, "x");
	CHECK(strcmp(find(&s, path, PLACES_NAR), NAR) == 0);
	CHECK(strcmp(find(&s, NAR, PLACES_NARINFO), NAR) == 0);
	CHECK(strstr(find(&s, other, PLACES_NAR), "another path"));
	CHECK(strstr(find(&s, INFO, PLACES_NAR), "not in the cache"));
	CHECK(strstr(find(&s, "hello", PLACES_NAR), "neither"));
	CHECK(strstr(find(&s, "", PLACES_NAR), "neither"));
	CHECK(strstr(find(&s, "/nix/store", PLACES_NAR), "neither"));
	CHECK(strstr(find(&s, "a\033[31mb", PLACES_NAR), "\033") == NULL);
	(void)snprintf(link, sizeof(link), "%s/link", s.folder.root);
	CHECK(symlink(path, link) == 0);
	CHECK(strcmp(find(&s, link, PLACES_NAR), NAR) == 0);
	folder_stage_tear_down(&s.folder);
}

static void many_places_come_in_their_order(void)
{
	struct strings words = { .items = NULL };
	struct place *places = NULL;
	struct stage s;

	set_up(&s);
	put(&s, INFO, "x");
	for (unsigned i = 0; i < 700; i++) {
		const char *word = i % 7 == 0 ? INFO : NAR;

		CHECK(strings_add(&words, word, strlen(word)) == 0);
	}
	CHECK(places_find(&s.session, &words, PLACES_NAR, &places) == 0);
	for (unsigned i = 0; i < 700; i++)
		CHECK(!places[i].error == (i % 7 == 0));
	places_free(places, words.count);
	strings_clear(&words);
	folder_stage_tear_down(&s.folder);
}

static bool is(const struct probe *probe, enum probe_item item,
               enum probe_answer answer)
{
	const struct probe_finding *finding = &probe->findings[item];

	return finding->answer == answer &&
	       (finding->why[0] == '\0') == (answer == PROBE_YES);
}

static void a_probe_tells_what_may_be_done_and_leaves_nothing(void)
{
	struct probe probe;
	struct stage s;

	set_up(&s);
	CHECK(probe_run(&s.session, PROBE_WRITING, &probe) == 0);
	CHECK(!probe.is_reachable && probe.exit_status == 1 && probe.why[0]);
	CHECK(mkdir(folder_stage_path(&s.folder, ""), 0700) == 0);
	CHECK(probe_run(&s.session, PROBE_READING, &probe) == 0);
	CHECK(probe.is_reachable && is(&probe, PROBE_LIST, PROBE_YES));
	CHECK(is(&probe, PROBE_GET, PROBE_NOT_PROBED));
	CHECK(is(&probe, PROBE_PUT, PROBE_NOT_PROBED));
	CHECK(probe_run(&s.session, PROBE_WRITING, &probe) == 0);
	for (unsigned i = 0; i < PROBE_ITEM_COUNT; i++) {
		CHECK(is(&probe, (enum probe_item)i,
		         i == PROBE_CHECKSUM_HEADERS ? PROBE_NOT_PROBED
		                                     : PROBE_YES));
	}
	CHECK(!probe.left_behind[0]);
	CHECK(probe.cache_info_state == PROBE_INFO_ABSENT);
	/* Empty, or it would not go. */
	CHECK(rmdir(folder_stage_path(&s.folder, "")) == 0);
	folder_stage_tear_down(&s.folder);
}

static void a_probe_tells_what_may_not_be_done(void)
{
	struct probe probe;
	struct stage s;

	set_up(&s);
	put(&s, INFO, "StoreDir: /nix/store\nPriority: 3\n");
	put(&s, "log", "in the way");
	CHECK(probe_run(&s.session, PROBE_WRITING, &probe) == 0);
	CHECK(probe.is_reachable);
	CHECK(probe.cache_info_state == PROBE_INFO_READ);
	CHECK(probe.cache_info.priority == 3);
	CHECK(is(&probe, PROBE_GET, PROBE_YES));
	CHECK(is(&probe, PROBE_HEAD, PROBE_YES));
	CHECK(is(&probe, PROBE_PUT, PROBE_NO));
	CHECK(is(&probe, PROBE_MULTIPART, PROBE_NO));
	CHECK(is(&probe, PROBE_CONDITIONAL_PUT, PROBE_NOT_PROBED));
	CHECK(!probe.left_behind[0]);
	put(&s, INFO, "nonsense");
	CHECK(probe_run(&s.session, PROBE_READING, &probe) == 0);
	CHECK(probe.cache_info_state == PROBE_INFO_BROKEN);
	folder_stage_tear_down(&s.folder);
}

int main(void)
{
	static const struct test tests[] = {
		{ "as many paths as there are come out in order",
		  as_many_paths_as_there_are_come_out_in_order },
		{ "broken narinfos are named and others come",
		  broken_narinfos_are_named_and_others_come },
		{ "a size that is not said is looked up",
		  a_size_that_is_not_said_is_looked_up },
		{ "a list that fails ends it", a_list_that_fails_ends_it },
		{ "a place is found or it is said why not",
		  a_place_is_found_or_it_is_said_why_not },
		{ "many places come in their order",
		  many_places_come_in_their_order },
		{ "a probe tells what may be done and leaves nothing",
		  a_probe_tells_what_may_be_done_and_leaves_nothing },
		{ "a probe tells what may not be done",
		  a_probe_tells_what_may_not_be_done },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
