#include "tests/lib/pack_stage.h"
#include "tests/lib/test.h"

#include "client/pack/level.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <zstd.h>

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define BLOCKS 12

/* The level that zstd was given last. */
/* NOLINTNEXTLINE(*-non-const-global-variables): zstd knows no test */
static atomic_int last_level;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
/* NOLINTBEGIN(readability-identifier-naming): the linker's words */
size_t __real_ZSTD_CCtx_setParameter(ZSTD_CCtx *context, ZSTD_cParameter name,
                                     int value);
size_t __wrap_ZSTD_CCtx_setParameter(ZSTD_CCtx *context, ZSTD_cParameter name,
                                     int value);

size_t __wrap_ZSTD_CCtx_setParameter(ZSTD_CCtx *context, ZSTD_cParameter name,
                                     int value)
{
	if (name == ZSTD_c_compressionLevel)
		atomic_store(&last_level, value);
	return __real_ZSTD_CCtx_setParameter(context, name, value);
}

/* NOLINTEND(readability-identifier-naming) */
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* Half of it is noise: a block is enough for a part. */
static void make_file(struct store *s)
{
	static const size_t sizes[] = { BLOCKS * PACK_BLOCK_SIZE };
	cleanup_free uint8_t *text = malloc(MIB);
	cleanup_close int fd = -1;
	char path[PATH_MAX];

	store_make(s, sizes, 1);
	file_path(s, 0, path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && text);
	fill_noise(text, MIB, 99);
	for (size_t i = 0; i < MIB; i++)
		text[i] = (uint8_t)('a' + text[i] % 9);
	for (off_t at = 0; at < (off_t)sizes[0]; at += 2 * (off_t)MIB)
		CHECK(pwrite(fd, text, MIB, at) == (ssize_t)MIB);
	store_learn(s, 0);
}

static struct pack *open_auto(void)
{
	const struct pack_options options = {
		.compression = PACK_ZSTD,
		.level = PACK_LEVEL_AUTO,
		.jobs = 1,
		.max_memory = 160 * MIB,
	};
	struct pack *p = NULL;

	CHECK(pack_open(&options, &p) == 0);
	return p;
}

static void a_quick_taker_gets_no_higher_level(void)
{
	struct pack *p = open_auto();
	struct outcome o;
	struct store s;

	make_file(&s);
	outcome_init(&o);
	submit(p, &s, 0, NULL);
	run(p, &o, 1);
	check_object(&o, &s, 0, PACK_ZSTD);
	CHECK(last_level <= LEVEL_FIRST);
	buffer_clear(&o.bytes);
	pack_close(p);
	store_remove(&s);
}

struct taker {
	struct pack_part *held[2 * BLOCKS];
	size_t first, count;
	bool is_done;
};

static void take_all(struct taker *t, struct pack *p)
{
	struct pack_event event;

	while (pack_next(p, &event)) {
		if (event.type == PACK_PART) {
			t->held[t->count++] = event.part;
		} else {
			CHECK(event.type == PACK_DONE);
			t->is_done = true;
		}
	}
}

/* It gives a part back only when the pack can do nothing more without. */
static void a_slow_taker_gets_a_higher_one(void)
{
	struct pack *p = open_auto();
	struct pollfd fd = { .fd = pack_fd(p), .events = POLLIN };
	struct taker t = { .count = 0 };
	struct store s;

	make_file(&s);
	submit(p, &s, 0, NULL);
	while (!t.is_done) {
		if (poll(&fd, 1, 400) == 0 && t.first < t.count)
			pack_part_free(t.held[t.first++]);
		take_all(&t, p);
	}
	CHECK(last_level > LEVEL_FIRST && last_level < 10);
	while (t.first < t.count)
		pack_part_free(t.held[t.first++]);
	pack_close(p);
	store_remove(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a quick taker gets no higher level",
		  a_quick_taker_gets_no_higher_level },
		{ "a slow taker gets a higher one",
		  a_slow_taker_gets_a_higher_one },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
