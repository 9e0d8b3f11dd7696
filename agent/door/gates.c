#include "agent/door/gates.h"

#include "agent/door/dispatch.h"
#include "agent/door/errands.h"
#include "agent/door/submit.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define WHAT_SIZE 400

static bool uses_items(const struct work *work)
{
	return work->method == AGENT_METHOD_SIGN ||
	       work->method == AGENT_METHOD_PRESIGN;
}

/* Who asks is written down, and told to the person who is asked. */
static int pass_peer(struct door *door, struct connection *c,
                     struct error_reply *ret_error)
{
	(void)door;
	(void)ret_error;
	if (c->peer.is_known)
		return GATE_PASSED;
	c->work.state = WORK_NEEDS_PEER;
	return GATE_WAITS;
}

static struct scope_item item_of(const struct door *door,
                                 const struct work *work, size_t i)
{
	const struct config_cache *cache = &door->config->caches[work->cache];
	const struct s3_object_request *request;

	if (work->method == AGENT_METHOD_SIGN) {
		return (struct scope_item){
			.permission = PERMIT_SIGN,
			.cache = work->cache,
			.cache_name = cache->name,
			.store_path =
				submit_base_of(cache, &work->sign.paths[i]),
			.bytes = work->sign.paths[i].nar_size,
		};
	}
	request = &work->presign.requests[i];
	return (struct scope_item){
		.permission = PERMIT_OBJECT + request->operation,
		.cache = work->cache,
		.cache_name = cache->name,
		.key = request->key.data ? request->key : request->prefix,
		.bytes = request->content_length,
		.expires = request->expires,
	};
}

enum gate_outcome gates_check_method(const struct door *door,
                                     const struct connection *c,
                                     enum permission permission,
                                     struct error_reply *ret_error)
{
	const struct scope_item item = {
		.permission = permission,
		.cache = SCOPE_NO_CACHE,
	};

	(void)door;
	return scope_decide(&c->scope, &item, time(NULL), ret_error);
}

/* Who does not say how long gets what the scope gives. */
static void complete_expires(struct connection *c)
{
	uint32_t expires = scope_expires(&c->scope);

	for (size_t i = 0; i < c->work.presign.count; i++) {
		if (c->work.presign.requests[i].expires == 0)
			c->work.presign.requests[i].expires = expires;
	}
}

static int pass_scope_items(struct door *door, struct connection *c,
                            struct error_reply *ret_error)
{
	size_t count = work_item_count(&c->work);
	const struct rate_call call = {
		.peer = &c->peer,
		.socket = c->listener,
		.rate = c->scope.socket->rate,
		.count = count,
	};
	int64_t now_s = time(NULL);
	uint64_t bytes = 0;
	enum gate_outcome outcome;

	complete_expires(c);
	for (size_t i = 0; i < count; i++) {
		const struct scope_item item = item_of(door, &c->work, i);

		outcome = scope_decide(&c->scope, &item, now_s, ret_error);
		if (outcome != GATE_PASSED)
			return (int)outcome;
		if (__builtin_add_overflow(bytes, item.bytes, &bytes))
			bytes = UINT64_MAX;
	}
	outcome = rate_take(door->rates, &call, clock_boot_ms(), ret_error);
	if (outcome == GATE_PASSED)
		outcome = scope_charge(&c->scope, count, bytes, ret_error);
	return (int)outcome;
}

static int pass_scope(struct door *door, struct connection *c,
                      struct error_reply *ret_error)
{
	if (peer_is_gone(&c->peer)) {
		*ret_error = error_reply_make(ERROR_PERMISSION_DENIED, NULL);
		return GATE_REFUSED;
	}
	return uses_items(&c->work)
	               ? pass_scope_items(door, c, ret_error)
	               : (int)gates_check_method(door, c, PERMIT_UNLOCK,
	                                         ret_error);
}

static int pass_witness(struct door *door, struct connection *c,
                        struct error_reply *ret_error)
{
	const struct config_cache *cache = &door->config->caches[c->work.cache];
	const struct witness_question question = {
		.call = c->work.id,
		.store_dir = cache->store_dir,
		.policy = cache->sign_policy,
		.sign = &c->work.sign,
	};
	int rc;

