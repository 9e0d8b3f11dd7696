#include "client/keygen/keygen.h"

#include "client/keygen/locked_memory.h"
#include "client/keygen/op_item.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/base/program.h"
#include "protocol/nix/key_secret.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Theory of operation
 *
 * Where the secret is to go is checked before there is one.  The key is made in
 * locked memory, leaves it through one pipe, and is wiped; only then is its
 * public key told, which is how the caller knows that all is well.
 */

/* What has to be kept from others, together. */
struct secrets {
	struct key_secret key;
	char template[OP_ITEM_TEMPLATE_MAX];
};

static int fail(int exit_status, const char *what)
{
	log_error("keygen: %s", what);
	return exit_status;
}

static int make_key(const char *name, struct locked_memory *memory,
                    struct public_key *ret_key)
{
	struct secrets *secrets;
	int rc;

	rc = locked_memory_hide_process();
	if (rc == 0)
		rc = locked_memory_map(sizeof(*secrets), memory);
	if (rc < 0) {
		log_error("keygen: memory cannot be kept from others: %s; see "
		          "ulimit -l",
		          strerrordesc_np(-rc));
		return EXIT_UNSAFE;
	}
	secrets = memory->at;
	rc = key_secret_generate(name, &secrets->key, ret_key);
	return rc < 0 ? fail(EXIT_FAILED, strerrordesc_np(-rc)) : 0;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Never onto a screen, into a file or beside other text. */
static int check_output(void)
{
	struct stat out, err;

	if (fstat(STDOUT_FILENO, &out) < 0 ||
	    !(S_ISFIFO(out.st_mode) || S_ISSOCK(out.st_mode))) {
		return fail(EXIT_USAGE,
		            "the secret key goes to standard output, which "
		            "must be a pipe to what keeps it; or use --op");
	}
	if (fstat(STDERR_FILENO, &err) == 0 && is_same_file(&out, &err)) {
		return fail(EXIT_USAGE,
		            "standard output and standard error are the same "
		            "pipe: the secret key would have text beside it");
	}
	return 0;
}

static int write_key(const struct locked_memory *memory)
{
	const struct secrets *secrets = memory->at;
	int rc;

	assert(secrets);
	rc = fd_write_full(STDOUT_FILENO, secrets->key.text,
	                   strlen(secrets->key.text));
	if (rc == 0)
		return 0;
	log_error("keygen: the secret key could not be written: %s; nobody "
	          "has it",
	          strerrordesc_np(-rc));
	return EXIT_FAILED;
}

static int to_output(const char *name)
{
	struct locked_memory memory = { .at = NULL };
	char text[KEY_PUBLIC_TEXT_SIZE];
	struct public_key key;
	int exit_status;

	exit_status = check_output();
	if (exit_status == 0)
		exit_status = make_key(name, &memory, &key);
	if (exit_status == 0)
		exit_status = write_key(&memory);
	locked_memory_unmap(&memory);
	if (exit_status != 0)
		return exit_status;

	public_key_format(&key, text);
	return fprintf(stderr, "%s\n", text) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int find_op(char **ret_program)
{
	char why[OP_ITEM_WHY_MAX] = "";
	int rc;

	rc = program_find("op", ret_program);
	if (rc == -ENOENT) {
		return fail(EXIT_SOURCE,
		            "op, the 1Password CLI, is not in PATH");
	}
	if (rc < 0)
		return fail(EXIT_FAILED, strerrordesc_np(-rc));
	rc = program_check(*ret_program, why, sizeof(why));
	if (rc == PROGRAM_OK)
		return 0;
	log_error("keygen: op is not run: %s",
	          rc < 0 ? strerrordesc_np(-rc) : why);
	return EXIT_SOURCE;
}

/* The key is wiped before op starts: then only the pipe has it. */
static int make_pipe(const struct op_item *item, const char *name,
                     struct public_key *ret_key, int *ret_pipe)
{
	struct locked_memory memory = { .at = NULL };
	struct secrets *secrets;
	int exit_status;

	exit_status = make_key(name, &memory, ret_key);
	secrets = memory.at;
	if (exit_status == 0) {
		int rc = op_item_fill_pipe(item, &secrets->key, ret_key,
		                           secrets->template, ret_pipe);

		if (rc < 0)
			exit_status = fail(EXIT_FAILED, strerrordesc_np(-rc));
	}
	locked_memory_unmap(&memory);
	return exit_status;
}

static int store_key(const struct op_item *item, const char *name,
                     struct public_key *ret_key)
{
	cleanup_close int pipe = -1;
	char why[OP_ITEM_WHY_MAX];
	int exit_status;

	exit_status = make_pipe(item, name, ret_key, &pipe);
	if (exit_status != 0)
		return exit_status;
	if (op_item_create(item, pipe, why) != 0 ||
	    op_item_check_stored(item, ret_key, why) != 0)
		return fail(EXIT_SOURCE, why);
	return 0;
}

static int tell(const struct op_item *item, const struct public_key *key)
{
	char text[KEY_PUBLIC_TEXT_SIZE];

	public_key_format(key, text);
	if (printf("%s\n", text) < 0 || fflush(stdout) != 0) {
		log_error("keygen: item %s has the key pair, but its public "
		          "key could not be printed: %s",
		          item->title, strerrordesc_np(errno));
		return EXIT_FAILED;
	}
	if (item->vault) {
		log_info("keygen: signing-key = op://%s/%s/%s", item->vault,
		         item->title, item->field);
	}
	return EXIT_DONE;
}

static int to_item(struct op_item *item, const char *name)
{
	cleanup_free char *program = NULL;
	char why[OP_ITEM_WHY_MAX];
	struct public_key key;
	int rc;

	rc = find_op(&program);
	if (rc != 0)
		return rc;
	item->program = program;
	rc = op_item_check_absent(item, why);
	if (rc != 0) {
		return fail(rc == OP_ITEM_EXISTS ? EXIT_FAILED : EXIT_SOURCE,
		            why);
	}
	rc = store_key(item, name, &key);
	return rc != 0 ? rc : tell(item, &key);
}

/* A pipe of ours must not be taken for one of the three that were closed. */
static void fill_stdio(void)
{
	int fd = 0;

	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		(void)close(fd);
}

int keygen_run(const struct keygen_request *request)
{
	struct op_item item = {
		.title = request->item,
		.vault = request->vault,
		.field = request->field,
	};

	fill_stdio();
	/* A reader that goes away is told as an error of writing. */
	(void)signal(SIGPIPE, SIG_IGN);
	return request->item ? to_item(&item, request->name)
	                     : to_output(request->name);
}
