#include "tests/lib/test.h"

#include "client/keygen/locked_memory.h"
#include "client/keygen/op_item.h"
#include "client/keygen/op_run.h"
#include "protocol/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* A program that stands for op and does what the script says. */
struct stand_in {
	char dir[32];
	char path[64];
};

static void stand_in_make(struct stand_in *s, const char *script)
{
	FILE *file;

	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/op-XXXXXX");
	CHECK(mkdtemp(s->dir) != NULL);
	(void)snprintf(s->path, sizeof(s->path), "%s/op", s->dir);
	file = fopen(s->path, "we");
	CHECK(file && fprintf(file, "#!/bin/sh\n%s\n", script) > 0);
	CHECK(file && fclose(file) == 0 && chmod(s->path, 0700) == 0);
}

static void stand_in_remove(const struct stand_in *s)
{
	(void)unlink(s->path);
	(void)rmdir(s->dir);
}

static struct op_item item_of(const struct stand_in *s)
{
	return (struct op_item){
		.program = s->path,
		.title = "title",
		.vault = "Dev",
		.field = OP_FIELD_USUAL,
	};
}

static void a_word_is_what_a_reference_can_name(void)
{
	char longest[OP_WORD_MAX + 2];

	CHECK(op_word_is_valid("nix cache"));
	CHECK(op_word_is_valid("a"));
	CHECK(op_word_is_valid("A-b_c.9"));
	CHECK(!op_word_is_valid(""));
	CHECK(!op_word_is_valid(" a"));
	CHECK(!op_word_is_valid("a "));
	CHECK(!op_word_is_valid("-a"));
	CHECK(!op_word_is_valid("a/b"));
	CHECK(!op_word_is_valid("a\n"));
	CHECK(!op_word_is_valid("a\"b"));
	CHECK(!op_word_is_valid("a=b"));
	CHECK(!op_word_is_valid("\303\244"));
	memset(longest, 'w', sizeof(longest));
	longest[OP_WORD_MAX + 1] = '\0';
	CHECK(!op_word_is_valid(longest));
	longest[OP_WORD_MAX] = '\0';
	CHECK(op_word_is_valid(longest));
}

