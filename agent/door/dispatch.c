#include "agent/door/dispatch.h"

#include "agent/door/gates.h"
#include "agent/door/status.h"
#include "agent/door/submit.h"
#include "protocol/base/fd.h"
#include "protocol/varlink/agent_status.h"
#include "protocol/varlink/service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Nothing is answered to a oneway call, no error either (varlink.org); what
 * was answered to those before it may still be on its way. */
static int finish(struct connection *c, int rc)
{
	if (c->work.is_oneway && rc == 0)
		buffer_take_back(&c->out, c->work.out_mark);
	work_clear(&c->work);
	return rc;
}

int dispatch_fail(struct connection *c, const struct error_reply *error)
{
	/* What the vault has answered so far is no reply. */
	if (c->work.state == WORK_AT_VAULT)
		buffer_take_back(&c->out, c->work.out_mark);
	return finish(c, error_reply_encode(error, &c->out));
}

int dispatch_unlocked(struct connection *c)
{
	return finish(c, unlock_reply_encode(AGENT_UNLOCKED, false, &c->out));
}

int dispatch_locked(struct connection *c)
{
	return finish(c, agent_method_encode_empty_reply(&c->out));
}

int dispatch_begin_unlock(struct door *door)
{
	if (door->custody.state != AGENT_LOCKED)
		return 0;
	door->custody.state = AGENT_UNLOCKING;
	door->custody.source_runs++;
	return wire_send_launcher(door->start->launcher, LAUNCHER_FETCH, -1);
}

static int begin_lock(struct door *door, struct connection *c)
{
	int rc = wire_send_launcher(door->start->launcher, LAUNCHER_RENEW, -1);

	if (rc < 0)
		return rc;
	c->work.state = WORK_NEEDS_LOCK;
	return 0;
}

/* The reply goes out before the launcher is told, which then kills us; and so
 * does the last record. */
static int quit(struct door *door, struct connection *c)
{
	int rc = finish(c, agent_method_encode_empty_reply(&c->out));

	if (rc == 0)
		rc = connection_flush(c);
	door->is_closing = true;
	return rc;
}

static int get_info(struct connection *c)
{
	static const struct service_info info = {
		.vendor = "nixcache",
		.product = "nixcache-agent",
		.version = NIXCACHE_VERSION,
		.url = "https://github.com/nixcache/nixcache",
	};

	return finish(c, service_info_encode(&info, &c->out));
}

static int describe(struct connection *c, const struct varlink_call *call)
{
	struct error_reply error;
	int rc = service_describe(call, &c->out, &error);

	return rc > 0 ? dispatch_fail(c, &error) : finish(c, rc);
}

static int find_cache(const struct config *config, const char *name,
                      uint16_t *ret_index, struct error_reply *ret_error)
{
	for (size_t i = 0; i < config->cache_count; i++) {
		if (strcmp(config->caches[i].name, name) != 0)
			continue;
		*ret_index = (uint16_t)i;
		return CALL_OK;
	}
	*ret_error = error_reply_make(ERROR_UNKNOWN_CACHE, name);
	return CALL_E_REFUSED;
}

/* What stands in the log when a gate has refused a call. */
static int refuse_call(struct door *door, struct connection *c,
                       const struct error_reply *error)
{
	char rule[AUDIT_RULE_SIZE];

	(void)snprintf(rule, sizeof(rule), "%s%s%.180s",
	               error_reply_name(error->error),
	               error->text[0] != '\0' ? ": " : "", error->text);
	gates_note(door, c, "denied", rule);
	return dispatch_fail(c, error);
}

/* A notice that a person is asked, to who wants notices. */
static int tell_waiting(struct connection *c, enum work_state before)
{
	if (c->work.method != AGENT_METHOD_UNLOCK || !c->work.wants_more ||
	    c->work.state == before)
		return 0;
	return unlock_reply_encode(AGENT_UNLOCKING, true, &c->out);
}

