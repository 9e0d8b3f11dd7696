#include "protocol/s3/object_key.h"
#include "tests/lib/audit_stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void a_log_begins_with_its_start_and_is_chained(void)
{
	static struct audit_stage s;

	audit_stage_open(&s);
	CHECK(audit_stage_write(&s) == 0);
	audit_note_locked(s.audit, "idle");
	audit_note_fetch_failed(s.audit, "dismissed");
	audit_stage_read(&s);
	CHECK(audit_stage_count(&s) == 4 && audit_stage_is_chained(&s));
	CHECK(audit_stage_has(&s, 1, "{\"seq\":1,\"time\":\"20"));
	CHECK(audit_stage_has(
		&s, 1,
		"\"event\":\"start\",\"version\":\"" NIXCACHE_VERSION
		"\",\"pid\":7,\"boot\":\"boot\",\"prev\":\"000"));
	CHECK(audit_stage_has(
		&s, 2,
		"\"event\":\"lock\",\"uid\":1000,\"pid\":42,\"start\":77,"
		"\"exe\":\"/bin/x\",\"scope\":\"owner\",\"decision\":"
		"\"allowed\",\"rule\":\"owner\",\"prev\":\""));
	CHECK(audit_stage_has(
		&s, 3, "\"event\":\"locked\",\"why\":\"idle\",\"prev\""));
	CHECK(audit_stage_has(
		&s, 4, "\"event\":\"fetchFailed\",\"kind\":\"dismissed\""));
	audit_stage_close(&s);
}

static void no_log_writes_nothing_and_allows(void)
{
	static const struct audit_start none = { .fd = -1 };
	struct audit *audit;
	static struct audit_stage s;

	CHECK(audit_new(&none, &audit) == 0);
	s.audit = audit;
	CHECK(!audit_is_kept(audit) && audit_stage_write(&s) == 0);
	CHECK(audit_failure(audit) == NULL && audit_is_settled(audit));
	CHECK(audit_seal_deadline_ms(audit) == 0);
	audit_free(audit);
}

/* Only the fields that are allowed: what is secret in a request has no way in. */
static void nothing_secret_of_a_request_is_written(void)
{
	struct s3_object_request requests[] = {
		{ .operation = S3_UPLOAD_PART,
		  .key = bytes_of_text("nar/x.nar"),
		  .expires = 60,
		  .has_content_length = true,
		  .content_length = 9,
		  .has_content_md5 = true,
		  .upload_id = bytes_of_text("UPLOAD"),
		  .part_number = 3 },
		{ .operation = S3_LIST_OBJECTS_V2,
		  .prefix = bytes_of_text("PREFIX"),
		  .start_after = bytes_of_text("AFTER"),
		  .continuation_token = bytes_of_text("TOKEN") },
	};
	const struct presign_call presign = { .requests = requests,
		                              .count = 2 };
	const struct audit_event event = {
		.event = "presign",
		.peer = &audit_stage_peer,
		.scope = "push",
		.cache = "main",
		.presign = &presign,
		.decision = "denied",
		.rule = "a \"rule\"\n",
	};
	static struct audit_stage s;

	audit_stage_open(&s);
	CHECK(audit_write(s.audit, &event) == 0);
	audit_stage_read(&s);
	CHECK(audit_stage_has(
		&s, 2,
		"\"scope\":\"push\",\"cache\":\"main\",\"objects\":["
		"{\"operation\":\"UploadPart\",\"key\":\"nar/x.nar\","
		"\"contentLength\":9,\"expires\":60},"
		"{\"operation\":\"ListObjectsV2\",\"expires\":300}],"
		"\"decision\":\"denied\",\"rule\":\"a \\\"rule\\\"\\u000a\","
		"\"prev\":"));
	CHECK(!strstr(s.text, "UPLOAD") && !strstr(s.text, "PREFIX") &&
	      !strstr(s.text, "AFTER") && !strstr(s.text, "TOKEN"));
	CHECK(audit_stage_is_chained(&s));
	audit_stage_close(&s);
}

static void fill(char *text, size_t size, const char *begin, char c)
{
	memset(text, c, size - 1);
	memcpy(text, begin, strlen(begin));
	text[size - 1] = '\0';
}

