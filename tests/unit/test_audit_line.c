#include "tests/lib/audit_rig.h"
#include "tests/lib/test.h"

#include "protocol/audit/audit_line.h"

#include <errno.h>
#include <string.h>

#define SEQ  "\"seq\":1"
#define TIME "\"time\":\"2026-11-23T20:15:30.123Z\""
#define HEX  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define PREV "\"prev\":\"" HEX "\""
#define SIG                                                                        \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAAAAAAAAAAAA=="
#define LINE(rest) "{" SEQ "," TIME "," rest "," PREV "}"
#define SEAL(sealed, key, sig)                                         \
	LINE("\"event\":\"seal\",\"sealed\":" sealed ",\"key\":\"" key \
	     "\",\"next\":\"" HEX "\",\"signature\":\"" sig "\"")
#define CALL(uid, decision)                                            \
	LINE("\"event\":\"lock\",\"uid\":" uid                         \
	     ",\"pid\":7,\"scope\":\"owner\",\"decision\":\"" decision \
	     "\",\"rule\":\"r\"")

static const struct row {
	const char *what;
	const char *text;
	int rc;
	enum audit_kind kind;
} rows[] = {
	{ "an end", LINE("\"event\":\"end\""), 0, AUDIT_END },
	{ "an event of later", LINE("\"event\":\"new\",\"x\":{}"), 0,
	  AUDIT_UNKNOWN },
	{ "a member of later", LINE("\"event\":\"end\",\"x\":1"), 0,
	  AUDIT_END },
	{ "a seal", SEAL("1", HEX, SIG), 0, AUDIT_SEAL },
	{ "a call", CALL("0", "denied"), 0, AUDIT_CALL },
	{ "the largest uid", CALL("4294967295", "allowed"), 0, AUDIT_CALL },
	{ "one beyond", CALL("4294967296", "allowed"), -EBADMSG, 0 },
	{ "nothing", "", -EBADMSG, 0 },
	{ "an empty object", "{}", -EBADMSG, 0 },
	{ "a list", "[]", -EBADMSG, 0 },
	{ "space before", " " LINE("\"event\":\"end\""), -EBADMSG, 0 },
	{ "space behind", LINE("\"event\":\"end\"") " ", -EBADMSG, 0 },
	{ "two objects", LINE("\"event\":\"end\"") "{}", -EBADMSG, 0 },
	{ "a member twice", LINE("\"event\":\"end\",\"event\":\"end\""),
	  -EBADMSG, 0 },
	{ "no event", LINE("\"x\":1"), -EBADMSG, 0 },
	{ "an event that is a number", LINE("\"event\":1"), -EBADMSG, 0 },
	{ "no seq", "{" TIME ",\"event\":\"end\"," PREV "}", -EBADMSG, 0 },
	{ "seq 0", "{\"seq\":0," TIME ",\"event\":\"end\"," PREV "}", -EBADMSG,
	  0 },
	{ "a seq below 0", "{\"seq\":-1," TIME ",\"event\":\"end\"," PREV "}",
	  -EBADMSG, 0 },
	{ "no prev", "{" SEQ "," TIME ",\"event\":\"end\"}", -EBADMSG, 0 },
	{ "a short prev",
	  "{" SEQ "," TIME ",\"event\":\"end\",\"prev\":\"00\"}", -EBADMSG, 0 },
	{ "upper case",
	  SEAL("1",
	       "00112233445566778899AABBCCDDEEFF"
	       "00112233445566778899aabbccddeeff",
	       SIG),
	  -EBADMSG, 0 },
	{ "a seal of line 0", SEAL("0", HEX, SIG), -EBADMSG, 0 },
	{ "a seal without signature", SEAL("1", HEX, ""), -EBADMSG, 0 },
	{ "a signature in hex", SEAL("1", HEX, HEX HEX), -EBADMSG, 0 },
	{ "a vault without key", LINE("\"event\":\"vault\""), -EBADMSG, 0 },
	{ "certificates that are none",
	  LINE("\"event\":\"unlocked\",\"certificates\":{}"), -EBADMSG, 0 },
	{ "a call without decision",
	  LINE("\"event\":\"lock\",\"uid\":1,\"pid\":7"), -EBADMSG, 0 },
};

static void each_row_is_judged(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct audit_line line = { .tree = NULL };
		int rc = audit_line_parse(bytes_of_text(rows[i].text), &line);

		if (rc != rows[i].rc || (rc == 0 && line.kind != rows[i].kind))
			FAIL(rows[i].what);
		audit_line_clear(&line);
	}
}

static const struct time_row {
	const char *text;
	int64_t ms; /* -1: refused */
} times[] = {
	{ "1970-01-01T00:00:00.000Z", 0 },
	{ "2026-11-23T20:15:30.123Z", 1795464930123 },
	{ "2028-02-29T23:59:59.999Z", 1835481599999 },
	{ "2027-02-29T23:59:59.999Z", -1 },
	{ "2026-13-01T00:00:00.000Z", -1 },
	{ "2026-00-01T00:00:00.000Z", -1 },
	{ "2026-11-23T24:00:00.000Z", -1 },
	{ "2026-11-23T20:60:00.000Z", -1 },
	{ "2026-11-23T20:15:60.000Z", -1 },
	{ "2026-11-23T20:15:30,123Z", -1 },
	{ "2026-11-23T20:15:30.123", -1 },
	{ "2026-11-23 20:15:30.123Z", -1 },
	{ "2026-11-23T20:15:30.123ZZ", -1 },
	{ "+026-11-23T20:15:30.123Z", -1 },
};