	if (c->work.method != AGENT_METHOD_SIGN ||
	    cache->sign_policy == SIGN_ANY)
		return GATE_PASSED;
	rc = witness_check(door->witness, &c->attested, &question, ret_error);
	if (rc == GATE_WAITS)
		c->work.state = WORK_NEEDS_WITNESS;
	return rc;
}

static bool is_upload(const struct s3_object_request *request)
{
	switch (request->operation) {
	case S3_PUT_OBJECT:
	case S3_CREATE_MULTIPART_UPLOAD:
	case S3_UPLOAD_PART:
	case S3_COMPLETE_MULTIPART_UPLOAD:
	case S3_DELETE_OBJECT:
		return true;
	default:
		return false;
	}
}

static size_t count_uploads(const struct work *work)
{
	size_t count = 0;

	for (size_t i = 0; i < work->presign.count; i++)
		count += is_upload(&work->presign.requests[i]) ? 1 : 0;
	return count;
}

/* about: all but who asks. */
static int ask(struct door *door, struct connection *c,
               struct approval_question about, struct error_reply *ret_error)
{
	int rc;

	about.call = c->work.id;
	about.peer = &c->peer;
	rc = (int)approval_check(door->approvals, &about, clock_boot_ms(),
	                         ret_error);
	if (rc == GATE_WAITS)
		c->work.state = WORK_NEEDS_APPROVAL;
	/* The person has said yes to a process that is gone. */
	if (rc == GATE_PASSED && peer_is_gone(&c->peer)) {
		*ret_error = error_reply_make(ERROR_PERMISSION_DENIED, NULL);
		return GATE_REFUSED;
	}
	return rc;
}

static bool wants_approval(const struct door *door, size_t cache,
                           enum confirmation kind)
{
	return door->config->caches[cache].confirm & (1U << kind);
}

/* Unlocking fetches the secrets of all caches, whichever the call is for: one
 * that wants to be asked about is enough. */
static int ask_about_unlock(struct door *door, struct connection *c,
                            struct error_reply *ret_error)
{
	struct approval_question about = {
		.kind = CONFIRM_UNLOCK,
		.what = "fetch the secrets of all caches",
	};

	if (door->custody.state != AGENT_LOCKED)
		return GATE_PASSED;
	for (size_t i = 0; i < door->config->cache_count; i++) {
		if (wants_approval(door, i, CONFIRM_UNLOCK)) {
			about.cache = (uint16_t)i;
			return ask(door, c, about, ret_error);
		}
	}
	return GATE_PASSED;
}

static int ask_about_sign(struct door *door, struct connection *c,
                          struct error_reply *ret_error)
{
	const struct work *work = &c->work;
	size_t count = work->sign.count;
	char what[WHAT_SIZE];
	const struct approval_question about = {
		.kind = CONFIRM_SIGN,
		.cache = work->cache,
		.what = what,
	};

	if (!wants_approval(door, work->cache, CONFIRM_SIGN))
		return GATE_PASSED;
	(void)snprintf(what, sizeof(what), "sign %zu store path%s%s %s", count,
	               count == 1 ? "," : "s,", count == 1 ? "" : " the first",
	               work->sign.paths[0].store_path);
	return ask(door, c, about, ret_error);
}

static int ask_about_upload(struct door *door, struct connection *c,
                            struct error_reply *ret_error)
{
	const struct work *work = &c->work;
	size_t count = count_uploads(work), first = 0;
	const struct s3_object_request *request;
	char what[WHAT_SIZE];
	const struct approval_question about = {
		.kind = CONFIRM_PRESIGN_PUT,
		.cache = work->cache,
		.what = what,
	};

	if (!wants_approval(door, work->cache, CONFIRM_PRESIGN_PUT) ||
	    count == 0)
		return GATE_PASSED;
	while (!is_upload(&work->presign.requests[first]))
		first++;
	request = &work->presign.requests[first];
	(void)snprintf(what, sizeof(what),
	               "upload or delete %zu object%s%s %.*s", count,
	               count == 1 ? "," : "s,", count == 1 ? "" : " the first",
	               (int)request->key.len, (const char *)request->key.data);
	return ask(door, c, about, ret_error);
}

