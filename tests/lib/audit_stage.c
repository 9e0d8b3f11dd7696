#include "tests/lib/audit_stage.h"

#include "protocol/base/text.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct peer audit_stage_peer = {
	.uid = 1000,
	.pid = 42,
	.pidfd = -1,
	.start = 77,
	.exe = "/bin/x",
};

void audit_stage_init(struct audit_stage *s)
{
	(void)signal(SIGXFSZ, SIG_IGN);
	memset(s, 0, sizeof(*s));
	(void)snprintf(s->path, sizeof(s->path), "/tmp/audit.XXXXXX");
	s->start = (struct audit_start){
		.path = s->path,
		.fd = mkstemp(s->path),
		.pid = 7,
		.boot = "boot",
		.size_max = AUDIT_STAGE_TEXT_MAX,
	};
	CHECK(s->start.fd >= 0 && fcntl(s->start.fd, F_SETFL, O_APPEND) == 0);
	buffer_init(&s->frames, WIRE_FRAME_MAX);
}

void audit_stage_open(struct audit_stage *s)
{
	audit_stage_init(s);
	CHECK(audit_new(&s->start, &s->audit) == 0);
}

void audit_stage_close(struct audit_stage *s)
{
	audit_free(s->audit);
	buffer_clear(&s->frames);
	CHECK(unlink(s->path) == 0);
}

void audit_stage_read(struct audit_stage *s)
{
	int fd = open(s->path, O_RDONLY);
	ssize_t n = read(fd, s->text, sizeof(s->text) - 1);

	CHECK(n >= 0);
	s->text[n > 0 ? n : 0] = '\0';
	(void)close(fd);
}

struct bytes audit_stage_line(const struct audit_stage *s, unsigned n)
{
	const char *at = s->text;

	for (; n > 1 && *at != '\0'; n--)
		at += strcspn(at, "\n") + 1;
	return (struct bytes){ (const uint8_t *)at, strcspn(at, "\n") };
}

bool audit_stage_has(const struct audit_stage *s, unsigned n, const char *words)
{
	struct bytes line = audit_stage_line(s, n);
	bool has = memmem(line.data, line.len, words, strlen(words)) != NULL;

	if (!has) {
		(void)printf("# no %s in: %.*s\n", words, (int)line.len,
		             (const char *)line.data);
	}
	return has;
}

size_t audit_stage_count(const struct audit_stage *s)
{
	size_t count = 0;

	for (const char *at = s->text; (at = strchr(at, '\n')); at++)
		count++;
	return count;
}

bool audit_stage_is_chained(const struct audit_stage *s)
{
	char want[100 + 2 * DIGEST_SHA256_LEN] = "",
			    head[AGENT_AUDIT_HEAD_SIZE];
	uint8_t hash[DIGEST_SHA256_LEN] = { 0 };
	size_t count = audit_stage_count(s);
	bool is_so = true;

	for (unsigned i = 1; i <= count; i++) {
		char hex[2 * DIGEST_SHA256_LEN + 1];
		struct bytes line = audit_stage_line(s, i);

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

int audit_stage_write(struct audit_stage *s)
{
	const struct audit_event event = {
		.event = "lock",
		.peer = &audit_stage_peer,
		.scope = "owner",
		.decision = "allowed",
		.rule = "owner",
	};

	return audit_write(s->audit, &event);
}

void audit_stage_allow(rlim_t size)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = size;
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}
