#include "agent/door/audit/audit.h"
#include "protocol/base/digest.h"
#include "protocol/base/text.h"
#include "protocol/s3/object_key.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX (1UL << 20)
#define KEY_HEX \
	"0700000000000000000000000000000000000000000000000000000000000000"

/* A log in a file that has no name but for the test. */
struct stage {
	char path[64];
	struct audit_start start;
	struct audit *audit;
	struct buffer frames; /* to the vault */
	char text[TEXT_MAX];  /* of the file */
};

static struct peer a_peer = {
	.uid = 1000,
	.pid = 42,
	.pidfd = -1,
	.start = 77,
	.exe = "/bin/x",
};

static void stage_init(struct stage *s)
{
	(void)signal(SIGXFSZ, SIG_IGN);
	memset(s, 0, sizeof(*s));
	(void)snprintf(s->path, sizeof(s->path), "/tmp/audit.XXXXXX");
	s->start = (struct audit_start){
		.path = s->path,
		.fd = mkstemp(s->path),
		.pid = 7,
		.boot = "boot",
		.size_max = TEXT_MAX,
	};
	CHECK(s->start.fd >= 0 && fcntl(s->start.fd, F_SETFL, O_APPEND) == 0);
	buffer_init(&s->frames, WIRE_FRAME_MAX);
}

static void stage_open(struct stage *s)
{
	stage_init(s);
	CHECK(audit_new(&s->start, &s->audit) == 0);
}

static void stage_close(struct stage *s)
{
	audit_free(s->audit);
	buffer_clear(&s->frames);
	CHECK(unlink(s->path) == 0);
}

static void stage_read(struct stage *s)
{
	int fd = open(s->path, O_RDONLY);
	ssize_t n = read(fd, s->text, sizeof(s->text) - 1);

	CHECK(n >= 0);
	s->text[n > 0 ? n : 0] = '\0';
	(void)close(fd);
}

/* Line number n, from 1, without its newline; or empty. */
static struct bytes line_of(const struct stage *s, unsigned n)
{
	const char *at = s->text;

	for (; n > 1 && *at != '\0'; n--)
		at += strcspn(at, "\n") + 1;
	return (struct bytes){ (const uint8_t *)at, strcspn(at, "\n") };
}

static bool line_has(const struct stage *s, unsigned n, const char *words)
{
	struct bytes line = line_of(s, n);
	bool has = memmem(line.data, line.len, words, strlen(words)) != NULL;

	if (!has) {
		(void)printf("# no %s in: %.*s\n", words, (int)line.len,
		             (const char *)line.data);
	}
	return has;
}

static size_t count_lines(const struct stage *s)
{
	size_t count = 0;

	for (const char *at = s->text; (at = strchr(at, '\n')); at++)
		count++;
	return count;
}

/* Each line names the hash of the one before it, and Status that of the last. */
static bool is_chained(const struct stage *s)
{
	char want[100 + 2 * DIGEST_SHA256_LEN] = "",
			    head[AGENT_AUDIT_HEAD_SIZE];
	uint8_t hash[DIGEST_SHA256_LEN] = { 0 };
	size_t count = count_lines(s);
	bool is_so = true;

	for (unsigned i = 1; i <= count; i++) {
		char hex[2 * DIGEST_SHA256_LEN + 1];
		struct bytes line = line_of(s, i);

		text_hex(hash, sizeof(hash), hex);
		(void)snprintf(want, sizeof(want), ",\"prev\":\"%s\"}", hex);
		is_so = is_so && line.len > strlen(want) &&
		        memcmp(line.data + line.len - strlen(want), want,
		               strlen(want)) == 0 &&
		        digest_sha256(line, hash) == 0;
	}
	text_hex(hash, sizeof(hash), want);
	audit_head(s->audit, head);
	return is_so && count == audit_sequence(s->audit) &&
	       strcmp(head, want) == 0;
}

static int write_lock(struct stage *s)
{
	const struct audit_event event = {
		.event = "lock",
		.peer = &a_peer,
		.scope = "owner",
		.decision = "allowed",
		.rule = "owner",
	};

	return audit_write(s->audit, &event);
}

