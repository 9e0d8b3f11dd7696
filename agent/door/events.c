#include "agent/door/events.h"

#include "agent/door/calls.h"
#include "agent/door/dispatch.h"
#include "agent/door/errands.h"
#include "agent/door/share.h"
#include "agent/door/submit.h"
#include "protocol/base/cursor.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <stdio.h>

#define COMMIT_TAG UINT64_MAX

static struct error_reply locked_meanwhile(void)
{
	return error_reply_make(ERROR_LOCKED, "the agent was locked meanwhile");
}

void events_forget_vault(struct door *door, const struct error_reply *why)
{
	bool was_committing = door->custody.is_committing;

	if (door->custody.state == AGENT_UNLOCKED)
		door->has_lost_secrets = true;
	vault_link_detach(&door->vault);
	audit_forget_vault(door->audit);
	/* A fetch goes on without it: the launcher ends what it began. */
	if (door->custody.state != AGENT_UNLOCKING || was_committing)
		custody_locked(&door->custody);
	calls_fail_all(door, WORK_AT_VAULT, why);
	calls_fail_all(door, WORK_NEEDS_ROOM, why);
	if (was_committing)
		calls_fail_all(door, WORK_NEEDS_UNLOCK, why);
}

void events_note_locked(struct door *door, const char *why)
{
	if (door->has_lost_secrets)
		audit_note_locked(door->audit, why);
	door->has_lost_secrets = false;
}

static void take_vault(struct door *door, int fd, enum lock_reason reason)
{
	static const char *const reasons[] = {
		[LOCK_ASKED] = "asked",   [LOCK_LIFETIME] = "lifetime",
		[LOCK_SIGNAL] = "signal", [LOCK_SLEEP] = "sleep",
		[LOCK_DIED] = "died",
	};
	const struct error_reply locked = locked_meanwhile();

	events_forget_vault(door, &locked);
	events_note_locked(door, reasons[reason]);
	/* Before there was a first vault nothing can have been locked. */
	if (door->has_greeted && reason != LOCK_DIED) {
		calls_fail_all(door, WORK_NEEDS_APPROVAL, &locked);
		approvals_forget_all(door->approvals, clock_boot_ms());
	}
	vault_link_attach(&door->vault, fd);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &door->connections[i];

		if (c->fd >= 0 && c->work.state == WORK_NEEDS_LOCK)
			calls_end_if_failed(door, c, dispatch_locked(c));
	}
}

static void fail_waiters(struct door *door, const struct error_reply *error)
{
	custody_locked(&door->custody);
	calls_fail_all(door, WORK_NEEDS_UNLOCK, error);
}

static void note_fetched(struct door *door, const struct fetch_outcome *outcome)
{
	struct error_reply error;

	if (outcome->is_ok) {
		door->custody.is_committing = true;
		wire_put_commit(&door->vault.out, COMMIT_TAG);
		return;
	}
	error = error_reply_make(ERROR_SOURCE_FAILED, outcome->detail);
	error.failure = outcome->failure;
	error.retry_after = outcome->retry_after;
	audit_note_fetch_failed(door->audit,
	                        source_failure_name(outcome->failure));
	fail_waiters(door, &error);
}

int events_take_packet(struct door *door)
{
	const struct error_reply locked = locked_meanwhile();
	struct launcher_packet packet;
	int rc = wire_receive_launcher(door->start->launcher, &packet);

	if (rc <= 0)
		return rc < 0 ? rc : -ECONNRESET;
	switch (packet.type) {
	case LAUNCHER_VAULT:
		take_vault(door, packet.fd, packet.reason);
		return 0;
	case LAUNCHER_FETCHED:
		note_fetched(door, &packet.outcome);
		return 0;
	case LAUNCHER_CANCELLED:
		audit_note_fetch_failed(door->audit, "cancelled");
		fail_waiters(door, &locked);
		return 0;
	case LAUNCHER_FETCH:
		return dispatch_begin_unlock(door);
	case LAUNCHER_ERRAND_DONE:
		errands_take(door, &packet.errand);
		return 0;
	case LAUNCHER_MEASURE:
		report_replace(door->start->launcher_report, &packet.measure);
		return 0;
	case LAUNCHER_CLOSE:
		door->is_closing = true;
		return 0;
	case LAUNCHER_RENEW:
	case LAUNCHER_REFUSED:
	case LAUNCHER_LOADED:
	case LAUNCHER_READY:
	case LAUNCHER_QUIT:
	case LAUNCHER_ERRAND:
		break;
	}
	return -EBADMSG;
}

/* Which public keys the fetched ones turned out to be. */
static int take_loaded_keys(struct door *door, struct cursor *c,
                            struct strings *ret_keys)
{
	unsigned count = cursor_get_u16(c);

