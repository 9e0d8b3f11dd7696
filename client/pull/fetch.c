/* Theory of operation
 *
 * One loop: begin downloads in the plan's order while there is room, take what
 * the cache and the importers say, hand over every path whose references are
 * all valid and whose bytes are here.
 *
 *   WAITING    not begun
 *   LOADING    its NAR comes into a conduit, which may fill up and stand still
 *   IMPORTING  an importer has it
 *   DONE       registered in the local store
 *   FAILED     named once; and so is all that refers to it
 *
 * No standstill: downloads begin in the plan's order, in which references come
 * first.  The oldest that is not settled has none that is, so it is handed
 * over, and an importer reads it to its end, however many younger ones wait
 * with full conduits.
 *
 * A path may be settled while the cache or an importer still has its download;
 * that is freed, and its room given on, when both have given it back.
 *
 * When the agent or the cache as a whole refuses (locked, credentials), the
 * rest is given up at once, as in a push.  SIGINT and SIGTERM do the same: the
 * daemon drops what was not registered when its connection ends.
 */
#include "client/pull/fetch.h"

#include "client/pull/download.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#define AHEAD_MAX   ((size_t)48 * 1024 * 1024) /* of all downloads */
#define TICK_MS     100
#define EXIT_SIGNAL 128

enum item_state {
	ITEM_WAITING,
	ITEM_LOADING,
	ITEM_IMPORTING,
	ITEM_DONE,
	ITEM_FAILED,
};

struct fetch {
	struct fetch_request request;
	enum item_state *states;     /* owned; by index of path */
	struct download **downloads; /* owned, as what they point to */
	size_t *active;              /* owned; indexes with a download */
	size_t active_count;
	size_t ahead;   /* of the active ones together */
	size_t begun;   /* of the plan's order */
	size_t *failed; /* owned; whose dependents are to fail as well */
	size_t failed_count;
	struct import *ensures; /* owned; one for each PULL_ABSENT */
	size_t ensure_count;
	size_t ensured; /* of them have come back */
	int signals;
	sigset_t old_signals;
	bool is_given_up;
	struct fetch_result result;
};

static const struct pull_path *path_at(const struct fetch *f, size_t index)
{
	return f->request.paths->items[index];
}

static void name_path(const struct fetch *f, size_t index,
                      char out[STORE_PATH_SIZE])
{
	(void)snprintf(out, STORE_PATH_SIZE, "%s/%s", f->request.store_dir,
	               path_at(f, index)->base);
}

static void note_exit_status(struct fetch *f, int exit_status)
{
	if (f->result.exit_status == EXIT_DONE)
		f->result.exit_status = exit_status;
	if (exit_status != EXIT_FAILED)
		f->is_given_up = true;
}

static void free_if_over(struct fetch *f, size_t index)
{
	struct download *d = f->downloads[index];

	if (!d || !download_is_over(d) || f->states[index] == ITEM_LOADING)
		return;
	for (size_t i = 0; i < f->active_count; i++) {
		if (f->active[i] == index)
			f->active[i] = f->active[--f->active_count];
	}
	f->ahead -= d->ahead;
	f->result.bytes += conduit_total(d->conduit);
	download_free(take_ptr(f->downloads[index]));
}

/* This path alone: who called sees to what refers to it.  why may belong to
 * the download, which is gone afterwards. */
static void fail_one(struct fetch *f, size_t index, const char *why)
{
	if (f->states[index] == ITEM_FAILED)
		return;
	f->states[index] = ITEM_FAILED;
	f->failed[f->failed_count++] = index;
	if (path_at(f, index)->state == PULL_FOUND)
		f->result.failed++;
	if (!f->is_given_up || f->failed_count == 1) {
		char path[STORE_PATH_SIZE];

		name_path(f, index, path);
		progress_failed(f->request.progress, path, why);
	}
	if (f->downloads[index])
		download_abandon(f->downloads[index]);
	free_if_over(f, index);
}

static void fail_dependents(struct fetch *f, size_t index)
{
	const struct pull_plan *plan = f->request.plan;
	char path[STORE_PATH_SIZE], why[STORE_PATH_SIZE + 64];

	name_path(f, index, path);
	(void)snprintf(why, sizeof(why),
	               "not imported: it refers to %s, which failed", path);
	for (size_t i = plan->first[index]; i < plan->first[index + 1]; i++)
		fail_one(f, plan->dependents[i], why);
}

static void fail(struct fetch *f, size_t index, int exit_status,
                 const char *why)
{
	size_t at = f->failed_count;

	note_exit_status(f, exit_status);
	fail_one(f, index, why);
	while (at < f->failed_count)
		fail_dependents(f, f->failed[at++]);
}