/* The worst that all limits let through: every character needs an escape. */
static void the_largest_batch_is_one_line(void)
{
	static char path[STORE_PATH_MAX + 1], key[OBJECT_KEY_MAX + 1],
		rule[AUDIT_RULE_SIZE];
	static struct sign_path paths[AGENT_BATCH_MAX];
	static struct s3_object_request requests[AGENT_BATCH_MAX];
	const struct sign_call sign = { .paths = paths,
		                        .count = AGENT_BATCH_MAX };
	const struct presign_call presign = { .requests = requests,
		                              .count = AGENT_BATCH_MAX };
	static struct peer peer;
	struct audit_event event = { .event = "sign",
		                     .peer = &peer,
		                     .scope = "owner",
		                     .cache = "main",
		                     .sign = &sign,
		                     .decision = "allowed",
		                     .rule = rule };
	static struct audit_stage s;

	peer = audit_stage_peer;
	fill(peer.exe, sizeof(peer.exe), "/", '"');
	fill(rule, sizeof(rule), "", '\\');
	fill(path, sizeof(path), "/", 'p');
	memset(path + 1, '"',
	       STORE_DIR_MAX - 1); /* a store's folder may be so */
	fill(key, sizeof(key), "nar/", 'k');
	for (size_t i = 0; i < AGENT_BATCH_MAX; i++) {
		paths[i].store_path = path;
		paths[i].nar_size = UINT64_MAX;
		requests[i] = (struct s3_object_request){
			.operation = S3_COMPLETE_MULTIPART_UPLOAD,
			.key = bytes_of_text(key),
			.has_content_length = true,
			.content_length = UINT64_MAX,
			.expires = UINT32_MAX,
		};
	}
	audit_stage_open(&s);
	CHECK(audit_write(s.audit, &event) == 0);
	event.event = "presign";
	event.sign = NULL;
	event.presign = &presign;
	CHECK(audit_write(s.audit, &event) == 0);
	audit_stage_read(&s);
	CHECK(audit_stage_count(&s) == 3 && audit_stage_is_chained(&s));
	audit_stage_close(&s);
}

/* What can be written in part is taken back, told, and tried again. */
static void a_full_disk_refuses_and_recovers(void)
{
	static struct audit_stage s;
	struct stat before, after;

	audit_stage_open(&s);
	CHECK(stat(s.path, &before) == 0);
	audit_stage_allow((rlim_t)before.st_size + 10);
	CHECK(audit_stage_write(&s) == -EFBIG &&
	      audit_stage_write(&s) == -EFBIG);
	CHECK(audit_failure(s.audit) &&
	      strstr(audit_failure(s.audit), s.path) &&
	      strstr(audit_failure(s.audit), "File too large"));
	CHECK(audit_sequence(s.audit) == 1);
	CHECK(stat(s.path, &after) == 0 && after.st_size == before.st_size);
	audit_stage_allow(RLIM_INFINITY);
	CHECK(audit_stage_write(&s) == 0 && audit_failure(s.audit) == NULL);
	audit_stage_read(&s);
	CHECK(audit_stage_count(&s) == 3 && audit_stage_is_chained(&s));
	CHECK(audit_stage_has(&s, 2, "\"event\":\"lost\",\"records\":2"));
	CHECK(audit_stage_has(&s, 3, "\"event\":\"lock\""));
	audit_stage_close(&s);
}

/* The piece is taken back from where it is, not from where we think the end
 * is: somebody may have put something there. */
static void a_foreign_line_is_not_cut(void)
{
	static struct audit_stage s;
	struct stat before, after;
	int fd;

	audit_stage_open(&s);
	fd = open(s.path, O_WRONLY | O_APPEND);
	CHECK(write(fd, "foreign\n", 8) == 8);
	CHECK(fstat(fd, &before) == 0);
	audit_stage_allow((rlim_t)before.st_size + 10);
	CHECK(audit_stage_write(&s) == -EFBIG);
	audit_stage_allow(RLIM_INFINITY);
	CHECK(fstat(fd, &after) == 0 && after.st_size == before.st_size);
	(void)close(fd);
	audit_stage_close(&s);
}