static void allow_size(rlim_t size)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = size;
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void a_log_begins_with_its_start_and_is_chained(void)
{
	static struct stage s;

	stage_open(&s);
	CHECK(write_lock(&s) == 0);
	audit_note_locked(s.audit, "idle");
	audit_note_fetch_failed(s.audit, "dismissed");
	stage_read(&s);
	CHECK(count_lines(&s) == 4 && is_chained(&s));
	CHECK(line_has(&s, 1, "{\"seq\":1,\"time\":\"20"));
	CHECK(line_has(&s, 1,
	               "\"event\":\"start\",\"version\":\"" NIXCACHE_VERSION
	               "\",\"pid\":7,\"boot\":\"boot\",\"prev\":\"000"));
	CHECK(line_has(&s, 2,
	               "\"event\":\"lock\",\"uid\":1000,\"pid\":42,\"start\":77,"
	               "\"exe\":\"/bin/x\",\"scope\":\"owner\",\"decision\":"
	               "\"allowed\",\"rule\":\"owner\",\"prev\":\""));
	CHECK(line_has(&s, 3,
	               "\"event\":\"locked\",\"why\":\"idle\",\"prev\""));
	CHECK(line_has(&s, 4,
	               "\"event\":\"fetchFailed\",\"kind\":\"dismissed\""));
	stage_close(&s);
}

static void no_log_writes_nothing_and_allows(void)
{
	static const struct audit_start none = { .fd = -1 };
	struct audit *audit;
	static struct stage s;

	CHECK(audit_new(&none, &audit) == 0);
	s.audit = audit;
	CHECK(!audit_is_kept(audit) && write_lock(&s) == 0);
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
		.peer = &a_peer,
		.scope = "push",
		.cache = "main",
		.presign = &presign,
		.decision = "denied",
		.rule = "a \"rule\"\n",
	};
	static struct stage s;

	stage_open(&s);
	CHECK(audit_write(s.audit, &event) == 0);
	stage_read(&s);
	CHECK(line_has(
		&s, 2,
		"\"scope\":\"push\",\"cache\":\"main\",\"objects\":["
		"{\"operation\":\"UploadPart\",\"key\":\"nar/x.nar\","
		"\"contentLength\":9,\"expires\":60},"
		"{\"operation\":\"ListObjectsV2\",\"expires\":300}],"
		"\"decision\":\"denied\",\"rule\":\"a \\\"rule\\\"\\u000a\","
		"\"prev\":"));
	CHECK(!strstr(s.text, "UPLOAD") && !strstr(s.text, "PREFIX") &&
	      !strstr(s.text, "AFTER") && !strstr(s.text, "TOKEN"));
	CHECK(is_chained(&s));
	stage_close(&s);
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
	static struct stage s;

	peer = a_peer;
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
	stage_open(&s);
	CHECK(audit_write(s.audit, &event) == 0);
	event.event = "presign";
	event.sign = NULL;
	event.presign = &presign;
	CHECK(audit_write(s.audit, &event) == 0);
	stage_read(&s);
	CHECK(count_lines(&s) == 3 && is_chained(&s));
	stage_close(&s);
}

/* What can be written in part is taken back, told, and tried again. */
static void a_full_disk_refuses_and_recovers(void)
{
	static struct stage s;
	struct stat before, after;

	stage_open(&s);
	CHECK(stat(s.path, &before) == 0);
	allow_size((rlim_t)before.st_size + 10);
	CHECK(write_lock(&s) == -EFBIG && write_lock(&s) == -EFBIG);
	CHECK(audit_failure(s.audit) &&
	      strstr(audit_failure(s.audit), s.path) &&
	      strstr(audit_failure(s.audit), "File too large"));
	CHECK(audit_sequence(s.audit) == 1);
	CHECK(stat(s.path, &after) == 0 && after.st_size == before.st_size);
	allow_size(RLIM_INFINITY);
	CHECK(write_lock(&s) == 0 && audit_failure(s.audit) == NULL);
	stage_read(&s);
	CHECK(count_lines(&s) == 3 && is_chained(&s));
	CHECK(line_has(&s, 2, "\"event\":\"lost\",\"records\":2"));
	CHECK(line_has(&s, 3, "\"event\":\"lock\""));
	stage_close(&s);
}

/* The piece is taken back from where it is, not from where we think the end
 * is: somebody may have put something there. */
static void a_foreign_line_is_not_cut(void)
{
	static struct stage s;
	struct stat before, after;
	int fd;

	stage_open(&s);
	fd = open(s.path, O_WRONLY | O_APPEND);
	CHECK(write(fd, "foreign\n", 8) == 8);
	CHECK(fstat(fd, &before) == 0);
	allow_size((rlim_t)before.st_size + 10);
	CHECK(write_lock(&s) == -EFBIG);
	allow_size(RLIM_INFINITY);
	CHECK(fstat(fd, &after) == 0 && after.st_size == before.st_size);
	(void)close(fd);
	stage_close(&s);
}

