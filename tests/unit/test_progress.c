#include "client/ui/progress.h"
#include "tests/lib/spoken.h"
#include "tests/lib/test.h"

#include <json-c/json.h>

#include <stdlib.h>
#include <string.h>

#define HELLO "/nix/store/0c0000000000000000000000000000zz-hello-2.12"

/* A whole push or pull in one breath. */
static void play(enum progress_mode mode, enum progress_kind kind,
                 const char *error)
{
	const struct progress_plan plan = { .path_count = 10,
		                            .todo_count = 3,
		                            .upstream_count = 4,
		                            .present_count = 3,
		                            .nar_bytes = 3 << 20 };
	struct progress *p = progress_new(mode, kind);

	progress_plan(p, &plan, "mine");
	progress_would_do(p, HELLO, 5);
	progress_started(p, HELLO, 2048);
	progress_tick(p, 1, 1);
	progress_done(p, HELLO, 2048, 100);
	progress_failed(p, HELLO, error);
	progress_notice(p, "note %d \"%s\"", 1, "well");
	progress_end(p, 1, 1, 1024);
	progress_free(p);
}

static void speak(enum progress_mode mode, const char *error,
                  struct spoken *spoken)
{
	if (!spoken_begin(spoken))
		return;
	play(mode, PROGRESS_PUSH, error);
	spoken_end();
}

/* The text begins with the line; returns what follows, or NULL. */
static const char *after_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	return text && strncmp(text, line, len) == 0 && text[len] == '\n'
	               ? text + len + 1
	               : NULL;
}

static void a_file_gets_plain_lines(void)
{
	static struct spoken spoken;
	const char *at;

	speak(PROGRESS_AUTO, "403 Forbidden", &spoken);
	CHECK(spoken.exit_status == SPOKEN_CAME_THROUGH);
	CHECK(strcmp(spoken.out, HELLO "\n") == 0);
	CHECK(!strchr(spoken.err, '\033') && !strchr(spoken.err, '\r'));
	at = after_line(spoken.err,
	                "mine: 3 of 10 paths to push (3.0 MiB); 3 there "
	                "already, 4 from upstream");
	at = after_line(at, "pushed hello-2.12 (2.0 KiB, 100 B packed)");
	at = after_line(at, "failed " HELLO ": 403 Forbidden");
	at = after_line(at, "note 1 \"well\"");
	CHECK(at &&
	      strncmp(at, "1 pushed, 1 failed, 1.0 KiB sent in ", 36) == 0);
	CHECK(at && strchr(at, '\n') == at + strlen(at) - 1);
}

/* Only errors, and what was asked for. */
static void quiet_says_only_what_failed(void)
{
	static struct spoken spoken;

	speak(PROGRESS_QUIET, "403 Forbidden", &spoken);
	CHECK(strcmp(spoken.out, HELLO "\n") == 0);
	CHECK(strcmp(spoken.err, "failed " HELLO ": 403 Forbidden\n") == 0);
}

static struct json_object *parse_line(const char **at)
{
	size_t len = strcspn(*at, "\n");
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
	                                        JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, *at, (int)len);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
	    json_tokener_get_parse_end(tokener) != len) {
		json_object_put(object);
		object = NULL;
	}
	json_tokener_free(tokener);
	*at += len + ((*at)[len] == '\n' ? 1 : 0);
	return object;
}

static const char *text_of(struct json_object *object, const char *member)
{
	return json_object_get_string(json_object_object_get(object, member));
}

static int64_t number_of(struct json_object *object, const char *member)
{
	struct json_object *number = json_object_object_get(object, member);

	return json_object_is_type(number, json_type_int)
	               ? json_object_get_int64(number)
	               : -1;
}