	for (unsigned i = 0; i < count && !c->failed; i++) {
		uint16_t slot = cursor_get_u16(c);
		struct bytes key = cursor_get_bytes(c, KEY_PUBLIC_TEXT_SIZE);
		int rc;

		if (c->failed || slot >= door->config->slot_count)
			return -EBADMSG;
		rc = strings_add(
			&door->loaded_keys[door->config->slots[slot].cache],
			(const char *)key.data, key.len);
		if (rc == 0) {
			rc = strings_add(ret_keys, (const char *)key.data,
			                 key.len);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int take_certificates(struct cursor *c, struct strings *ret_certificates)
{
	unsigned count = cursor_get_u16(c);
	int rc = 0;

	for (unsigned i = 0; i < count && !c->failed && rc == 0; i++) {
		struct bytes text =
			cursor_get_bytes(c, KEY_SIGNATURE_TEXT_SIZE);

		rc = c->failed ? -EBADMSG
		               : strings_add(ret_certificates,
		                             (const char *)text.data, text.len);
	}
	return rc;
}

static int take_loaded(struct door *door, struct bytes body)
{
	cleanup_strings struct strings keys = { 0 }, certificates = { 0 };
	struct cursor c;
	int rc;

	for (size_t i = 0; i < door->config->cache_count; i++)
		strings_clear(&door->loaded_keys[i]);
	cursor_init(&c, body);
	rc = take_loaded_keys(door, &c, &keys);
	if (rc == 0)
		rc = take_certificates(&c, &certificates);
	if (rc < 0)
		return rc;
	if (cursor_end(&c) < 0 || keys.count != certificates.count)
		return -EBADMSG;

	audit_note_unlocked(door->audit, &keys, &certificates);
	custody_unlocked(&door->custody, door->config);
	calls_continue_all(door, WORK_NEEDS_UNLOCK);
	return wire_send_launcher(door->start->launcher, LAUNCHER_LOADED, -1);
}

/* The fetched secrets are no good: everybody who waits hears why, and the
 * vault is replaced. */
static int take_load_refusal(struct door *door, struct bytes body)
{
	struct fetch_outcome outcome = { .failure = SOURCE_MALFORMED };
	struct vault_refused refused;
	char slot[160];
	int rc = wire_get_refused(body, &refused);

	if (rc < 0)
		return rc;
	config_describe_slot(door->config, refused.slot, slot, sizeof(slot));
	(void)snprintf(outcome.detail, sizeof(outcome.detail), "%s: %.300s",
	               slot, refused.detail);
	if (refused.refusal == VAULT_KEY_MISMATCH)
		outcome.failure = SOURCE_KEY_MISMATCH;
	note_fetched(door, &outcome);
	return wire_send_outcome(door->start->launcher, LAUNCHER_REFUSED,
	                         &outcome);
}

static int take_hello(struct door *door, struct bytes body)
{
	uint8_t seal_key[KEY_PUBLIC_LEN];
	int rc = wire_get_hello(body, door->vault_measures, REPORT_MAX,
	                        &door->vault_measure_count, seal_key);

	if (rc < 0)
		return rc;
	audit_take_vault_key(door->audit, seal_key);
	if (door->has_greeted)
		return 0;
	door->has_greeted = true;
	return wire_send_launcher(door->start->launcher, LAUNCHER_READY, -1);
}

static struct connection *find_caller(struct door *door, uint64_t tag)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &door->connections[i];

		if (c->fd >= 0 && c->work.state == WORK_AT_VAULT &&
		    c->work.id == submit_work_id(tag))
			return c;
	}
	return NULL; /* the client has gone meanwhile, or its call has failed */
}

/* Who pays for the time since start_ns.  The answers to one call come together:
 * the clock, a system call, is read when the payer changes. */
struct meter {
	struct connection *payer; /* NULL: nobody */
	long long start_ns;
};

static void charge_to(struct meter *meter, struct connection *payer)
{
	long long now_ns;

	if (payer == meter->payer)
		return;
	now_ns = share_clock_ns();
	if (meter->payer)
		meter->payer->spent_ns += now_ns - meter->start_ns;
	*meter = (struct meter){ payer, now_ns };
}

static int take_frame(struct door *door, struct meter *meter,
                      const struct wire_frame *frame)
{
	struct connection *c;

	if (frame->type == VAULT_HELLO)
		return take_hello(door, frame->body);
	if (frame->type == VAULT_LOADED)
		return take_loaded(door, frame->body);
	if (frame->tag == AUDIT_SEAL_TAG) {
		return frame->type == VAULT_SEALED
		               ? audit_take_seal(door->audit, frame->body)
		               : -EBADMSG;
	}
	if (frame->tag == COMMIT_TAG) {
		return frame->type == VAULT_REFUSED
		               ? take_load_refusal(door, frame->body)
		               : -EBADMSG;
	}

	if (door->vault.asked > 0)
		door->vault.asked--;
	c = find_caller(door, frame->tag);
	charge_to(meter, c);
	if (c)
		calls_end_if_failed(door, c, dispatch_answer(door, c, frame));
	return 0;
}

int events_take_frames(struct door *door)
{
	struct meter meter = { .payer = NULL };
	struct wire_frame frame;
	int received = vault_link_receive(&door->vault);
	int rc;

	while ((rc = vault_link_next(&door->vault, &frame)) == 1) {
		rc = take_frame(door, &meter, &frame);
		if (rc < 0)
			return rc;
	}
	charge_to(&meter, NULL);
	return rc < 0 ? rc : received;
}