/* A call that has been checked: to the vault, or wait. */
int dispatch_continue(struct door *door, struct connection *c)
{
	enum work_state before = c->work.state;
	struct error_reply error;
	int rc = gates_pass(door, c, &error);

	if (rc < 0)
		return rc;
	if (rc == GATE_WAITS)
		return tell_waiting(c, before);
	if (rc == GATE_REFUSED)
		return refuse_call(door, c, &error);
	if (c->work.method == AGENT_METHOD_UNLOCK)
		return dispatch_unlocked(c);

	custody_used(&door->custody, door->config);
	c->work.state = WORK_AT_VAULT; /* share_feed_vault() takes it there */
	return 0;
}

/* Lock and Quit need no log: what they do must always be possible. */
static int begin_ending(struct door *door, struct connection *c)
{
	bool is_lock = c->work.method == AGENT_METHOD_LOCK;
	struct error_reply error;

	if (gates_check_method(door, c, is_lock ? PERMIT_LOCK : PERMIT_QUIT,
	                       &error) != GATE_PASSED)
		return refuse_call(door, c, &error);
	gates_note(door, c, "allowed", c->scope.name);
	return is_lock ? begin_lock(door, c) : quit(door, c);
}

/* A connection that has failed to narrow itself must not go on as wide as it
 * was: who asked believes that it is narrow. */
static int begin_narrow(struct door *door, struct connection *c,
                        const struct varlink_call *call)
{
	struct narrow_call narrow = { .max_count = -1 };
	struct error_reply error;
	int rc = narrow_call_decode(call, &narrow, &error);

	if (rc == CALL_OK)
		rc = scope_narrow(&c->scope, door->config, &narrow, &error);
	narrow_call_clear(&narrow);
	if (rc < 0)
		return rc;
	if (rc == CALL_OK) {
		gates_note(door, c, "allowed", c->scope.name);
		return finish(c, agent_method_encode_empty_reply(&c->out));
	}
	c->is_ending = true;
	return refuse_call(door, c, &error);
}

static int begin_sign(struct door *door, struct connection *c,
                      const struct varlink_call *call)
{
	struct error_reply error;
	int rc = sign_call_decode(call, &c->work.sign, &error);

	if (rc == CALL_OK) {
		rc = find_cache(door->config, c->work.sign.cache,
		                &c->work.cache, &error);
	}
	if (rc == CALL_OK)
		rc = submit_check_sign(door, &c->work, &error);
	if (rc > 0)
		return dispatch_fail(c, &error);
	return rc < 0 ? rc : dispatch_continue(door, c);
}

static int begin_presign(struct door *door, struct connection *c,
                         const struct varlink_call *call)
{
	struct error_reply error;
	int rc = presign_call_decode(call, &c->work.presign, &error);

	if (rc == CALL_OK) {
		rc = find_cache(door->config, c->work.presign.cache,
		                &c->work.cache, &error);
	}
	if (rc == CALL_OK)
		rc = submit_check_presign(door, &c->work, &error);
	if (rc > 0)
		return dispatch_fail(c, &error);
	return rc < 0 ? rc : dispatch_continue(door, c);
}

static int begin_without_parameters(struct door *door, struct connection *c,
                                    const struct varlink_call *call)
{
	struct error_reply error;
	int rc = agent_method_check_empty(call, &error);

	if (rc > 0)
		return dispatch_fail(c, &error);
	if (rc < 0)
		return rc;
	if (c->work.method == AGENT_METHOD_STATUS)
		return finish(c, status_write(door, c, &c->out));
	if (c->work.method == AGENT_METHOD_UNLOCK)
		return dispatch_continue(door, c);
	if (c->work.method == AGENT_METHOD_LOCK ||
	    c->work.method == AGENT_METHOD_QUIT)
		return begin_ending(door, c);
	return get_info(c);
}