static void a_start_that_cannot_be_written_is_written_later(void)
{
	static struct stage s;

	stage_init(&s);
	s.start.former = "audit.jsonl.000000000009";
	s.start.sequence = 9;
	allow_size(0);
	CHECK(audit_new(&s.start, &s.audit) == 0);
	CHECK(audit_failure(s.audit) != NULL);
	CHECK(write_lock(&s) == -EFBIG);
	allow_size(RLIM_INFINITY);
	CHECK(write_lock(&s) == 0);
	stage_read(&s);
	CHECK(line_has(&s, 1, "{\"seq\":10,"));
	CHECK(line_has(&s, 1,
	               "\"continued\",\"file\":\"audit.jsonl.000000000009\""));
	CHECK(line_has(&s, 2, "\"start\"") && line_has(&s, 3, "\"lost\"") &&
	      line_has(&s, 4, "\"lock\""));
	stage_close(&s);
}

static void a_log_that_is_not_there_refuses(void)
{
	static struct stage s;

	s.start = (struct audit_start){ .path = "/x/log",
		                        .fd = -1,
		                        .why = "is a symbolic link" };
	CHECK(audit_new(&s.start, &s.audit) == 0);
	CHECK(write_lock(&s) < 0);
	CHECK(strcmp(audit_failure(s.audit), "/x/log: is a symbolic link") ==
	      0);
	CHECK(!audit_wants_rotation(s.audit));
	audit_free(s.audit);
}

static const struct vault_sealed a_seal = { .key = { 7 },
	                                    .next = { 8 },
	                                    .signature = { 9 } };

/* The vault: answers the seal that it is asked for, and says which it is. */
static bool seal(struct stage *s, struct vault_seal *ret_asked)
{
	struct wire_frame frame;
	struct buffer answer;
	bool is_done;

	buffer_init(&answer, WIRE_FRAME_MAX);
	is_done = wire_next(buffer_bytes(&s->frames), &frame) == 1 &&
	          frame.type == VAULT_SEAL && frame.tag == AUDIT_SEAL_TAG &&
	          wire_get_seal(frame.body, ret_asked) == 0;
	buffer_rewind(&s->frames);
	wire_put_sealed(&answer, AUDIT_SEAL_TAG, &a_seal);
	is_done = is_done && wire_next(buffer_bytes(&answer), &frame) == 1 &&
	          audit_take_seal(s->audit, frame.body) == 0;
	buffer_clear(&answer);
	return is_done;
}

static void a_seal_names_its_line_while_others_are_written(void)
{
	static const uint8_t key[KEY_PUBLIC_LEN] = { 7 };
	static struct stage s;
	struct vault_seal asked;
	uint8_t head[DIGEST_SHA256_LEN];

	stage_open(&s);
	CHECK(audit_seal_deadline_ms(s.audit) == 0 &&
	      audit_is_settled(s.audit));
	audit_take_vault_key(s.audit, key);
	CHECK(audit_seal_deadline_ms(s.audit) > 1 &&
	      !audit_is_settled(s.audit));
	audit_put_seal(s.audit, &s.frames);
	CHECK(audit_seal_deadline_ms(s.audit) == 0);
	CHECK(write_lock(&s) == 0);
	CHECK(seal(&s, &asked) && asked.sequence == 2);
	CHECK(audit_seal_deadline_ms(s.audit) > 1); /* for the lock */
	stage_read(&s);
	CHECK(digest_sha256(line_of(&s, 2), head) == 0 &&
	      memcmp(head, asked.head, sizeof(head)) == 0);
	CHECK(line_has(&s, 2, "\"vault\",\"key\":\"" KEY_HEX "\""));
	CHECK(line_has(&s, 4,
	               "\"seal\",\"sealed\":2,\"key\":\"" KEY_HEX
	               "\",\"next\":\"08"));
	CHECK(line_has(&s, 4, "\"signature\":\"CQAAAA"));
	CHECK(is_chained(&s));

	audit_put_seal(s.audit, &s.frames);
	CHECK(seal(&s, &asked) && asked.sequence == 4);
	CHECK(audit_seal_deadline_ms(s.audit) == 0 &&
	      audit_is_settled(s.audit));
	stage_close(&s);
}

static void a_seal_that_nobody_asked_for_is_no_seal(void)
{
	static const uint8_t key[KEY_PUBLIC_LEN] = { 7 };
	static struct stage s;
	struct vault_seal asked;

	stage_open(&s);
	audit_take_vault_key(s.audit, key);
	audit_put_seal(s.audit, &s.frames);
	audit_forget_vault(s.audit);
	CHECK(audit_seal_deadline_ms(s.audit) == 0);
	CHECK(!seal(&s, &asked));
	stage_read(&s);
	CHECK(!strstr(s.text, "\"seal\""));
	stage_close(&s);
}

