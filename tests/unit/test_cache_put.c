#include "tests/lib/cache_stage.h"
#include "tests/lib/test.h"

#include <string.h>
#include <sys/types.h>

/* Waits between tries are a random part of a growing time: here none. */
ssize_t getrandom(void *out, size_t len, unsigned flags);
ssize_t getrandom(void *out, size_t len, unsigned flags)
{
	(void)flags;
	memset(out, 0, len);
	return (ssize_t)len;
}

#define MD5_HELLO     "5d41402abc4b2a76b9719d911017c592"
#define HEAD_OF(etag) "HTTP/1.1 200 OK\r\nETag: " etag "\r\n\r\n"

static const struct {
	const char *what;
	const char *put[2];
	const char *head; /* NULL: none is sent */
	enum cache_outcome outcome;
} conditional[] = {
	{ "it was not there", { STAGE_OK }, NULL, CACHE_OK },
	{ "it is there", { STAGE_STATUS("412 P") }, NULL, CACHE_EXISTS },
	{ "another is just being written",
	  { STAGE_STATUS("409 C") },
	  NULL,
	  CACHE_EXISTS },
	{ "another was just being written",
	  { STAGE_BODY("409 C", STAGE_ERROR("ConditionalRequestConflict")),
	    STAGE_OK },
	  NULL,
	  CACHE_OK },
	{ "an answer was lost, and ours is there",
	  { NULL, STAGE_STATUS("412 P") },
	  HEAD_OF("\"" MD5_HELLO "\""),
	  CACHE_OK },
	{ "an answer was lost, and another's is there",
	  { NULL, STAGE_STATUS("412 P") },
	  HEAD_OF("\"0d41402abc4b2a76b9719d911017c592\""),
	  CACHE_EXISTS },
	{ "an answer was lost, and what is there was made of parts",
	  { NULL, STAGE_STATUS("412 P") },
	  HEAD_OF("\"" MD5_HELLO "-1\""),
	  CACHE_EXISTS },
	{ "an answer was lost, and what is there cannot be seen",
	  { NULL, STAGE_STATUS("412 P") },
	  STAGE_STATUS("403 F"),
	  CACHE_EXISTS },
	{ "an answer was lost, but nothing was stored",
	  { NULL, STAGE_OK },
	  NULL,
	  CACHE_OK },
	{ "the server cannot do it",
	  { STAGE_BODY("501 N", STAGE_ERROR("NotImplemented")) },
	  NULL,
	  CACHE_FAILED },
};

static void only_what_is_absent_is_put(void)
{
	const struct cache_step step = { .type = CACHE_PUT,
		                         .key = STAGE_NAR,
		                         .only_if_absent = true,
		                         .body = (const uint8_t *)"hello",
		                         .body_len = 5 };
	size_t count = sizeof(conditional) / sizeof(conditional[0]);

	for (size_t i = 0; i < count; i++) {
		const struct http_reply replies[] = {
			{ .match = "PUT", .answer = conditional[i].put[0] },
			{ .match = "PUT", .answer = conditional[i].put[1] },
			{ .match = "HEAD", .answer = conditional[i].head },
		};
		size_t heads = conditional[i].head ? 1 : 0;
		struct stage s;
		struct cache_result result = stage_run(&s, replies, 3, &step);
		size_t asked = s.fake->asked_count;

		if (result.outcome != conditional[i].outcome)
			test_fail(__FILE__, __LINE__, conditional[i].what);
		CHECK(s.fake->asked[0].if_none_match);
		CHECK(strcasestr(http_server_head(s.server, 0),
		                 "\r\nif-none-match: *\r\n"));
		CHECK(asked == 1 + heads);
		CHECK((s.fake->asked[asked - 1].operation == S3_HEAD_OBJECT) ==
		      (heads == 1));
		stage_tear_down(&s);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "only what is absent is put", only_what_is_absent_is_put },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
