#include "agent/launcher/source.h"

#include "agent/launcher/op.h"
#include "agent/launcher/source_state.h"
#include "agent/launcher/taken.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

DEFINE_CLEANUP(struct source *, source_close)

static int find_op(struct source *source)
{
	int rc;

	if (source->config->op) {
		source->op = strdup(source->config->op);
		return source->op ? 0 : -ENOMEM;
	}
	rc = program_find("op", &source->op);
	return rc == -ENOENT ? 0 : rc;
}

static int take_token(struct source *source, char *why, size_t why_size)
{
	const enum secret_memory_demand demand =
		source->config->is_weak_memory_allowed ? SECRET_MEMORY_ANY
						       : SECRET_MEMORY_LOCKED;
	int rc;

	if (!op_is_needed(source->config))
		return 0;
	rc = op_token_take(demand, &source->token);
	if (rc < 0) {
		(void)snprintf(why, why_size, "%s: %s", OP_TOKEN_NAME,
		               rc == -EMSGSIZE
		                       ? "is too long to be a token"
		                       : "no memory for it can be locked: "
		                         "raise ulimit -l, or start with "
		                         "--allow-weak memory");
		return rc;
	}
	if (source->token.variable) {
		rc = strings_add(&source->taken, OP_TOKEN_NAME,
		                 strlen(OP_TOKEN_NAME));
	}
	return rc;
}

static struct source *source_new(const struct config *config)
{
	struct source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->config = config;
	source->file = -1;
	source->feed = (struct feed){ .out = -1, .our_out = -1 };
	child_init(&source->child);
	return source;
}

int source_open(const struct config *config, struct source **ret_source,
                int *ret_intake, char *why, size_t why_size)
{
	cleanup(source_close_at) struct source *source = source_new(config);
	cleanup_close int intake = -1;
	int rc;

	(void)snprintf(why, why_size, "out of memory");
	if (!source)
		return -ENOMEM;

	/* A vault that has died must not take the launcher with it; an ignored
	 * SIGCHLD, which is inherited, would hide how a child ended. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);

	rc = feed_open(&source->feed, &intake);
	if (rc < 0) {
		(void)snprintf(why, why_size, "a pipe for the secrets: %s",
		               strerrordesc_np(-rc));
		return rc;
	}
	rc = find_op(source);
	if (rc == 0)
		rc = take_token(source, why, why_size);
	if (rc == 0) {
		rc = taken_move(config, &source->feed, &source->taken, why,
		                why_size);
	}
	if (rc < 0)
		return rc;

	*ret_intake = take_fd(&intake);
	*ret_source = take_ptr(source);
	return 0;
}

void source_stop_run(struct source *source)
{
	child_stop(&source->child);
	close_at(&source->file);
	source->file = -1;
	source->step = STEP_IDLE;
}

void source_close(struct source *source)
{
	if (!source)
		return;
	source_stop_run(source);
	feed_close(&source->feed);
	op_token_clear(&source->token);
	strings_clear(&source->taken);
	free(source->op);
	free(source);
}

void source_forget(struct source *source)
{
	/* The pages of the token are not inherited. */
	source->token.variable = NULL;
	source->child.pid = 0;
	source_close(source);
}

void source_pass_token(struct source *from, struct source *to)
{
	if (!from->token.variable || to->token.variable ||
	    !op_is_needed(to->config))
		return;
	to->token = from->token;
	from->token.variable = NULL;
}

const struct strings *source_taken_env(const struct source *source)
{
	return &source->taken;
}

int source_renew(struct source *source, int *ret_intake)
{
	struct feed feed;
	int rc;

	source_stop_run(source);
	feed_close(&source->feed);
	source->is_renewed = true;
	rc = feed_open(&feed, ret_intake);
	if (rc < 0)
		return rc;
	source->feed = feed;
	return 0;
}

bool source_needs_renewal(const struct source *source)
{
	return source->feed.is_used || source->feed.out < 0;
}