static int begin(struct door *door, struct connection *c,
                 const struct varlink_call *call)
{
	switch (c->work.method) {
	case AGENT_METHOD_SIGN:
		return begin_sign(door, c, call);
	case AGENT_METHOD_PRESIGN:
		return begin_presign(door, c, call);
	case AGENT_METHOD_NARROW:
		return begin_narrow(door, c, call);
	case AGENT_METHOD_GET_INTERFACE_DESCRIPTION:
		return describe(c, call);
	case AGENT_METHOD_STATUS:
	case AGENT_METHOD_UNLOCK:
	case AGENT_METHOD_LOCK:
	case AGENT_METHOD_QUIT:
	case AGENT_METHOD_GET_INFO:
		return begin_without_parameters(door, c, call);
	case AGENT_METHOD_COUNT:
		break;
	}
	return -EBADMSG;
}

int dispatch_message(struct door *door, struct connection *c,
                     struct bytes frame)
{
	cleanup_call struct varlink_call call = { .parameters = NULL };
	struct error_reply error;
	int rc;

	rc = call_decode(frame, &call);
	if (rc < 0)
		return rc;
	c->work = (struct work){
		.is_oneway = call.is_oneway,
		.wants_more = call.wants_more,
		.out_mark = c->out.len,
		.id = ++door->last_work,
	};
	rc = agent_method_find(call.method, &c->work.method, &error);
	if (rc > 0)
		return dispatch_fail(c, &error);
	if (call.wants_upgrade) { /* there is nothing to upgrade to */
		error = error_reply_make(ERROR_METHOD_NOT_IMPLEMENTED,
		                         call.method);
		return dispatch_fail(c, &error);
	}
	return rc < 0 ? rc : begin(door, c, &call);
}

static int refuse(struct connection *c, const struct wire_frame *frame)
{
	struct vault_refused refused;
	struct error_reply error;
	int rc = wire_get_refused(frame->body, &refused);

	if (rc < 0)
		return rc;
	switch (refused.refusal) {
	case VAULT_BAD_REQUEST:
		error = error_reply_make(ERROR_POLICY_DENIED, refused.detail);
		break;
	case VAULT_NO_SUCH_SECRET:
		error = error_reply_make(ERROR_NOT_SUPPORTED, refused.detail);
		(void)snprintf(error.cache, sizeof(error.cache), "%s",
		               c->work.method == AGENT_METHOD_SIGN
		                       ? c->work.sign.cache
		                       : c->work.presign.cache);
		break;
	case VAULT_NOT_LOADED:
	case VAULT_MALFORMED:
	case VAULT_KEY_MISMATCH:
	case VAULT_INTAKE_BROKEN:
		error = error_reply_make(ERROR_VAULT_FAILED, refused.detail);
		break;
	}
	return dispatch_fail(c, &error);
}

/* What the client has met at the server counts from when it has passed all
 * gates, as the call itself. */
static struct agent_pace note_pace(struct door *door,
                                   const struct connection *c)
{
	const struct pace_client client = {
		.place = (size_t)(c - door->connections),
		.cache = c->work.cache,
		.is_heard = scope_may_put(&c->scope, c->work.cache),
	};
	const long long now_ms = clock_boot_ms();

	pace_note(door->paces, &client, &c->work.presign.pressure, now_ms);
	return pace_share(door->paces, client.cache, now_ms);
}

static int reply_when_whole(struct door *door, struct connection *c)
{
	const size_t count = work_item_count(&c->work);
	struct agent_pace pace = { .in_flight = 0 };
	int rc;

	if (c->work.answered < count)
		return 0;
	if (c->work.method == AGENT_METHOD_SIGN) {
		door->custody.signature_count += count;
	} else {
		door->custody.url_count += count;
		pace = note_pace(door, c);
	}
	rc = submit_end_reply(&c->work, &pace, &c->out);
	/* Very long upload ids may make URLs that fit into no one message. */
	if (rc == -EMSGSIZE) {
		const struct error_reply error =
			error_reply_make(ERROR_INVALID_PARAMETER, "requests");

		return dispatch_fail(c, &error);
	}
	return finish(c, rc);
}

int dispatch_answer(struct door *door, struct connection *c,
                    const struct wire_frame *frame)
{
	int rc;

	if (frame->type == VAULT_REFUSED)
		return refuse(c, frame);

	rc = submit_take_answer(&c->work, frame, &c->out);
	return rc < 0 ? rc : reply_when_whole(door, c);
}
