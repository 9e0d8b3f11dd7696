#include "client/store/daemon_state.h"
#include "protocol/nix/worker.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* What a path is registered with must be well-formed: the daemon drops the
 * connection over a name that is not. */
static int check_info(const struct path_info *info, struct daemon_error *error)
{
	int rc = daemon_check_base(info->base, error);

	if (rc == 0 && info->deriver[0] != '\0')
		rc = daemon_check_base(info->deriver, error);
	for (size_t i = 0; rc == 0 && i < info->references.count; i++)
		rc = daemon_check_base(info->references.items[i], error);
	return rc;
}

int daemon_import_begin(struct daemon *daemon, const struct path_info *info,
                        struct daemon_error *error)
{
	int rc;

	rc = daemon_check_usable(daemon, error);
	if (rc == 0)
		rc = check_info(info, error);
	if (rc < 0)
		return rc;

	worker_put_import(channel_queue(daemon->channel), daemon->store_dir,
	                  info);
	memcpy(daemon->importing, info->base, strlen(info->base) + 1);
	daemon->is_importing = true;
	daemon->channel->timeout_ms = DAEMON_BUSY_MS;
	return 0;
}

/* The daemon takes no more.  It may have said why, at once or after what it
 * has taken already. */
static int find_reason(struct daemon *d, int rc, struct daemon_error *error)
{
	if (rc == -EPIPE || rc == -ECONNRESET) {
		int reason = daemon_await_result(d, error);

		if (reason < 0)
			return reason;
	}
	return daemon_stream_failed(d, rc, error);
}

static int check_importing(const struct daemon *d, struct daemon_error *error)
{
	if (d->is_broken)
		return daemon_check_usable(d, error);
	assert(d->is_importing);
	return 0;
}

static int write_frame(struct daemon *d, struct bytes frame,
                       struct daemon_error *error)
{
	int rc;

	worker_put_frame(channel_queue(d->channel), frame.len);
	rc = channel_write(d->channel, frame);
	if (rc < 0)
		return find_reason(d, rc, error);
	return daemon_hear_notes(d, error);
}

int daemon_import_write(struct daemon *daemon, struct bytes nar,
                        struct daemon_error *error)
{
	int rc;

	rc = check_importing(daemon, error);
	while (rc == 0 && nar.len > 0) {
		struct bytes frame = { nar.data, nar.len };

		if (frame.len > WORKER_FRAME_MAX)
			frame.len = WORKER_FRAME_MAX;
		rc = write_frame(daemon, frame, error);
		nar.data += frame.len;
		nar.len -= frame.len;
	}
	return rc;
}

int daemon_import_end(struct daemon *daemon, struct daemon_error *error)
{
	int rc;

	rc = check_importing(daemon, error);
	if (rc < 0)
		return rc;

	worker_put_frame(channel_queue(daemon->channel), 0);
	rc = daemon_await_result(daemon, error);
	daemon->is_importing = false;
	daemon->channel->timeout_ms = CHANNEL_TIMEOUT_MS;
	if (rc == -EKEYREJECTED) {
		return daemon_fail(
			error, rc,
			"%s/%s: the Nix daemon trusts neither you nor a key "
			"that signed it; add the cache's key to "
			"trusted-public-keys (\"nixcache use\" does it)",
			daemon->store_dir, daemon->importing);
	}
	return rc;
}