/* Its key is gone: without this line the next seal could not be tied to it. */
static void a_seal_that_cannot_be_written_is_kept(void)
{
	static const uint8_t key[KEY_PUBLIC_LEN] = { 7 };
	static struct stage s;
	struct vault_seal asked;

	stage_open(&s);
	audit_take_vault_key(s.audit, key);
	audit_put_seal(s.audit, &s.frames);
	allow_size(1);
	CHECK(seal(&s, &asked));
	audit_take_vault_key(s.audit, key);
	CHECK(write_lock(&s) < 0);
	allow_size(RLIM_INFINITY);
	CHECK(write_lock(&s) == 0);
	stage_read(&s);
	CHECK(line_has(&s, 3, "\"lost\"") && line_has(&s, 4, "\"seal\"") &&
	      line_has(&s, 5, "\"vault\"") && line_has(&s, 6, "\"lock\""));
	CHECK(is_chained(&s));
	stage_close(&s);
}

static void many_lines_are_sealed_at_once(void)
{
	static const uint8_t key[KEY_PUBLIC_LEN] = { 7 };
	static struct stage s;

	stage_open(&s);
	audit_take_vault_key(s.audit, key);
	for (int i = 0; i < 253; i++)
		CHECK(write_lock(&s) == 0);
	CHECK(audit_seal_deadline_ms(s.audit) > 1);
	CHECK(write_lock(&s) == 0);
	CHECK(audit_seal_deadline_ms(s.audit) == 1);
	stage_close(&s);
}

static void after_the_end_only_a_seal_is_written(void)
{
	static const uint8_t key[KEY_PUBLIC_LEN] = { 7 };
	static struct stage s;
	struct vault_seal asked;

	stage_open(&s);
	audit_take_vault_key(s.audit, key);
	audit_note_end(s.audit);
	CHECK(audit_seal_deadline_ms(s.audit) == 1 &&
	      !audit_is_settled(s.audit));
	CHECK(write_lock(&s) < 0 && audit_failure(s.audit) != NULL);
	audit_note_locked(s.audit, "idle");
	audit_put_seal(s.audit, &s.frames);
	CHECK(seal(&s, &asked) && asked.sequence == 3);
	CHECK(audit_is_settled(s.audit));
	stage_read(&s);
	CHECK(count_lines(&s) == 4 && line_has(&s, 3, "\"end\",\"prev\"") &&
	      line_has(&s, 4, "\"seal\""));
	stage_close(&s);
}

static void another_file_goes_on_with_the_chain(void)
{
	char other[] = "/tmp/audit.XXXXXX";
	static struct stage s;
	struct bytes last;
	char before[AGENT_AUDIT_HEAD_SIZE], want[128];

	stage_init(&s);
	s.start.size_max = 200;
	CHECK(audit_new(&s.start, &s.audit) == 0);
	while (!audit_wants_rotation(s.audit))
		CHECK(write_lock(&s) == 0);
	CHECK(!audit_wants_rotation(s.audit)); /* once */
	CHECK(write_lock(&s) == 0);            /* in the old one still */
	audit_head(s.audit, before);
	audit_take_rotated(s.audit, mkstemp(other), "audit.jsonl.1");
	CHECK(write_lock(&s) == 0);
	stage_read(&s);
	CHECK(count_lines(&s) + 2 == audit_sequence(s.audit));

	CHECK(unlink(s.path) == 0);
	(void)snprintf(s.path, sizeof(s.path), "%s", other);
	stage_read(&s);
	last = line_of(&s, 1);
	(void)snprintf(want, sizeof(want), "\"prev\":\"%s\"}", before);
	CHECK(last.len > 0 && line_has(&s, 1, want));
	CHECK(line_has(&s, 1, "\"continued\",\"file\":\"audit.jsonl.1\""));
	CHECK(line_has(&s, 2, "\"lock\""));
	stage_close(&s);
}

static void a_change_of_files_that_fails_is_told(void)
{
	static struct stage s;

	stage_init(&s);
	s.start.size_max = 10;
	CHECK(audit_new(&s.start, &s.audit) == 0);
	CHECK(audit_rotation_failure(s.audit) == NULL);
	CHECK(audit_wants_rotation(s.audit));
	audit_take_rotated(s.audit, -1, "no room");
	CHECK(strcmp(audit_rotation_failure(s.audit), "no room") == 0);
	CHECK(!audit_wants_rotation(s.audit)); /* not at once */
	CHECK(write_lock(&s) == 0);
	stage_close(&s);
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
		{ "a seal names its line while others are written",
		  a_seal_names_its_line_while_others_are_written },
		{ "a seal that nobody asked for is no seal",
		  a_seal_that_nobody_asked_for_is_no_seal },
		{ "a seal that cannot be written is kept",
		  a_seal_that_cannot_be_written_is_kept },
		{ "many lines are sealed at once",
		  many_lines_are_sealed_at_once },
		{ "after the end only a seal is written",
		  after_the_end_only_a_seal_is_written },
		{ "another file goes on with the chain",
		  another_file_goes_on_with_the_chain },
		{ "a change of files that fails is told",
		  a_change_of_files_that_fails_is_told },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
