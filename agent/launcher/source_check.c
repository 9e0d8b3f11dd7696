#include "agent/launcher/failure.h"
#include "agent/launcher/op.h"
#include "agent/launcher/secret_file.h"
#include "agent/launcher/source_state.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/program.h"
#include "protocol/base/text.h"

#include <string.h>

#define WHO_SIZE      160
#define PATH_WHY_SIZE 320

void source_fail(struct source *source)
{
	source_stop_run(source);
	if (source->feed.is_used)
		feed_close(&source->feed);
	source->step = STEP_ENDED;
}

void source_fail_slot(struct source *source, size_t slot)
{
	struct fetch_outcome plain = source->outcome;
	char said[WIRE_DETAIL_MAX];
	char who[WHO_SIZE];

	config_describe_slot(source->config, slot, who, sizeof(who));
	text_printable(plain.detail, strlen(plain.detail), said, sizeof(said));
	failure_set(&source->outcome, plain.failure, "%s: %s", who, said);
	source_fail(source);
}

int source_check_op(struct source *source)
{
	char why[PATH_WHY_SIZE] = "";
	int rc;

	if (!source->op) {
		failure_set(&source->outcome, SOURCE_NOT_INSTALLED,
		            "op, the 1Password CLI, was not in PATH when the "
		            "agent started; install it and start the agent "
		            "again, or set op in [agent]");
		return 1;
	}
	rc = program_check(source->op, why, sizeof(why));
	if (rc == PROGRAM_OK)
		return 0;
	if (rc == PROGRAM_MISSING) {
		failure_set(&source->outcome, SOURCE_NOT_INSTALLED,
		            "op, the 1Password CLI: %s", why);
	} else if (rc == PROGRAM_UNSAFE) {
		failure_set(&source->outcome, SOURCE_UNSAFE,
		            "op is not run: %s", why);
	} else {
		failure_set(&source->outcome, SOURCE_FAILED, "op: %s: %s",
		            source->op, strerrordesc_np(-rc));
	}
	return 1;
}

/* 0, or 1 with the outcome filled in. */
static int check_slot(struct source *source, const struct secret_slot *slot)
{
	cleanup_close int fd = -1;

	switch (slot->source) {
	case SECRET_ENV:
	case SECRET_FD:
		if (!source->is_renewed)
			return 0;
		failure_set(&source->outcome, SOURCE_SPENT,
		            "%s:%s could be read only once; start the agent "
		            "again",
		            slot->source == SECRET_ENV ? "env" : "fd",
		            slot->spec);
		return 1;
	case SECRET_FILE:
	case SECRET_CREDENTIAL:
		return secret_file_open(slot, &fd, &source->outcome);
	case SECRET_OP:
	case SECRET_COMMAND:
		break;
	}
	return 0;
}

bool source_is_refused(struct source *source)
{
	const struct config *config = source->config;

	for (size_t i = 0; i < config->slot_count; i++) {
		if (check_slot(source, &config->slots[i]) != 0) {
			source_fail_slot(source, i);
			return true;
		}
	}
	if (op_is_needed(config) && source_check_op(source) != 0) {
		source_fail(source);
		return true;
	}
	return false;
}
