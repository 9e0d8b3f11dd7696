#include "client/pull/importers.h"
#include "tests/lib/import_stage.h"
#include "tests/lib/nix_daemon.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SMALL  ((size_t)64 * 1024)       /* fits an importer's buffer */
#define LARGE  ((size_t)3 * 1024 * 1024) /* does not */
#define WAIT_S 20

/* One importer, and a daemon that serves one connection: whoever closes it
 * has none any more. */
struct stage {
	struct place place;
	struct importers *pool;
};

/* An archive on its way. */
struct parcel {
	struct buffer nar;
	struct path_info info;
	struct conduit *conduit;
	struct import task;
};

static void stage_open(struct stage *s, const struct script *script)
{
	place_make(&s->place);
	place_serve(&s->place, script);
	CHECK(importers_open(s->place.uri, 1, &s->pool) == 0);
}

static void stage_close(struct stage *s)
{
	CHECK(importers_close(s->pool) == 0);
	place_remove(&s->place);
}

/* The one before has lost its only connection. */
static void serve_again(struct stage *s, const struct script *script)
{
	char socket[sizeof(s->place.dir) + sizeof("/socket")];

	(void)waitpid(s->place.pid, NULL, 0);
	(void)snprintf(socket, sizeof(socket), "%s/socket", s->place.dir);
	CHECK(unlink(socket) == 0);
	place_serve(&s->place, script);
}

static void parcel_make(struct parcel *p, unsigned i, size_t size)
{
	make_nar(&p->nar, &p->info, i, size);
	CHECK(conduit_new(2 * LARGE, &p->conduit) == 0);
	p->task = (struct import){
		.kind = IMPORT_NAR,
		.index = i,
		.base = p->info.base,
		.info = &p->info,
		.compression = "none",
		.in = p->conduit,
	};
}

static void parcel_clear(struct parcel *p)
{
	conduit_release(p->conduit);
	path_info_clear(&p->info);
	buffer_clear(&p->nar);
}

static void put(const struct parcel *p, size_t len)
{
	for (size_t at = 0; at < len; at += CONDUIT_PIECE_MAX) {
		size_t left = len - at;
		const struct bytes piece = {
			p->nar.data + at,
			left < CONDUIT_PIECE_MAX ? left : CONDUIT_PIECE_MAX,
		};

		CHECK(conduit_put(p->conduit, piece) == 0);
	}
}

static struct import *await(struct stage *s)
{
	struct pollfd event = { .fd = importers_fd(s->pool), .events = POLLIN };
	struct import *task = NULL;

	while (!task && poll(&event, 1, WAIT_S * 1000) == 1)
		task = importers_next(s->pool);
	return task;
}

/* What comes of it: the task's own rc. */
static int send_all(struct stage *s, struct parcel *p)
{
	put(p, p->nar.len);
	conduit_end(p->conduit, 0, NULL);
	importers_submit(s->pool, &p->task);
	CHECK(await(s) == &p->task);
	return p->task.rc;
}

static int send_new(struct stage *s, unsigned i, size_t size)
{
	struct parcel p;
	int rc;

	parcel_make(&p, i, size);
	rc = send_all(s, &p);
	parcel_clear(&p);
	return rc;
}

static void archives_of_any_size_are_imported(void)
{
	struct script script = script_plain();
	struct stage s;

	stage_open(&s, &script);
	CHECK(send_new(&s, 200, 8) == 0);
	CHECK(send_new(&s, 201, SMALL) == 0);
	CHECK(send_new(&s, 202, LARGE) == 0);
	CHECK(importers_nar_bytes(s.pool) > LARGE + SMALL);
	CHECK(!importers_next(s.pool));
	stage_close(&s);
}