static void a_start_that_cannot_be_written_is_written_later(void)
{
	static struct audit_stage s;

	audit_stage_init(&s);
	s.start.former = "audit.jsonl.000000000009";
	s.start.sequence = 9;
	audit_stage_allow(0);
	CHECK(audit_new(&s.start, &s.audit) == 0);
	CHECK(audit_failure(s.audit) != NULL);
	CHECK(audit_stage_write(&s) == -EFBIG);
	audit_stage_allow(RLIM_INFINITY);
	CHECK(audit_stage_write(&s) == 0);
	audit_stage_read(&s);
	CHECK(audit_stage_has(&s, 1, "{\"seq\":10,"));
	CHECK(audit_stage_has(
		&s, 1, "\"continued\",\"file\":\"audit.jsonl.000000000009\""));
	CHECK(audit_stage_has(&s, 2, "\"start\"") &&
	      audit_stage_has(&s, 3, "\"lost\"") &&
	      audit_stage_has(&s, 4, "\"lock\""));
	audit_stage_close(&s);
}

static void a_log_that_is_not_there_refuses(void)
{
	static struct audit_stage s;

	s.start = (struct audit_start){ .path = "/x/log",
		                        .fd = -1,
		                        .why = "is a symbolic link" };
	CHECK(audit_new(&s.start, &s.audit) == 0);
	CHECK(audit_stage_write(&s) < 0);
	CHECK(strcmp(audit_failure(s.audit), "/x/log: is a symbolic link") ==
	      0);
	CHECK(!audit_wants_rotation(s.audit));
	audit_free(s.audit);
}

static void another_file_goes_on_with_the_chain(void)
{
	char other[] = "/tmp/audit.XXXXXX";
	static struct audit_stage s;
	struct bytes last;
	char before[AGENT_AUDIT_HEAD_SIZE], want[128];

	audit_stage_init(&s);
	s.start.size_max = 200;
	CHECK(audit_new(&s.start, &s.audit) == 0);
	while (!audit_wants_rotation(s.audit))
		CHECK(audit_stage_write(&s) == 0);
	CHECK(!audit_wants_rotation(s.audit)); /* once */
	CHECK(audit_stage_write(&s) == 0);     /* in the old one still */
	audit_head(s.audit, before);
	audit_take_rotated(s.audit, mkstemp(other), "audit.jsonl.1");
	CHECK(audit_stage_write(&s) == 0);
	audit_stage_read(&s);
	CHECK(audit_stage_count(&s) + 2 == audit_sequence(s.audit));

	CHECK(unlink(s.path) == 0);
	(void)snprintf(s.path, sizeof(s.path), "%s", other);
	audit_stage_read(&s);
	last = audit_stage_line(&s, 1);
	(void)snprintf(want, sizeof(want), "\"prev\":\"%s\"}", before);
	CHECK(last.len > 0 && audit_stage_has(&s, 1, want));
	CHECK(audit_stage_has(&s, 1,
	                      "\"continued\",\"file\":\"audit.jsonl.1\""));
	CHECK(audit_stage_has(&s, 2, "\"lock\""));
	audit_stage_close(&s);
}

static void a_change_of_files_that_fails_is_told(void)
{
	static struct audit_stage s;

	audit_stage_init(&s);
	s.start.size_max = 10;
	CHECK(audit_new(&s.start, &s.audit) == 0);
	CHECK(audit_rotation_failure(s.audit) == NULL);
	CHECK(audit_wants_rotation(s.audit));
	audit_take_rotated(s.audit, -1, "no room");
	CHECK(strcmp(audit_rotation_failure(s.audit), "no room") == 0);
	CHECK(!audit_wants_rotation(s.audit)); /* not at once */
	CHECK(audit_stage_write(&s) == 0);
	audit_stage_close(&s);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a log begins with its start and is chained",
		  a_log_begins_with_its_start_and_is_chained },
		{ "no log writes nothing and allows",
		  no_log_writes_nothing_and_allows },
		{ "nothing secret of a request is written",
		  nothing_secret_of_a_request_is_written },
		{ "the largest batch is one line",
		  the_largest_batch_is_one_line },
		{ "a full disk refuses and recovers",
		  a_full_disk_refuses_and_recovers },
		{ "a foreign line is not cut", a_foreign_line_is_not_cut },
		{ "a start that cannot be written is written later",
		  a_start_that_cannot_be_written_is_written_later },
		{ "a log that is not there refuses",
		  a_log_that_is_not_there_refuses },
		{ "another file goes on with the chain",
		  another_file_goes_on_with_the_chain },
		{ "a change of files that fails is told",
		  a_change_of_files_that_fails_is_told },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
