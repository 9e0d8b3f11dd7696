#include "tests/lib/nix_daemon.h"
#include "tests/lib/test.h"

#include "client/store/closure.h"

#include <errno.h>
#include <string.h>

/* Computes the closure of one path; the error's text is kept. */
static int compute(const struct script *script, unsigned root, bool follow,
                   struct closure *ret_closure, struct daemon_error *error)
{
	cleanup_strings struct strings roots = { .items = NULL };
	char base[STORE_PATH_BASE_SIZE];
	struct daemon *d = NULL;
	struct place p;
	int rc;

	base_name(root, base);
	CHECK(strings_add(&roots, base, strlen(base)) == 0);
	CHECK(strings_add(&roots, base, strlen(base)) == 0);
	place_make(&p);
	place_serve(&p, script);
	error->text[0] = '\0';
	rc = daemon_open(p.uri, &d, error);
	if (rc == 0)
		rc = closure_compute(d, &roots, follow, ret_closure, error);
	daemon_close(d);
	place_remove(&p);
	return rc;
}

static bool references_come_first(const struct closure *c)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct strings *references = &c->paths[i].references;

		for (size_t k = 0; k < references->count; k++) {
			ssize_t at = closure_find(c, references->items[k]);

			if (at < 0 || (size_t)at > i)
				return false;
		}
	}
	return true;
}

static void a_closure_has_each_path_once_references_first(void)
{
	static const enum shape shapes[] = { SHAPE_TREE, SHAPE_CHAIN,
		                             SHAPE_WIDE };

	for (size_t i = 0; i < 3; i++) {
		struct script script = script_plain();
		struct closure c = { .count = 0 };
		struct daemon_error error;

		script.shape = shapes[i];
		script.wants_roots = true;
		script.count = 600;
		CHECK(compute(&script, 599, true, &c, &error) == 0);
		CHECK(shapes[i] == SHAPE_TREE ? c.count > 9 : c.count == 600);
		CHECK(references_come_first(&c));
		CHECK(closure_find(&c, "none") == -1);
		CHECK(c.count > 0 && c.paths[c.count - 1].nar_size == 1599);
		closure_clear(&c);
	}
}

static void every_version_and_every_chatter_is_understood(void)
{
	static const uint64_t versions[] = { 0x117, 0x119, 0x11a, 0x120,
		                             0x121, 0x122, 0x123, 0x126 };

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		struct script script = script_plain();
		struct closure c = { .count = 0 };
		struct daemon_error error;

		script.version = versions[i];
		script.is_chatty = i % 2 == 0;
		script.is_drop_wise = true;
		CHECK(compute(&script, 99, true, &c, &error) == 0);
		CHECK(references_come_first(&c));
		closure_clear(&c);
	}
}

/* The daemon answers before it reads on: if we only wrote, then only read,
 * both would wait for ever once the socket's buffers are full. */
static void many_questions_and_long_answers_do_not_block(void)
{
	struct script script = script_plain();
	struct closure c = { .count = 0 };
	struct daemon_error error;

	script.shape = SHAPE_WIDE;
	script.count = 12000;
	script.is_chatty = true;
	CHECK(compute(&script, 11999, true, &c, &error) == 0);
	CHECK(c.count == 12000 && references_come_first(&c));
	closure_clear(&c);
}

static void without_following_only_the_roots_come(void)
{
	struct script script = script_plain();
	struct closure c = { .count = 0 };
	struct daemon_error error;

	CHECK(compute(&script, 99, false, &c, &error) == 0);
	CHECK(c.count == 1 && c.paths[0].references.count == 3);
	closure_clear(&c);
}

static void a_path_that_is_not_valid_is_named(void)
{
	struct script script = script_plain();
	struct closure c = { .count = 0 };
	struct daemon_error error;

	CHECK(compute(&script, 100, true, &c, &error) == -ENOENT);
	CHECK(strstr(error.text, DIR "/00000000000000000000000000000100-p"));
	CHECK(strstr(error.text, "not a valid path"));
}

static void a_circle_is_refused(void)
{
	struct script script = script_plain();
	struct closure c = { .count = 0 };
	struct daemon_error error;

	script.shape = SHAPE_CIRCLE;
	CHECK(compute(&script, 5, true, &c, &error) == -ELOOP);
	CHECK(strstr(error.text, "circle"));
}

int main(void)
{
	static const struct test tests[] = {
		{ "a closure has each path once, references first",
		  a_closure_has_each_path_once_references_first },
		{ "every version and every chatter is understood",
		  every_version_and_every_chatter_is_understood },
		{ "many questions and long answers do not block",
		  many_questions_and_long_answers_do_not_block },
		{ "without following only the roots come",
		  without_following_only_the_roots_come },
		{ "a path that is not valid is named",
		  a_path_that_is_not_valid_is_named },
		{ "a circle is refused", a_circle_is_refused },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