/* The connection is still good after it. */
static void of_a_small_one_that_is_wrong_the_daemon_never_hears(void)
{
	struct script script = script_plain();
	struct parcel p;
	struct stage s;

	stage_open(&s, &script);
	parcel_make(&p, 200, SMALL);
	p.info.nar_hash.sha256[7] ^= 1;
	CHECK(send_all(&s, &p) == -EBADMSG);
	CHECK(strstr(p.task.why, "NarHash"));
	CHECK(conduit_is_abandoned(p.conduit));
	parcel_clear(&p);

	parcel_make(&p, 200, SMALL);
	p.info.nar_size += 8;
	CHECK(send_all(&s, &p) == -EBADMSG);
	CHECK(strstr(p.task.why, "NarSize"));
	parcel_clear(&p);

	parcel_make(&p, 200, SMALL);
	p.info.nar_size -= 8;
	CHECK(send_all(&s, &p) == -EFBIG);
	parcel_clear(&p);

	CHECK(send_new(&s, 200, SMALL) == 0);
	stage_close(&s);
}

/* Its connection is closed before it could be registered, and the next task
 * asks for another. */
static void of_a_large_one_that_is_wrong_it_never_sees_the_end(void)
{
	struct script script = script_plain();
	struct parcel p;
	struct stage s;

	stage_open(&s, &script);
	parcel_make(&p, 200, LARGE);
	p.info.nar_hash.sha256[7] ^= 1;
	CHECK(send_all(&s, &p) == -EBADMSG);
	CHECK(strstr(p.task.why, "nothing was imported"));
	parcel_clear(&p);
	CHECK(send_new(&s, 201, SMALL) < 0);
	serve_again(&s, &script);
	CHECK(send_new(&s, 201, SMALL) == 0);
	stage_close(&s);
}

static void a_download_that_fails_says_why(void)
{
	struct script script = script_plain();
	struct parcel p;
	struct stage s;

	stage_open(&s, &script);
	parcel_make(&p, 200, SMALL);
	put(&p, SMALL / 2);
	conduit_end(p.conduit, -ECONNRESET, "the server hung up");
	importers_submit(s.pool, &p.task);
	CHECK(await(&s) == &p.task);
	CHECK(p.task.rc == -ECONNRESET);
	CHECK(strstr(p.task.why, "the server hung up"));
	parcel_clear(&p);

	parcel_make(&p, 200, SMALL);
	p.task.compression = "rot13";
	CHECK(send_all(&s, &p) == -ENOTSUP);
	CHECK(strstr(p.task.why, "rot13"));
	parcel_clear(&p);
	CHECK(send_new(&s, 200, SMALL) == 0);
	stage_close(&s);
}

static void what_the_daemon_says_is_told(void)
{
	struct script script = script_plain();
	struct parcel p;
	struct stage s;

	script.error = "error: no space left on device";
	stage_open(&s, &script);
	parcel_make(&p, 200, SMALL);
	CHECK(send_all(&s, &p) == -EREMOTEIO);
	CHECK(strstr(p.task.why, "no space left"));
	parcel_clear(&p);
	stage_close(&s);
}

static void nix_is_asked_for_what_the_cache_lacks(void)
{
	struct script script = script_plain();
	struct import task = { .kind = IMPORT_ENSURE };
	char base[STORE_PATH_BASE_SIZE];
	struct stage s;

	base_name(7, base);
	task.base = base;
	stage_open(&s, &script);
	importers_submit(s.pool, &task);
	CHECK(await(&s) == &task);
	CHECK(task.rc == 0);
	stage_close(&s);
}

/* It waits for bytes that never come; its task does not come back. */
static void an_importer_that_waits_for_bytes_can_be_called_off(void)
{
	struct script script = script_plain();
	struct parcel p;
	struct stage s;

	stage_open(&s, &script);
	parcel_make(&p, 200, SMALL);
	put(&p, SMALL / 2);
	importers_submit(s.pool, &p.task);
	stage_close(&s);
	parcel_clear(&p);
}

static const struct test tests[] = {
	{ "archives of any size are imported",
	  archives_of_any_size_are_imported },
	{ "of a small one that is wrong the daemon never hears",
	  of_a_small_one_that_is_wrong_the_daemon_never_hears },
	{ "of a large one that is wrong it never sees the end",
	  of_a_large_one_that_is_wrong_it_never_sees_the_end },
	{ "a download that fails says why", a_download_that_fails_says_why },
	{ "what the daemon says is told", what_the_daemon_says_is_told },
	{ "Nix is asked for what the cache lacks",
	  nix_is_asked_for_what_the_cache_lacks },
	{ "an importer that waits for bytes can be called off",
	  an_importer_that_waits_for_bytes_can_be_called_off },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