static int pass_approval(struct door *door, struct connection *c,
                         struct error_reply *ret_error)
{
	int rc = ask_about_unlock(door, c, ret_error);

	if (rc == GATE_PASSED && c->work.method == AGENT_METHOD_SIGN)
		rc = ask_about_sign(door, c, ret_error);
	if (rc == GATE_PASSED && c->work.method == AGENT_METHOD_PRESIGN)
		rc = ask_about_upload(door, c, ret_error);
	/* What it waited for may have happened without an answer: somebody
	 * else has unlocked. */
	if (rc != GATE_WAITS)
		approval_forget(door->approvals, c->work.id, clock_boot_ms());
	return rc;
}

static int pass_unlock(struct door *door, struct connection *c,
                       struct error_reply *ret_error)
{
	int rc;

	(void)ret_error;
	if (door->custody.state == AGENT_UNLOCKED)
		return GATE_PASSED;
	rc = dispatch_begin_unlock(door);
	if (rc < 0)
		return rc;
	c->work.state = WORK_NEEDS_UNLOCK;
	return GATE_WAITS;
}

static int pass_room(struct door *door, struct connection *c,
                     struct error_reply *ret_error)
{
	(void)ret_error;
	if (!uses_items(&c->work) || vault_link_has_room(&door->vault))
		return GATE_PASSED;
	c->work.state = WORK_NEEDS_ROOM;
	return GATE_WAITS;
}

static struct audit_event event_of(const struct door *door,
                                   const struct connection *c,
                                   const char *decision, const char *rule)
{
	const struct work *work = &c->work;

	return (struct audit_event){
		.event = agent_method_event(work->method),
		.peer = &c->peer,
		.scope = c->scope.name,
		.cache = uses_items(work)
		                 ? door->config->caches[work->cache].name
		                 : NULL,
		.sign = work->method == AGENT_METHOD_SIGN ? &work->sign : NULL,
		.presign = work->method == AGENT_METHOD_PRESIGN ? &work->presign
		                                                : NULL,
		.decision = decision,
		.rule = rule,
	};
}

static int pass_audit(struct door *door, struct connection *c,
                      struct error_reply *ret_error)
{
	const struct audit_event event =
		event_of(door, c, "allowed", c->scope.name);

	if (audit_write(door->audit, &event) == 0)
		return GATE_PASSED;
	*ret_error = error_reply_make(ERROR_AUDIT_FAILED,
	                              audit_failure(door->audit));
	return GATE_REFUSED;
}

void gates_note(struct door *door, const struct connection *c,
                const char *decision, const char *rule)
{
	const struct audit_event event = event_of(door, c, decision, rule);

	if (audit_write(door->audit, &event) < 0)
		return; /* audit_failure() is shown by Status */
}

struct gate {
	int (*pass)(struct door *door, struct connection *c,
	            struct error_reply *ret_error);
};

/* For Sign and Presign.  The last three are passed in one go, or the secrets
 * might have been wiped meanwhile: waiting begins again at the first of them. */
static const struct gate gates_to_use[] = {
	{ pass_peer },   { pass_scope }, { pass_witness }, { pass_approval },
	{ pass_unlock }, { pass_room },  { pass_audit },
};
#define GATE_LAST_KEPT 4

/* For Unlock, which is written down before a source is asked. */
static const struct gate gates_to_unlock[] = {
	{ pass_peer },  { pass_scope },  { pass_approval },
	{ pass_audit }, { pass_unlock },
};

int gates_pass(struct door *door, struct connection *c,
               struct error_reply *ret_error)
{
	bool is_use = uses_items(&c->work);
	const struct gate *gates = is_use ? gates_to_use : gates_to_unlock;
	size_t count = is_use ? sizeof(gates_to_use) / sizeof(gates[0])
	                      : sizeof(gates_to_unlock) / sizeof(gates[0]);

	for (size_t i = c->work.gate; i < count; i++) {
		int rc = gates[i].pass(door, c, ret_error);

		if (rc == GATE_PASSED)
			continue;
		c->work.gate = is_use && i > GATE_LAST_KEPT ? GATE_LAST_KEPT
		                                            : i;
		return rc;
	}
	return GATE_PASSED;
}
