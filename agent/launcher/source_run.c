#include "agent/launcher/failure.h"
#include "agent/launcher/op.h"
#include "agent/launcher/secret_file.h"
#include "agent/launcher/source_state.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/env.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <string.h>

/* Theory of operation
 *
 * One run fills one pipe.  env: and fd: secrets are in the first pipe from
 * source_open() on.  A run looks at everything that can be refused before it
 * writes anything, then goes through the slots:
 *
 *   STEP_IDLE     nothing is under way; ends by source_start()
 *   STEP_NEXT     looks for the next file:, credential: or command:
 *   STEP_MARK     writes the slot's mark; waits for room in the pipe
 *   STEP_FILE     moves a file into the pipe; waits for room
 *   STEP_COMMAND  waits for the command's exit or the deadline
 *   STEP_NEWLINE  ends the secret; waits for room
 *   STEP_END      starts op, which ends the run itself, or writes the end
 *   STEP_OP       waits for op's exit or the deadline
 *   STEP_ENDED    the outcome waits to be taken
 *
 * The pipe's write end is closed when op has it, or when the end is written,
 * or when the run has failed. */

#define STDERR_LINE_SIZE 240

static void set_deadline(struct source *source)
{
	source->deadline =
		clock_boot_ms() + (long long)source->config->op_timeout * 1000;
}

int source_start(struct source *source)
{
	if (source->step != STEP_IDLE)
		return 0;
	if (source_needs_renewal(source))
		return -ESTALE;

	set_deadline(source);
	source->slot = 0;
	source->outcome = (struct fetch_outcome){ .is_ok = true };
	if (!source_is_refused(source))
		source->step = STEP_NEXT;
	return 0;
}

static bool is_running_child(const struct source *source)
{
	return source->step == STEP_COMMAND || source->step == STEP_OP;
}

static bool is_writing(const struct source *source)
{
	return source->step == STEP_MARK || source->step == STEP_FILE ||
	       source->step == STEP_NEWLINE || source->step == STEP_END;
}

size_t source_poll(const struct source *source,
                   struct pollfd fds[SOURCE_POLL_MAX], int *ret_timeout_ms)
{
	long long left = source->deadline - clock_boot_ms();

	*ret_timeout_ms = -1;
	if (source->step == STEP_IDLE)
		return 0;
	*ret_timeout_ms = 0;
	if (is_running_child(source) || is_writing(source))
		*ret_timeout_ms = left > 0 ? (int)left : 0;
	if (is_running_child(source))
		return child_poll(&source->child, fds);
	if (!is_writing(source))
		return 0;

	fds[0] = (struct pollfd){ .fd = source->feed.our_out,
		                  .events = POLLOUT };
	return 1;
}

static const struct secret_slot *current(const struct source *source)
{
	return &source->config->slots[source->slot];
}

/* What a write into the pipe came to: true if it is done, and the run goes on
 * with next. */
static bool has_written(struct source *source, int rc, enum run_step next)
{
	if (rc == -EAGAIN)
		return false;
	source->feed.is_used = true;
	if (rc == 0) {
		source->step = next;
		return true;
	}
	failure_set(&source->outcome, SOURCE_FAILED, "%s",
	            rc == -EPIPE ? "the vault takes no more"
	                         : strerrordesc_np(-rc));
	source_fail(source);
	return true;
}

static bool step_next(struct source *source)
{
	const struct config *config = source->config;

	while (source->slot < config->slot_count) {
		enum secret_source_kind kind = current(source)->source;

		if (kind == SECRET_FILE || kind == SECRET_CREDENTIAL ||
		    kind == SECRET_COMMAND) {
			source->step = STEP_MARK;
			return true;
		}
		source->slot++;
	}
	source->step = STEP_END;
	return true;
}

static int run_command(struct source *source)
{
	const char *const argv[] = { "sh", "-c", current(source)->spec, NULL };
	struct env env;

	env_init_child(&env);
	return child_run(&source->child, &(struct child_start){
						 .path = "/bin/sh",
						 .argv = argv,
						 .envp = env.entries,
						 .out = source->feed.out,
						 .input = -1,
					 });
}

/* The mark is written: brings the secret itself under way. */
static bool begin_secret(struct source *source)
{
	int rc;

	if (current(source)->source != SECRET_COMMAND) {
		source->file_at = 0;
		rc = secret_file_open(current(source), &source->file,
		                      &source->outcome);
		if (rc != 0)
			source_fail_slot(source, source->slot);
		return true;
	}

	set_deadline(source);
	rc = run_command(source);
	if (rc < 0) {
		failure_set(&source->outcome, SOURCE_FAILED,
		            "/bin/sh cannot be run: %s", strerrordesc_np(-rc));
		source_fail_slot(source, source->slot);
	}
	return true;
}