static void check_event(const char *name, struct json_object *o)
{
	if (strcmp(name, "plan") == 0) {
		CHECK(strcmp(text_of(o, "cache"), "mine") == 0 &&
		      number_of(o, "paths") == 10 &&
		      number_of(o, "push") == 3 &&
		      number_of(o, "present") == 3 &&
		      number_of(o, "upstream") == 4 &&
		      number_of(o, "narBytes") == 3 << 20);
	} else if (strcmp(name, "would-push") == 0) {
		CHECK(number_of(o, "narSize") == 5);
	} else if (strcmp(name, "pushed") == 0) {
		CHECK(strcmp(text_of(o, "storePath"), HELLO) == 0 &&
		      number_of(o, "narSize") == 2048 &&
		      number_of(o, "fileSize") == 100);
	} else if (strcmp(name, "notice") == 0) {
		CHECK(strcmp(text_of(o, "text"), "note 1 \"well\"") == 0);
	} else if (strcmp(name, "end") == 0) {
		CHECK(number_of(o, "pushed") == 1 &&
		      number_of(o, "failed") == 1 &&
		      number_of(o, "bytesSent") == 1024 &&
		      number_of(o, "milliseconds") >= 0);
	}
}

static void every_event_is_one_line_of_json(void)
{
	static const char *const events[] = { "plan",   "would-push", "started",
		                              "pushed", "failed",     "notice",
		                              "end" };
	static struct spoken spoken;
	const char *at = spoken.out;

	speak(PROGRESS_JSON, "403 Forbidden", &spoken);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct json_object *object = parse_line(&at);

		if (!object ||
		    strcmp(text_of(object, "event"), events[i]) != 0) {
			test_fail(events[i], (int)i, "another event");
		} else {
			check_event(events[i], object);
		}
		json_object_put(object);
	}
	CHECK(*at == '\0');
	CHECK(strcmp(spoken.err, "failed " HELLO ": 403 Forbidden\n") == 0);
}

/* The error of event 5, read back. */
static void check_error_survives(const char *error, const char *expected)
{
	static struct spoken spoken;
	const char *at = spoken.out;
	struct json_object *object = NULL;

	speak(PROGRESS_JSON, error, &spoken);
	for (int i = 0; i < 5; i++) {
		json_object_put(object);
		object = parse_line(&at);
	}
	if (!object || strcmp(text_of(object, "event"), "failed") != 0 ||
	    strcmp(text_of(object, "error"), expected) != 0)
		test_fail(__FILE__, __LINE__, error);
	json_object_put(object);
}

static void errors_of_any_bytes_are_valid_json(void)
{
	char longest[768]; /* as long as an upload's error can be */

	check_error_survives("\"\\\n\t\x01", "\"\\\n\t\x01");
	check_error_survives("\xc3\xa9", "\xc3\xa9");
	check_error_survives("a\xff"
	                     "b",
	                     "a\xef\xbf\xbd"
	                     "b");
	memset(longest, '\x01', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	check_error_survives(longest, longest);
}

static void a_pull_has_words_of_its_own(void)
{
	static const char *const members[] = {
		"\"event\":\"would-pull\"",
		"\"event\":\"pulled\"",
		"\"pull\":3,",
		"\"pulled\":1,",
		"\"bytesReceived\":1024,",
	};
	static struct spoken spoken;
	const char *at;

	if (spoken_begin(&spoken)) {
		play(PROGRESS_AUTO, PROGRESS_PULL, "404 Not Found");
		spoken_end();
	}
	at = after_line(spoken.err,
	                "mine: 3 of 10 paths to pull (3.0 MiB); 3 here "
	                "already, 4 from Nix's substituters");
	at = after_line(at, "pulled hello-2.12 (2.0 KiB, 100 B packed)");
	CHECK(at && strstr(at, "1 pulled, 1 failed, 1.0 KiB received in "));

	if (spoken_begin(&spoken)) {
		play(PROGRESS_JSON, PROGRESS_PULL, "404 Not Found");
		spoken_end();
	}
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (!strstr(spoken.out, members[i]))
			test_fail(__FILE__, __LINE__, members[i]);
	}
	CHECK(!strstr(spoken.out, "push"));
}

static const struct test tests[] = {
	{ "a file gets plain lines", a_file_gets_plain_lines },
	{ "quiet says only what failed", quiet_says_only_what_failed },
	{ "every event is one line of JSON", every_event_is_one_line_of_json },
	{ "errors of any bytes are valid JSON",
	  errors_of_any_bytes_are_valid_json },
	{ "a pull has words of its own", a_pull_has_words_of_its_own },
};

int main(void)
{
	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