static void whether_there_is_an_item_is_read_from_what_op_says(void)
{
	static const struct {
		const char *script;
		int rc;
		const char *why;
	} cases[] = {
		{ "exit 0", OP_ITEM_EXISTS, "has an item title already" },
		{ "echo \"[ERROR] 2024/04/07 10:03:35 \\\"title\\\" isn't an "
		  "item in the \\\"Dev\\\" vault.\" >&2; exit 1",
		  0, "" },
		{ "echo 'More than one item matches' >&2; exit 1",
		  OP_ITEM_EXISTS, "already" },
		{ "echo \"[ERROR] 2024/04/07 10:03:35 \\\"Dev\\\" isn't a "
		  "vault\" >&2; exit 1",
		  OP_ITEM_FAILED, "op: \"Dev\" isn't a vault" },
		{ "exit 7", OP_ITEM_FAILED, "status 7 and said nothing" },
		{ "kill -9 $$", OP_ITEM_FAILED, "status 137" },
		{ "printf '\\n \\r\\n' >&2; exit 1", OP_ITEM_FAILED,
		  "said nothing" },
		{ "printf 'no end \\033[31mred\\033[0m\\007' >&2; exit 1",
		  OP_ITEM_FAILED, "op: no end red?" },
		{ "head -c 300000 /dev/zero | tr '\\0' 'n' >&2; "
		  "echo >&2; echo 'the reason' >&2; exit 1",
		  OP_ITEM_FAILED, "op: the reason" },
		{ "echo 'template: {\"value\":\"k:AAAABBBBCCCCDDDDEEEEFFFF=\"}'"
		  " >&2; exit 1",
		  OP_ITEM_FAILED, "\"k:*************************\"" },
		{ "cat >&2; echo 'no more input' >&2; exit 1", OP_ITEM_FAILED,
		  "op: no more input" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char why[OP_ITEM_WHY_MAX] = "";
		struct stand_in s = { .dir = "" };
		struct op_item item;

		stand_in_make(&s, cases[i].script);
		item = item_of(&s);
		if (op_item_check_absent(&item, why) != cases[i].rc ||
		    !strstr(why, cases[i].why))
			test_fail(__FILE__, __LINE__, cases[i].script);
		stand_in_remove(&s);
	}
}

static void the_template_is_in_the_pipe_and_nowhere_else(void)
{
	static const char want[] =
		"{\"title\":\"title\",\"category\":\"SECURE_NOTE\",\"fields\":"
		"[{\"id\":\"nix-signing-key\",\"type\":\"CONCEALED\","
		"\"label\":\"nix-signing-key\",\"value\":\"k-\\\"1:";
	struct key_secret secret = { .text = "" };
	char memory[OP_ITEM_TEMPLATE_MAX] = "", got[4096] = "";
	struct stand_in s = { .dir = "" };
	struct op_item item;
	struct public_key key;
	cleanup_close int pipe = -1;

	stand_in_make(&s, "exit 0");
	item = item_of(&s);
	CHECK(key_secret_generate("k-\"1", &secret, &key) == 0);
	CHECK(op_item_fill_pipe(&item, &secret, &key, memory, &pipe) == 0);
	for (size_t i = 0; i < sizeof(memory); i++)
		CHECK(memory[i] == 0);
	CHECK(read(pipe, got, sizeof(got)) > 0);
	CHECK(strncmp(got, want, strlen(want)) == 0);
	CHECK(strncmp(got + strlen(want), strchr(secret.text, ':') + 1, 88) ==
	      0);
	CHECK(strstr(got, "\"label\":\"public-key\""));
	CHECK(read(pipe, got, sizeof(got)) == 0);
	stand_in_remove(&s);
}

static void a_key_counts_as_stored_when_op_shows_it(void)
{
	struct key_secret secret = { .text = "" };
	char why[OP_ITEM_WHY_MAX] = "", script[512];
	struct public_key key;
	struct stand_in s = { .dir = "" };
	struct op_item item;
	char text[KEY_PUBLIC_TEXT_SIZE];

	CHECK(key_secret_generate("k-1", &secret, &key) == 0);
	public_key_format(&key, text);
	(void)snprintf(script, sizeof(script), "echo '\"%s\"'", text);
	stand_in_make(&s, script);
	item = item_of(&s);
	CHECK(op_item_check_stored(&item, &key, why) == 0);
	stand_in_remove(&s);

	key.key[0] ^= 1;
	stand_in_make(&s, script);
	item = item_of(&s);
	CHECK(op_item_check_stored(&item, &key, why) == OP_ITEM_FAILED);
	CHECK(strstr(why, "is not in it"));
	stand_in_remove(&s);
}

static void a_program_that_is_not_there_is_told(void)
{
	const struct op_item item = {
		.program = "/nonexistent/op",
		.title = "title",
	};
	char why[OP_ITEM_WHY_MAX] = "";

	CHECK(op_item_check_absent(&item, why) == OP_ITEM_FAILED);
	CHECK(strstr(why, "No such file"));
}

/* It ends with op's exit, though something holds its descriptors. */
static void a_daemon_left_behind_is_not_waited_for(void)
{
	static const char *const argv[] = { "op", NULL };
	cleanup_op_said struct op_said said = { .status = -1 };
	struct stand_in s = { .dir = "" };
	int pid;

	stand_in_make(&s, "sleep 600 & echo $!; exit 3");
	CHECK(op_run(&(struct op_call){ .program = s.path,
	                                .argv = argv,
	                                .in = -1,
	                                .keeps_output = true },
	             &said) == 0);
	CHECK(said.status == 3 && said.out.len > 1);
	pid = (int)strtol(buffer_text(&said.out), NULL, 10);
	CHECK(pid > 1 && kill(pid, SIGKILL) == 0);
	stand_in_remove(&s);
}

static void locked_memory_is_empty_and_not_for_children(void)
{
	struct locked_memory memory = { .at = NULL };
	char *bytes;
	int status;
	pid_t pid;

	CHECK(locked_memory_map(5000, &memory) == 0);
	bytes = memory.at;
	CHECK(bytes[0] == 0 && bytes[4999] == 0);
	bytes[0] = 1;
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(bytes[0]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(bytes[0] == 1);
	locked_memory_unmap(&memory);
	CHECK(memory.at == NULL);
	locked_memory_unmap(&memory);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a word is what a reference can name",
		  a_word_is_what_a_reference_can_name },
		{ "whether there is an item is read from what op says",
		  whether_there_is_an_item_is_read_from_what_op_says },
		{ "the template is in the pipe and nowhere else",
		  the_template_is_in_the_pipe_and_nowhere_else },
		{ "a key counts as stored when op shows it",
		  a_key_counts_as_stored_when_op_shows_it },
		{ "a program that is not there is told",
		  a_program_that_is_not_there_is_told },
		{ "a daemon left behind is not waited for",
		  a_daemon_left_behind_is_not_waited_for },
		{ "locked memory is empty and not for children",
		  locked_memory_is_empty_and_not_for_children },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
