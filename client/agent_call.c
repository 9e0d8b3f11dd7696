#include "client/agent_call.h"

#include "client/agent_exchange.h"
#include "client/agent_sentence.h"
#include "protocol/base/cleanup.h"
#include "protocol/varlink/agent_status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void free_agent(struct agent *agent)
{
	agent_channel_clear(&agent->channel);
	buffer_clear(&agent->out);
	free(agent);
}

DEFINE_CLEANUP(struct agent *, free_agent)

static int find_path(const char *socket_path, char ret_path[SOCKET_PATH_SIZE],
                     struct agent_error *error)
{
	struct socket_path_env env = socket_path_read_env();
	int rc;

	if (socket_path)
		env.agent_sock = socket_path;
	rc = socket_path_find(&env, ret_path);
	if (rc == 0)
		return 0;

	*error = (struct agent_error){ .exit_status = 2 };
	(void)snprintf(error->text, sizeof(error->text),
	               rc == -ENAMETOOLONG
	                       ? "agent: the path of its socket is longer than "
	                         "%d bytes: set " SOCKET_PATH_VARIABLE
	                       : "agent: neither " SOCKET_PATH_VARIABLE
	                         " nor XDG_RUNTIME_DIR nor HOME is set",
	               SOCKET_PATH_MAX);
	return AGENT_E_NO_AGENT;
}

int agent_open(const char *socket_path, struct agent **ret_agent,
               struct agent_error *error)
{
	cleanup(free_agent_at) struct agent *agent = NULL;
	int rc;

	agent = calloc(1, sizeof(*agent));
	if (!agent)
		return agent_sentence_failure(-ENOMEM, "its socket", error);
	agent_channel_init(&agent->channel);
	buffer_init(&agent->out, VARLINK_FRAME_MAX);

	rc = find_path(socket_path, agent->channel.path, error);
	if (rc > 0)
		return rc;
	rc = agent_channel_connect(&agent->channel);
	if (rc < 0)
		return agent_exchange_fail(agent, rc, error);

	*ret_agent = take_ptr(agent);
	return AGENT_OK;
}

void agent_close(struct agent *agent)
{
	if (agent)
		free_agent(agent);
}

void agent_announce_waiting(struct agent *agent)
{
	agent->may_announce = true;
}

void agent_never_wait(struct agent *agent)
{
	agent->never_waits = true;
}

int agent_get_status(struct agent *agent, struct agent_status *ret_status,
                     struct agent_error *error)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	int rc;

	buffer_rewind(&agent->out);
	rc = agent_method_encode(AGENT_METHOD_STATUS, false, &agent->out);
	rc = agent_exchange(agent, rc, AGENT_PATIENCE_QUICK, &reply, error);
	if (rc != AGENT_OK)
		return rc;

	rc = status_reply_decode(&reply, ret_status);
	return rc < 0 ? agent_exchange_fail(agent, rc, error) : AGENT_OK;
}

/* With more: the notices show that the agent is there, and the connection is
 * not idle while a person thinks. */
int agent_unlock(struct agent *agent, struct agent_error *error)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	enum agent_state state = AGENT_LOCKED;
	int rc;

	buffer_rewind(&agent->out);
	rc = agent_method_encode(AGENT_METHOD_UNLOCK, true, &agent->out);
	rc = agent_exchange(agent, rc, AGENT_PATIENCE_APPROVAL, &reply, error);
	if (rc != AGENT_OK)
		return rc;

	rc = unlock_reply_decode(&reply, &state);
	if (rc == 0 && state != AGENT_UNLOCKED)
		rc = -EBADMSG;
	return rc < 0 ? agent_exchange_fail(agent, rc, error) : AGENT_OK;
}

static int call_empty(struct agent *agent, enum agent_method method,
                      struct agent_error *error)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	int rc;

	buffer_rewind(&agent->out);
	rc = agent_method_encode(method, false, &agent->out);
	return agent_exchange(agent, rc, AGENT_PATIENCE_QUICK, &reply, error);
}

int agent_lock(struct agent *agent, struct agent_error *error)
{
	return call_empty(agent, AGENT_METHOD_LOCK, error);
}

int agent_quit(struct agent *agent, struct agent_error *error)
{
	int rc = call_empty(agent, AGENT_METHOD_QUIT, error);

	agent_channel_clear(&agent->channel);
	return rc;
}
