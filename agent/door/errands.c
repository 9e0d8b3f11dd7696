#include "agent/door/errands.h"

#include "agent/door/calls.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int send_errand(const struct door *door, const struct errand *errand)
{
	return wire_send_errand(door->start->launcher, LAUNCHER_ERRAND, errand);
}

int errands_ask_peer(struct door *door, const struct connection *c)
{
	const struct errand errand = {
		.kind = ERRAND_PEER,
		.tag = c->id,
		.pid = c->peer.pid,
		.fd = c->peer.pidfd,
	};

	return send_errand(door, &errand);
}

static int send_simple(const struct door *door, enum errand_kind kind,
                       uint64_t number)
{
	const struct errand errand = {
		.kind = kind,
		.number = number,
		.fd = -1,
	};

	return send_errand(door, &errand);
}

int errands_send(struct door *door)
{
	struct errand errand;
	int rc = 0;

	if (witness_wants_store(door->witness))
		rc = send_simple(door, ERRAND_STORE, 0);
	if (rc == 0 && audit_wants_rotation(door->audit)) {
		rc = send_simple(door, ERRAND_ROTATE,
		                 audit_sequence(door->audit));
	}
	while (rc == 0 && approvals_next_errand(door->approvals, &errand))
		rc = send_errand(door, &errand);
	return rc;
}

/* What cannot be found out is left empty; the peer is then as known as it will
 * ever be. */
static void take_peer(struct door *door, const struct errand *answer)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &door->connections[i];

		if (c->fd < 0 || c->id != answer->tag)
			continue;
		c->peer.is_known = true;
		if (answer->end == ERRAND_DONE) {
			c->peer.start = answer->number;
			(void)snprintf(c->peer.exe, sizeof(c->peer.exe), "%s",
			               answer->text);
		}
	}
	calls_continue_all(door, WORK_NEEDS_PEER);
}

void errands_take(struct door *door, const struct errand *answer)
{
	switch (answer->kind) {
	case ERRAND_PEER:
		take_peer(door, answer);
		break;
	case ERRAND_STORE:
		witness_take_store(door->witness, answer->fd, answer->text);
		calls_continue_all(door, WORK_NEEDS_WITNESS);
		return;
	case ERRAND_ASK:
		approvals_take_answer(door->approvals, answer, clock_boot_ms());
		calls_continue_all(door, WORK_NEEDS_APPROVAL);
		/* Who was looked at first may need none any more, since a later
		 * one has begun to unlock. */
		calls_continue_all(door, WORK_NEEDS_APPROVAL);
		break;
	case ERRAND_ROTATE:
		audit_take_rotated(door->audit, answer->fd, answer->text);
		return;
	case ERRAND_STOP_ASKING:
		break;
	}
	if (answer->fd >= 0)
		(void)close(answer->fd);
}
