#include "client/agent_exchange.h"

#include "client/agent_sentence.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <string.h>

/*
 * Theory of Operation
 *
 * One connection, kept between calls.  A call is encoded into out, sent, and
 * its reply read; a connection that was there before the call and turns out to
 * be dead before a byte of the reply has come (the agent was restarted, or
 * closed an idle connection) is made anew, once, and the call is sent again:
 * every call of the interface may be repeated.  After any other failure the
 * connection is closed, so that a late reply cannot answer a later call.
 */

#define QUICK_MS    10000
#define APPROVAL_MS 600000 /* two questions, and the secrets between */
#define ANNOUNCE_MS 1000

int agent_exchange_fail(struct agent *agent, int rc, struct agent_error *error)
{
	agent_channel_clear(&agent->channel);
	return agent_sentence_failure(rc, agent->channel.path, error);
}

static struct agent_wait make_wait(const struct agent *agent,
                                   enum agent_patience patience)
{
	long long now = clock_boot_ms();

	if (patience == AGENT_PATIENCE_QUICK)
		return (struct agent_wait){ now + QUICK_MS, -1 };
	return (struct agent_wait){
		now + APPROVAL_MS,
		agent->may_announce ? now + ANNOUNCE_MS : -1,
	};
}

/* Sends what is in agent->out and receives the first reply. */
static int try_exchange(struct agent *agent, struct agent_wait *wait,
                        struct bytes *ret_frame)
{
	int rc;

	rc = agent_channel_send(&agent->channel, buffer_bytes(&agent->out),
	                        wait);
	if (rc < 0)
		return rc;
	return agent_channel_receive(&agent->channel, wait, ret_frame);
}

static int exchange_anew(struct agent *agent, struct agent_wait *wait,
                         struct bytes *ret_frame)
{
	int rc;

	rc = agent_channel_connect(&agent->channel);
	if (rc < 0)
		return rc;
	return try_exchange(agent, wait, ret_frame);
}

static int exchange_or_reconnect(struct agent *agent, struct agent_wait *wait,
                                 struct bytes *ret_frame)
{
	int rc;

	/* Bytes that nobody asked for: not a connection to go on with. */
	if (frame_is_partial(&agent->channel.reader))
		agent_channel_clear(&agent->channel);
	if (agent->channel.fd < 0)
		return exchange_anew(agent, wait, ret_frame);

	rc = try_exchange(agent, wait, ret_frame);
	if (rc != -EPIPE)
		return rc;
	return exchange_anew(agent, wait, ret_frame);
}

/* Sends agent->out and decodes the last reply, passing over notices. */
int agent_exchange_any(struct agent *agent, int rc,
                       enum agent_patience patience,
                       struct varlink_reply *ret_reply,
                       struct agent_error *error)
{
	struct agent_wait wait = make_wait(agent, patience);
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	struct bytes frame;

	if (rc == 0)
		rc = exchange_or_reconnect(agent, &wait, &frame);
	if (rc == 0)
		rc = reply_decode(frame, &reply);
	while (rc == 0 && reply.continues) {
		reply_clear(&reply);
		rc = agent_channel_receive(&agent->channel, &wait, &frame);
		if (rc == 0)
			rc = reply_decode(frame, &reply);
	}
	if (rc < 0)
		return agent_exchange_fail(agent, rc, error);

	*ret_reply = reply;
	reply.tree = NULL;
	return AGENT_OK;
}

int agent_exchange(struct agent *agent, int rc, enum agent_patience patience,
                   struct varlink_reply *ret_reply, struct agent_error *error)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };

	rc = agent_exchange_any(agent, rc, patience, &reply, error);
	if (rc != AGENT_OK)
		return rc;
	if (reply.error[0] != '\0')
		return agent_sentence_reply(&reply, error);

	*ret_reply = reply;
	reply.tree = NULL;
	return AGENT_OK;
}

static bool is_confirmed(const struct agent_status *status, const char *cache)
{
	const uint32_t uses = 1U << CONFIRM_SIGN | 1U << CONFIRM_PRESIGN_PUT;

	for (size_t i = 0; i < status->cache_count; i++) {
		if (strcmp(status->caches[i].name, cache) == 0)
			return status->caches[i].confirm & uses;
	}
	return false;
}

/* Status neither unlocks nor counts as use of the agent.  Where each use is
 * asked about, to give up early would only have it asked about again. */
int agent_exchange_prepare(struct agent *agent, const char *cache,
                           enum agent_patience *ret_patience,
                           struct agent_error *error)
{
	struct agent_status status;
	enum agent_state state;
	int rc;

	*ret_patience = AGENT_PATIENCE_APPROVAL;
	if (!agent->never_waits)
		return AGENT_OK;
	rc = agent_get_status(agent, &status, error);
	if (rc != AGENT_OK)
		return rc;
	state = status.state;
	if (!is_confirmed(&status, cache))
		*ret_patience = AGENT_PATIENCE_QUICK;
	agent_status_clear(&status);
	return state == AGENT_UNLOCKED ? AGENT_OK
	                               : agent_sentence_locked(error);
}
