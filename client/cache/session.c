#include "client/cache/session.h"

#include "client/cache/select.h"
#include "protocol/base/exit_status.h"

#include <stdio.h>
#include <unistd.h>

static int open_agent(struct session *session, char why[SESSION_WHY_MAX])
{
	struct agent_error error;

	if (agent_open(NULL, &session->agent, &error) == 0) {
		if (isatty(STDERR_FILENO))
			agent_announce_waiting(session->agent);
		if (agent_get_status(session->agent, &session->status,
		                     &error) == 0)
			return 0;
	}
	(void)snprintf(why, SESSION_WHY_MAX, "%s", error.text);
	return error.exit_status;
}

int session_open(const char *cache, unsigned connections,
                 struct session *ret_session, char why[SESSION_WHY_MAX])
{
	struct cache_options options = { .connections = connections };
	int rc;

	*ret_session = (struct session){ .agent = NULL };
	rc = open_agent(ret_session, why);
	if (rc != 0)
		return rc;
	ret_session->config =
		select_cache(&ret_session->status, cache, why, SESSION_WHY_MAX);
	if (!ret_session->config) {
		return cache || ret_session->status.cache_count == 0
		               ? EXIT_FAILED
		               : EXIT_USAGE;
	}
	options.agent = ret_session->agent;
	rc = cache_open(ret_session->config, &options, &ret_session->cache, why,
	                SESSION_WHY_MAX);
	return rc < 0 ? EXIT_FAILED : 0;
}

void session_close(struct session *session)
{
	cache_close(session->cache);
	agent_close(session->agent);
	agent_status_clear(&session->status);
}