/* The path is valid now. */
static void release_dependents(struct fetch *f, size_t index)
{
	struct pull_plan *plan = f->request.plan;

	f->states[index] = ITEM_DONE;
	for (size_t i = plan->first[index]; i < plan->first[index + 1]; i++)
		plan->unmet[plan->dependents[i]]--;
}

static void begin(struct fetch *f, size_t index)
{
	const struct pull_path *path = path_at(f, index);
	char name[STORE_PATH_SIZE], why[DOWNLOAD_WHY_MAX];
	int rc = download_begin(f->request.cache, path, &f->downloads[index],
	                        why);

	if (rc < 0) {
		fail(f, index, EXIT_FAILED, why);
		return;
	}
	f->states[index] = ITEM_LOADING;
	f->active[f->active_count++] = index;
	f->ahead += f->downloads[index]->ahead;
	name_path(f, index, name);
	progress_started(f->request.progress, name, path->info->path.nar_size);
}

static bool has_room(const struct fetch *f, size_t index)
{
	size_t ahead = download_ahead(path_at(f, index));

	return f->active_count == 0 || (f->active_count < FETCH_ACTIVE_MAX &&
	                                f->ahead + ahead <= AHEAD_MAX);
}

static void begin_more(struct fetch *f)
{
	const struct pull_plan *plan = f->request.plan;

	while (f->begun < plan->count && !f->is_given_up) {
		size_t index = plan->order[f->begun];

		if (f->states[index] == ITEM_WAITING) {
			if (!has_room(f, index))
				return;
			begin(f, index);
		}
		f->begun++;
	}
}

/* What an importer makes of a fetch that failed says less than the fetch. */
static void take_result(struct fetch *f, const struct cache_result *result)
{
	size_t index = result->tag;
	struct download *d = f->downloads[index];

	download_take_result(d, result);
	if (f->states[index] == ITEM_LOADING && d->exit_status != EXIT_DONE)
		fail(f, index, d->exit_status, d->why);
	free_if_over(f, index);
}

static int take_results(struct fetch *f)
{
	struct cache_result result;
	int rc;

	while ((rc = cache_next(f->request.cache, &result)) == 1)
		take_result(f, &result);
	return rc;
}

static void note_imported(struct fetch *f, size_t index)
{
	char path[STORE_PATH_SIZE];

	f->result.pulled++;
	name_path(f, index, path);
	progress_done(f->request.progress, path,
	              path_at(f, index)->info->path.nar_size,
	              conduit_total(f->downloads[index]->conduit));
	release_dependents(f, index);
}

static void take_nar(struct fetch *f, const struct import *task)
{
	size_t index = task->index;
	struct download *d = f->downloads[index];

	d->is_lent = false;
	if (task->rc == 0) {
		note_imported(f, index);
	} else if (d->exit_status != EXIT_DONE) {
		fail(f, index, d->exit_status, d->why);
	} else {
		fail(f, index, EXIT_FAILED, task->why);
	}
	free_if_over(f, index);
}

/* Who needs it is named as well: the cache holds that one and not this. */
static void take_ensured(struct fetch *f, const struct import *task)
{
	const struct pull_path *path = path_at(f, task->index);
	char referrer[STORE_PATH_SIZE];
	char why[IMPORTER_WHY_MAX + STORE_PATH_SIZE + 128];

	f->ensured++;
	if (task->rc == 0) {
		release_dependents(f, task->index);
		return;
	}
	name_path(f, path->referrer, referrer);
	(void)snprintf(why, sizeof(why),
	               "%s refers to it, the cache lacks it, and Nix cannot "
	               "get it elsewhere: %s",
	               referrer, task->why);
	fail(f, task->index, EXIT_FAILED, why);
}

static void take_imports(struct fetch *f)
{
	struct import *task;

	while ((task = importers_next(f->request.importers))) {
		switch (task->kind) {
		case IMPORT_NAR:
			take_nar(f, task);
			break;
		case IMPORT_ENSURE:
			take_ensured(f, task);
			break;
		}
	}
}

static void hand_over(struct fetch *f)
{
	for (size_t i = 0; i < f->active_count; i++) {
		size_t index = f->active[i];

		if (f->states[index] != ITEM_LOADING ||
		    f->request.plan->unmet[index] > 0 ||
		    !download_is_ripe(f->downloads[index]))
			continue;
		f->states[index] = ITEM_IMPORTING;
		download_hand_over(f->downloads[index], path_at(f, index),
		                   f->request.importers);
	}
}

static void take_signal(struct fetch *f)
{
	struct signalfd_siginfo info;

	if (read(f->signals, &info, sizeof(info)) != sizeof(info))
		return;
	progress_notice(f->request.progress,
	                "interrupted: what is not imported in full is dropped");
	f->result.exit_status = EXIT_SIGNAL + (int)info.ssi_signo;
	f->is_given_up = true;
}

