#include "agent/launcher/errands.h"

#include "agent/launcher/peer_look.h"
#include "protocol/base/exit_status.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static int answer(const struct launcher *l, struct errand *done)
{
	int rc = wire_send_errand(l->door_socket, LAUNCHER_ERRAND_DONE, done);

	if (done->fd >= 0)
		(void)close(done->fd);
	return rc;
}

int errands_do(struct launcher *l, struct errand *errand)
{
	struct errand done = {
		.kind = errand->kind,
		.tag = errand->tag,
		.fd = -1,
	};
	bool is_answered = true;

	switch (errand->kind) {
	case ERRAND_PEER:
		peer_look(errand, &done);
		break;
	case ERRAND_STORE:
		nix_store_open(&l->nix_store, l->config->nix_store, &done);
		break;
	case ERRAND_ROTATE:
		audit_file_rotate(&l->audit, errand->number, &done);
		break;
	case ERRAND_ASK:
		/* Else errands_step() answers. */
		is_answered = !askpass_begin(&l->asking, errand, &done);
		break;
	case ERRAND_STOP_ASKING:
		askpass_stop(&l->asking, errand->tag);
		is_answered = false;
		break;
	}
	if (errand->fd >= 0)
		(void)close(errand->fd);
	return is_answered ? answer(l, &done) : 0;
}

void errands_poll(const struct launcher *l, struct pollfd *fds)
{
	for (size_t i = 0; i < CHILD_POLL_MAX; i++)
		fds[i] = (struct pollfd){ .fd = -1 };
	askpass_poll(&l->asking, fds);
}

long long errands_deadline_ms(const struct launcher *l)
{
	return askpass_deadline_ms(&l->asking);
}

void errands_step(struct launcher *l)
{
	struct errand done = { .kind = ERRAND_ASK, .fd = -1 };

	nix_store_reap(&l->nix_store);
	if (askpass_step(&l->asking, &done) && answer(l, &done) < 0)
		launcher_end(l, EXIT_FAILED);
}

void errands_forget(struct launcher *l)
{
	askpass_close(&l->asking);
}

void errands_close(struct launcher *l)
{
	errands_forget(l);
	nix_store_close(&l->nix_store);
	audit_file_close(&l->audit);
}
