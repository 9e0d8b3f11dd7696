#include "agent/launcher/askpass.h"

#include "protocol/base/env.h"
#include "protocol/base/fd.h"
#include "protocol/base/program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Theory of operation
 *
 * The program's exit is its answer: 0 and nothing printed, or "yes", is a yes,
 * anything else a no.  A program whose time is over is killed with its process
 * group, and the question unanswered.  What it printed is compared and wiped,
 * never shown to anybody: people type passwords into such dialogs. */

#define PATH_WHY_SIZE 320

/* The variable that says which program asks, or NULL. */
static const char *find_variable(void)
{
	static const char *const names[] = { "NIXCACHE_ASKPASS",
		                             "SSH_ASKPASS" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (env_find(names[i]))
			return names[i];
	}
	return NULL;
}

printf_like(2, 3) static bool fail(struct errand *ret_done, const char *format,
                                   ...)
{
	char why[ERRAND_TEXT_MAX - 64];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	ret_done->end = ERRAND_FAILED;
	(void)snprintf(ret_done->text, sizeof(ret_done->text),
	               "nobody can be asked: %s", why);
	return false;
}

static bool begin_program(struct askpass *asking, const char *variable,
                          const struct errand *errand, struct errand *ret_done)
{
	const char *path = env_find(variable);
	const char *const argv[] = { path, errand->text, NULL };
	char why[PATH_WHY_SIZE] = "";
	struct env env;
	int rc = program_check(path, why, sizeof(why));

	if (rc == -EINVAL) {
		return fail(ret_done, "%s: %.200s is not an absolute path",
		            variable, path);
	}
	if (rc > 0)
		return fail(ret_done, "%s: %s", variable, why);

	env_init_child(&env);
	env_add_askpass(&env);
	if (rc == 0) {
		rc = child_run(&asking->child, &(struct child_start){
						       .path = path,
						       .argv = argv,
						       .envp = env.entries,
						       .out = -1,
						       .input = -1,
						       .keeps_output = true,
					       });
	}
	return rc == 0 || fail(ret_done, "%s: %.200s: %s", variable, path,
	                       strerrordesc_np(-rc));
}

static bool begin_terminal(struct askpass *asking, const struct errand *errand,
                           struct errand *ret_done)
{
	int rc = terminal_ask(&asking->terminal, errand->text);

	if (rc == 0)
		return true;
	if (rc == -EBUSY) {
		return fail(ret_done, "the agent is not in the foreground of "
		                      "its terminal: set NIXCACHE_ASKPASS to a "
		                      "program that asks");
	}
	return fail(ret_done, "set NIXCACHE_ASKPASS to a program that asks, "
	                      "and start the agent again");
}

bool askpass_begin(struct askpass *asking, const struct errand *errand,
                   struct errand *ret_done)
{
	const char *variable = find_variable();

	if (asking->is_asking)
		return fail(ret_done, "another question is not answered yet");
	child_init(&asking->child);
	terminal_init(&asking->terminal);
	asking->is_asking =
		variable ? begin_program(asking, variable, errand, ret_done)
			 : begin_terminal(asking, errand, ret_done);
	asking->tag = errand->tag;
	asking->deadline_ms = clock_boot_ms() + 1000LL * errand->seconds;
	return asking->is_asking;
}

void askpass_poll(const struct askpass *asking,
                  struct pollfd fds[CHILD_POLL_MAX])
{
	if (!asking->is_asking)
		return;
	if (asking->child.pid > 0) {
		(void)child_poll(&asking->child, fds);
	} else {
		fds[0] = terminal_poll(&asking->terminal);
	}
}

long long askpass_deadline_ms(const struct askpass *asking)
{
	return asking->is_asking ? asking->deadline_ms : 0;
}

static bool is_yes(const struct buffer *printed)
{
	static const char yes[] = "yes";
	const size_t yes_len = sizeof(yes) - 1;
	size_t len = printed->len;

	while (len > 0 && (printed->data[len - 1] == '\n' ||
	                   printed->data[len - 1] == '\r'))
		len--;
	return len == 0 ||
	       (len == yes_len &&
	        strncasecmp((const char *)printed->data, yes, yes_len) == 0);
}

/* 1: *ret_end is the answer; 0: not yet. */
static int step_program(struct askpass *asking, enum errand_end *ret_end)
{
	const struct buffer *printed = &asking->child.printed;
	int status;

	if (child_step(&asking->child, &status) == 0)
		return 0;
	*ret_end = status == 0 && buffer_end(printed) == 0 && is_yes(printed)
	                   ? ERRAND_DONE
	                   : ERRAND_DENIED;
	return 1;
}

static int step_terminal(struct askpass *asking, enum errand_end *ret_end)
{
	bool is_so = false;
	int rc = terminal_step(&asking->terminal, &is_so);

	if (rc == 0)
		return 0;
	*ret_end = rc < 0  ? ERRAND_UNANSWERED
	           : is_so ? ERRAND_DONE
	                   : ERRAND_DENIED;
	return 1;
}

bool askpass_step(struct askpass *asking, struct errand *ret_done)
{
	enum errand_end end = ERRAND_UNANSWERED;
	int rc;

	if (!asking->is_asking)
		return false;
	rc = asking->child.pid > 0 ? step_program(asking, &end)
	                           : step_terminal(asking, &end);
	if (rc == 0 && clock_boot_ms() < asking->deadline_ms)
		return false;
	ret_done->tag = asking->tag;
	ret_done->end = end;
	askpass_close(asking);
	return true;
}

void askpass_stop(struct askpass *asking, uint64_t tag)
{
	if (asking->is_asking && asking->tag == tag)
		askpass_close(asking);
}

void askpass_close(struct askpass *asking)
{
	if (!asking->is_asking)
		return;
	child_stop(&asking->child);
	terminal_close(&asking->terminal);
	asking->is_asking = false;
}