static uint64_t bytes_so_far(const struct fetch *f)
{
	uint64_t bytes = f->result.bytes;

	for (size_t i = 0; i < f->active_count; i++)
		bytes += conduit_total(f->downloads[f->active[i]]->conduit);
	return bytes;
}

static int wait_for_more(struct fetch *f)
{
	struct pollfd extra[] = {
		{ .fd = importers_fd(f->request.importers), .events = POLLIN },
		{ .fd = f->signals, .events = POLLIN },
	};
	int rc = cache_wait(f->request.cache, extra, 2, TICK_MS);

	if (rc == 0 && extra[1].revents)
		take_signal(f);
	progress_tick(f->request.progress,
	              importers_nar_bytes(f->request.importers),
	              bytes_so_far(f));
	return rc;
}

static bool is_settled(const struct fetch *f)
{
	return f->is_given_up ||
	       f->result.pulled + f->result.failed == f->request.plan->count;
}

static int turn(struct fetch *f)
{
	int rc;

	begin_more(f);
	rc = take_results(f);
	if (rc < 0)
		return rc;
	take_imports(f);
	hand_over(f);
	return is_settled(f) ? 0 : wait_for_more(f);
}

static void stop(struct fetch *f, int rc)
{
	progress_notice(f->request.progress, "pull: %s", strerrordesc_np(-rc));
	f->is_given_up = true;
	if (f->result.exit_status == EXIT_DONE)
		f->result.exit_status = EXIT_FAILED;
}

void fetch_ensure(struct fetch *f)
{
	int rc = 0;

	for (size_t i = 0; i < f->ensure_count; i++)
		importers_submit(f->request.importers, &f->ensures[i]);
	while (rc == 0 && !f->is_given_up && f->ensured < f->ensure_count) {
		take_imports(f);
		if (f->ensured < f->ensure_count)
			rc = wait_for_more(f);
	}
	if (rc < 0)
		stop(f, rc);
}

void fetch_run(struct fetch *f)
{
	int rc = 0;

	while (rc == 0 && !is_settled(f))
		rc = turn(f);
	if (rc < 0)
		stop(f, rc);
}

void fetch_get_result(const struct fetch *f, struct fetch_result *ret_result)
{
	*ret_result = f->result;
	ret_result->bytes = bytes_so_far(f);
	ret_result->failed = f->request.plan->count - f->result.pulled;
	if (ret_result->failed > 0 && ret_result->exit_status == EXIT_DONE)
		ret_result->exit_status = EXIT_FAILED;
}

static int open_signals(struct fetch *f)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, &f->old_signals);
	f->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return f->signals < 0 ? -errno : 0;
}

static int list_ensures(struct fetch *f)
{
	const struct pull_paths *paths = f->request.paths;

	f->ensures = calloc(pull_paths_count(paths, PULL_ABSENT) + 1,
	                    sizeof(*f->ensures));
	if (!f->ensures)
		return -ENOMEM;
	for (size_t i = 0; i < paths->count; i++) {
		if (paths->items[i]->state != PULL_ABSENT)
			continue;
		f->ensures[f->ensure_count++] = (struct import){
			.kind = IMPORT_ENSURE,
			.index = i,
			.base = paths->items[i]->base,
		};
	}
	return 0;
}

static int make(struct fetch *f)
{
	size_t count = f->request.paths->count + 1;

	f->states = calloc(count, sizeof(*f->states));
	f->downloads = calloc(count, sizeof(struct download *));
	f->active = calloc(count, sizeof(*f->active));
	f->failed = calloc(count, sizeof(*f->failed));
	if (!f->states || !f->downloads || !f->active || !f->failed)
		return -ENOMEM;
	return list_ensures(f);
}

int fetch_open(const struct fetch_request *request, struct fetch **ret_fetch)
{
	struct fetch *f = calloc(1, sizeof(*f));
	int rc = -ENOMEM;

	if (f) {
		f->request = *request;
		f->signals = -1;
		rc = open_signals(f);
	}
	if (rc == 0)
		rc = make(f);
	if (rc < 0) {
		fetch_close(f);
		return rc;
	}
	*ret_fetch = f;
	return 0;
}

void fetch_close(struct fetch *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->active_count; i++)
		download_free(f->downloads[f->active[i]]);
	free(f->states);
	free(f->downloads);
	free(f->active);
	free(f->failed);
	free(f->ensures);
	if (f->signals >= 0)
		(void)close(f->signals);
	(void)sigprocmask(SIG_SETMASK, &f->old_signals, NULL);
	free(f);
}