static bool step_mark(struct source *source)
{
	enum run_step next = current(source)->source == SECRET_COMMAND
	                             ? STEP_COMMAND
	                             : STEP_FILE;
	int rc = feed_write_mark(&source->feed, source->slot);

	if (!has_written(source, rc, next))
		return false;
	return source->step == next ? begin_secret(source) : true;
}

static bool step_file(struct source *source)
{
	size_t left = (size_t)(FEED_SECRET_MAX + 1 - source->file_at);
	ssize_t n = feed_splice(&source->feed, source->file, &source->file_at,
	                        left);

	if (n < 0)
		return has_written(source, (int)n, STEP_FILE);
	if (n > 0 && source->file_at <= FEED_SECRET_MAX)
		return true;
	if (n > 0) {
		failure_set(&source->outcome, SOURCE_FAILED,
		            "it grew while it was read");
		source_fail_slot(source, source->slot);
		return true;
	}
	(void)close(take_fd(&source->file));
	source->step = STEP_NEWLINE;
	return true;
}

static bool step_newline(struct source *source)
{
	if (!has_written(source, feed_write(&source->feed, "\n", 1), STEP_NEXT))
		return false;
	source->slot++;
	return true;
}

static void set_command_failure(struct source *source, int status)
{
	const struct buffer *said = &source->child.said;
	char line[STDERR_LINE_SIZE];

	failure_last_line((const char *)said->data, said->len, line,
	                  sizeof(line));
	failure_set(&source->outcome, SOURCE_FAILED,
	            "the command ended with status %d%s%s", status,
	            line[0] != '\0' ? ": " : "", line);
}

static void set_late(struct source *source, const char *who)
{
	failure_set(&source->outcome, SOURCE_TIMED_OUT,
	            "%s did not end within %u seconds (op-timeout)", who,
	            source->config->op_timeout);
}

static bool step_command(struct source *source)
{
	int status;

	if (child_step(&source->child, &status) == 0)
		return false;
	if (source->child.is_killed) {
		set_late(source, "the command");
	} else if (status != 0) {
		set_command_failure(source, status);
	}
	if (source->child.is_killed || status != 0) {
		source_fail_slot(source, source->slot);
		return true;
	}
	child_stop(&source->child);
	source->step = STEP_NEWLINE;
	return true;
}

static bool start_op(struct source *source)
{
	int rc;

	/* Commands may have run for a while: look again. */
	if (source_check_op(source) != 0) {
		source_fail(source);
		return true;
	}
	set_deadline(source);
	source->feed.is_used = true;
	rc = op_run(&source->child, source->op, source->config, &source->feed,
	            source->token.variable);
	if (rc < 0) {
		failure_set(&source->outcome, SOURCE_FAILED,
		            "op cannot be run: %s", strerrordesc_np(-rc));
		source_fail(source);
		return true;
	}
	feed_close(&source->feed);
	source->step = STEP_OP;
	return true;
}

static bool step_end(struct source *source)
{
	if (op_is_needed(source->config))
		return start_op(source);
	if (!has_written(source, feed_write_end(&source->feed), STEP_ENDED))
		return false;
	feed_close(&source->feed);
	return true;
}

static bool step_op(struct source *source)
{
	const struct buffer *said = &source->child.said;
	int status;

	if (child_step(&source->child, &status) == 0)
		return false;
	if (source->child.is_killed) {
		set_late(source, "op");
	} else if (status != 0) {
		op_failure_read(&source->outcome, status,
		                (const char *)said->data, said->len);
	}
	source_stop_run(source);
	source->step = STEP_ENDED;
	return true;
}

/* True if the run has come on and the next step can be tried. */
static bool step_once(struct source *source)
{
	switch (source->step) {
	case STEP_NEXT:
		return step_next(source);
	case STEP_MARK:
		return step_mark(source);
	case STEP_FILE:
		return step_file(source);
	case STEP_COMMAND:
		return step_command(source);
	case STEP_NEWLINE:
		return step_newline(source);
	case STEP_END:
		return step_end(source);
	case STEP_OP:
		return step_op(source);
	case STEP_IDLE:
	case STEP_ENDED:
		break;
	}
	return false;
}

/* Too late: a child is killed, and its end seen in a later step; a pipe that
 * nobody empties is given up. */
static void check_deadline(struct source *source)
{
	if (clock_boot_ms() < source->deadline)
		return;
	if (is_running_child(source)) {
		child_kill(&source->child);
	} else if (is_writing(source)) {
		set_late(source, "the vault's reading");
		source_fail(source);
	}
}

int source_step(struct source *source, struct fetch_outcome *ret_outcome)
{
	bool goes_on;

	check_deadline(source);
	do {
		goes_on = step_once(source);
	} while (goes_on);
	if (source->step != STEP_ENDED)
		return 0;

	source->step = STEP_IDLE;
	*ret_outcome = source->outcome;
	return 1;
}