static void times_are_read_strictly(void)
{
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct audit_line line = { .tree = NULL };
		char text[512];
		int rc;

		(void)snprintf(text, sizeof(text),
		               "{" SEQ
		               ",\"time\":\"%s\",\"event\":\"end\"," PREV "}",
		               times[i].text);
		rc = audit_line_parse(bytes_of_text(text), &line);
		if (times[i].ms < 0 ? rc != -EBADMSG
		                    : rc != 0 || line.time_ms != times[i].ms)
			FAIL(times[i].text);
		audit_line_clear(&line);
	}
}

static void a_line_of_the_greatest_length_is_read_and_no_longer_one(void)
{
	static char text[AUDIT_LINE_MAX + 1];
	static const char head[] = "{" SEQ "," TIME
				   ",\"event\":\"end\",\"x\":\"";
	static const char tail[] = "\"," PREV "}";
	struct audit_line line = { .tree = NULL };
	size_t len = AUDIT_LINE_MAX - 1, at = len - (sizeof(tail) - 1);

	memset(text, 'x', sizeof(text));
	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + at, tail, sizeof(tail) - 1);
	CHECK(audit_line_parse((struct bytes){ (uint8_t *)text, len }, &line) ==
	      0);
	audit_line_clear(&line);
	memcpy(text + at, "xx", 2);
	memcpy(text + at + 1, tail, sizeof(tail) - 1);
	CHECK(audit_line_parse((struct bytes){ (uint8_t *)text, len + 1 },
	                       &line) == -EBADMSG);
}

static void what_a_call_says_is_there(void)
{
	static const char text[] = LINE(
		"\"event\":\"presign\",\"uid\":1000,\"pid\":7,\"exe\":\"/e\","
		"\"scope\":\"push\",\"cache\":\"main\",\"objects\":["
		"{\"operation\":\"PutObject\",\"key\":\"nar/x\",\"expires\":1},"
		"{\"operation\":\"ListObjectsV2\",\"expires\":1},7],"
		"\"decision\":\"allowed\",\"rule\":\"because\"");
	struct audit_line line = { .tree = NULL };
	struct audit_item item;

	CHECK(audit_line_parse(bytes_of_text(text), &line) == 0);
	CHECK(line.kind == AUDIT_PRESIGN && line.sequence == 1);
	CHECK(line.call.uid == 1000 && line.call.pid == 7);
	CHECK(line.call.is_allowed && line.call.item_count == 3);
	CHECK(bytes_equal(line.call.exe, bytes_of_text("/e")));
	CHECK(bytes_equal(line.call.scope, bytes_of_text("push")));
	CHECK(bytes_equal(line.call.cache, bytes_of_text("main")));
	CHECK(bytes_equal(line.call.rule, bytes_of_text("because")));
	CHECK(audit_line_item(&line, 0, &item) == 0);
	CHECK(bytes_equal(item.name, bytes_of_text("nar/x")));
	CHECK(bytes_equal(item.operation, bytes_of_text("PutObject")));
	CHECK(audit_line_item(&line, 1, &item) == 0 && item.name.len == 0);
	CHECK(audit_line_item(&line, 2, &item) == -EBADMSG);
	CHECK(audit_line_item(&line, 3, &item) == -EBADMSG);
	audit_line_clear(&line);
}

/* Of every line of a whole log, every beginning is refused. */
static void every_truncation_is_refused(void)
{
	struct audit_rig rig;
	struct bytes rest;

	audit_rig_init(&rig, "test-1");
	audit_rig_whole(&rig);
	rest = buffer_bytes(&rig.log);
	while (rest.len > 0) {
		const uint8_t *end = memchr(rest.data, '\n', rest.len);
		struct audit_line line = { .tree = NULL };
		size_t len = (size_t)(end - rest.data);

		CHECK(audit_line_parse((struct bytes){ rest.data, len },
		                       &line) == 0);
		audit_line_clear(&line);
		for (size_t i = 0; i < len; i++) {
			CHECK(audit_line_parse((struct bytes){ rest.data, i },
			                       &line) == -EBADMSG);
		}
		CHECK(audit_line_parse((struct bytes){ rest.data, len + 1 },
		                       &line) == -EBADMSG);
		rest.data += len + 1;
		rest.len -= len + 1;
	}
	audit_rig_clear(&rig);
}

int main(void)
{
	static const struct test tests[] = {
		{ "each row is judged", each_row_is_judged },
		{ "times are read strictly", times_are_read_strictly },
		{ "a line of the greatest length is read, and no longer one",
		  a_line_of_the_greatest_length_is_read_and_no_longer_one },
		{ "what a call says is there", what_a_call_says_is_there },
		{ "every truncation is refused", every_truncation_is_refused },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
