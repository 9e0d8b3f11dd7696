/* Theory of operation
 *
 * One loop: begin uploads while few are active, take what the pack made and
 * what the cache answered, have the stored ones signed, publish those whose
 * references are all published.
 *
 * A path that fails takes with it all that refer to it, since their narinfos
 * would point to nothing.  When the agent or the cache as a whole refuses
 * (locked, credentials), the rest is given up at once: the same sentence three
 * hundred times helps nobody.  SIGINT and SIGTERM end multipart uploads on the
 * server before the program ends.
 */
#include "client/push/flow.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ACTIVE_MAX  256  /* uploads whose NAR is asked for or under way */
#define TICK_MS     100  /* between redraws */
#define KNOWN_MAX   4096 /* published paths that are written down at once */
#define FAREWELL_MS 5000 /* for the aborts of multipart uploads */
#define EXIT_SIGNAL 128

struct flow {
	const struct flow_request *request;
	const struct plan *plan;
	struct upload *uploads; /* owned; by closure index */
	bool *is_settled;       /* owned; listed in settled */
	size_t *settled;        /* owned; pushed or failed, in that order */
	size_t settled_count;
	size_t noted_count; /* of them; the others' consequences are due */
	size_t *order;      /* owned; see plan_order() */
	size_t begun;
	size_t active;
	size_t *to_sign; /* owned; closure indexes */
	size_t to_sign_count;
	struct strings published; /* base names, not written down yet */
	struct link_meter link;
	int signals;
	bool is_given_up;
	struct flow_result result;
};

static const struct upload_context *context(const struct flow *f)
{
	return &f->request->context;
}

static void name_path(const struct flow *f, size_t index, char *out,
                      size_t size)
{
	(void)snprintf(out, size, "%s/%s", context(f)->store_dir,
	               f->plan->closure->paths[index].base);
}

static bool is_about_everything(int exit_status)
{
	return exit_status == EXIT_NO_AGENT || exit_status == EXIT_LOCKED ||
	       exit_status == EXIT_POLICY || exit_status == EXIT_SOURCE;
}

/* Lists what a state that an upload has come to asks for. */
static void settle(struct flow *f, size_t index)
{
	if (f->is_settled[index])
		return;
	switch (f->uploads[index].state) {
	case UPLOAD_STORED:
		f->to_sign[f->to_sign_count++] = index;
		break;
	case UPLOAD_DONE:
	case UPLOAD_FAILED:
		f->is_settled[index] = true;
		f->settled[f->settled_count++] = index;
		break;
	case UPLOAD_IDLE:
	case UPLOAD_ASKING:
	case UPLOAD_RESUMING:
	case UPLOAD_PACKING:
	case UPLOAD_COMPLETING:
	case UPLOAD_LOOKING:
	case UPLOAD_SIGNED:
	case UPLOAD_PUBLISHING:
		break;
	}
}

/* Keeps count of the active ones around a change of state. */
static void changed(struct flow *f, size_t index, bool was_active)
{
	if (was_active && !upload_is_active(&f->uploads[index]))
		f->active--;
	settle(f, index);
}

static void note_failed(struct flow *f, size_t index)
{
	const struct plan_entry *entry = &f->plan->entries[index];
	struct upload *u = &f->uploads[index];
	char path[STORE_PATH_SIZE], why[STORE_PATH_SIZE + 64];

	f->result.failed++;
	if (f->result.exit_status == EXIT_DONE)
		f->result.exit_status = u->exit_status;
	name_path(f, index, path, sizeof(path));
	if (!f->is_given_up)
		progress_failed(f->request->progress, path, upload_error(u));
	if (is_about_everything(u->exit_status))
		f->is_given_up = true;

	(void)snprintf(why, sizeof(why),
	               "not published: it refers to %s, which failed", path);
	for (size_t i = 0; i < entry->dependent_count; i++) {
		struct upload *dependent = &f->uploads[entry->dependents[i]];
		bool was_active = upload_is_active(dependent);

		if (dependent->state == UPLOAD_FAILED)
			continue;
		upload_abort(dependent, context(f), why);
		changed(f, entry->dependents[i], was_active);
	}
}

static void publish_if_due(struct flow *f, size_t index)
{
	struct upload *u = &f->uploads[index];

	if (u->state != UPLOAD_SIGNED || f->plan->entries[index].unmet > 0)
		return;
	upload_publish(u, context(f));
	changed(f, index, false);
}

/* What the next push need not ask.  Nothing depends on it: a failure costs
 * that question. */
static void write_down(struct flow *f)
{
	if (f->published.count > 0) {
		(void)!journal_add_known(context(f)->journal,
		                         context(f)->store_uri, &f->published);
	}
	strings_clear(&f->published);
}

static void remember(struct flow *f, size_t index)
{
	const char *base = f->plan->closure->paths[index].base;

	if (!context(f)->journal)
		return;
	(void)!strings_add(&f->published, base, strlen(base));
	if (f->published.count >= KNOWN_MAX)
		write_down(f);
}

static void note_done(struct flow *f, size_t index)
{
	const struct plan_entry *entry = &f->plan->entries[index];
	struct upload *u = &f->uploads[index];
	char path[STORE_PATH_SIZE];

	f->result.pushed++;
	f->result.has_multipart |= u->multipart.is_begun;
	if (u->has_file) {
		f->result.packed_nar_bytes += u->info->nar_size;
		f->result.packed_file_bytes += u->file_size;
	}
	name_path(f, index, path, sizeof(path));
	progress_done(f->request->progress, path, u->info->nar_size,
	              u->file_size);
	remember(f, index);
	upload_clear(u);
	for (size_t i = 0; i < entry->dependent_count; i++) {
		size_t dependent = entry->dependents[i];

		f->plan->entries[dependent].unmet--;
		publish_if_due(f, dependent);
	}
}

/* What ended may end or free others, to the last of them. */
static void note_settled(struct flow *f)
{
	while (f->noted_count < f->settled_count) {
		size_t index = f->settled[f->noted_count++];

		if (f->uploads[index].state == UPLOAD_DONE) {
			note_done(f, index);
		} else {
			note_failed(f, index);
		}
	}
}

static void begin_more(struct flow *f)
{
	while (f->begun < f->plan->push_count && f->active < ACTIVE_MAX) {
		size_t index = f->order[f->begun++];
		struct upload *u = &f->uploads[index];
		int rc;

		if (f->is_settled[index]) /* a reference has failed */
			continue;
		rc = upload_begin(u, context(f), index,
		                  &f->plan->closure->paths[index]);
		if (rc < 0)
			upload_fail(u, EXIT_FAILED, "%s", strerror(-rc));
		if (upload_is_active(u))
			f->active++;
		settle(f, index);
		note_settled(f);
	}
}

static void take_event(struct flow *f, struct pack_event *event)
{
	struct upload *u = &f->uploads[event->job];
	bool was_active = upload_is_active(u);

	if (event->type == PACK_PART && event->part->number == 1) {
		char path[STORE_PATH_SIZE];

		name_path(f, event->job, path, sizeof(path));
		progress_started(f->request->progress, path,
		                 f->plan->closure->paths[event->job].nar_size);
	}
	upload_take_event(u, context(f), event);
	changed(f, event->job, was_active);
	note_settled(f);
}

static int take_events(struct flow *f)
{
	struct pack_event event;
	int rc;

	while ((rc = pack_next(context(f)->pack, &event)) == 1)
		take_event(f, &event);
	return rc;
}

static void note_answer(struct flow *f, size_t index,
                        const struct cache_result *result)
{
	if (result->type == CACHE_CHECK && result->outcome != CACHE_FAILED) {
		link_note_answer(&f->link,
		                 clock_boot_ms() - f->uploads[index].asked_ms);
	}
}

static int take_results(struct flow *f)
{
	struct cache_result result;
	int rc;

	while ((rc = cache_next(context(f)->cache, &result)) == 1) {
		size_t index = upload_index(result.tag);
		bool was_active = upload_is_active(&f->uploads[index]);

		note_answer(f, index, &result);
		upload_take_result(&f->uploads[index], context(f), &result);
		changed(f, index, was_active);
		note_settled(f);
	}
	return rc;
}

static void fail_to_sign(struct flow *f, const struct agent_error *error)
{
	size_t count = f->to_sign_count;

	f->to_sign_count = 0;
	for (size_t i = 0; i < count; i++) {
		upload_fail(&f->uploads[f->to_sign[i]], error->exit_status,
		            "%s", error->text);
		settle(f, f->to_sign[i]);
		note_settled(f);
	}
}

/* All that are stored by now, in one question to the agent. */
static void sign(struct flow *f)
{
	cleanup_free const struct path_info **paths =
		calloc(f->to_sign_count + 1, sizeof(struct path_info *));
	cleanup_free struct strings *signatures =
		calloc(f->to_sign_count + 1, sizeof(*signatures));
	struct agent_error error = { .exit_status = EXIT_FAILED,
		                     .text = "out of memory" };
	size_t count = f->to_sign_count;
	int rc = -ENOMEM;

	if (count == 0)
		return;
	for (size_t i = 0; paths && i < count; i++)
		paths[i] = f->uploads[f->to_sign[i]].info;
	if (paths && signatures) {
		rc = agent_sign(f->request->agent, f->request->cache_config,
		                paths, count, signatures, &error);
	}
	if (rc != 0) {
		fail_to_sign(f, &error);
		return;
	}
	f->to_sign_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct upload *u = &f->uploads[f->to_sign[i]];

		if (u->state != UPLOAD_STORED) { /* failed meanwhile */
			strings_clear(&signatures[i]);
			continue;
		}
		u->signatures = signatures[i];
		u->state = UPLOAD_SIGNED;
		publish_if_due(f, f->to_sign[i]);
		note_settled(f);
	}
}

static void give_up(struct flow *f, int exit_status)
{
	f->is_given_up = true;
	if (f->result.exit_status == EXIT_DONE)
		f->result.exit_status = exit_status;
}

static void take_signal(struct flow *f)
{
	struct signalfd_siginfo info;

	if (read(f->signals, &info, sizeof(info)) != sizeof(info))
		return;
	progress_notice(f->request->progress,
	                "interrupted: ending what is under way");
	f->result.exit_status = EXIT_SIGNAL + (int)info.ssi_signo;
	f->is_given_up = true;
}

static int wait_for_more(struct flow *f)
{
	struct pollfd extra[] = {
		{ .fd = pack_fd(context(f)->pack), .events = POLLIN },
		{ .fd = f->signals, .events = POLLIN },
	};
	int rc = cache_wait(context(f)->cache, extra, 2, TICK_MS);

	if (rc == 0 && extra[1].revents)
		take_signal(f);
	link_note_sent(&f->link, clock_boot_ms(),
	               cache_bytes_sent(context(f)->cache));
	progress_tick(f->request->progress, pack_bytes_read(context(f)->pack),
	              cache_bytes_sent(context(f)->cache));
	return rc;
}

static int turn(struct flow *f)
{
	int rc;

	begin_more(f);
	rc = take_events(f);
	if (rc == 0)
		rc = take_results(f);
	if (rc < 0)
		return rc;
	sign(f);
	if (f->result.pushed + f->result.failed < f->plan->push_count &&
	    !f->is_given_up)
		rc = wait_for_more(f);
	return rc;
}

/* What was begun on the server is ended, within a time. */
static void say_farewell(struct flow *f)
{
	long long until_ms = clock_boot_ms() + FAREWELL_MS;
	struct cache_result result;

	for (size_t i = 0; i < f->begun; i++)
		upload_abort(&f->uploads[f->order[i]], context(f), "given up");
	while (cache_pending(context(f)->cache) > 0 &&
	       clock_boot_ms() < until_ms) {
		if (cache_wait(context(f)->cache, NULL, 0, TICK_MS) < 0)
			return;
		while (cache_next(context(f)->cache, &result) == 1) {
			upload_take_result(
				&f->uploads[upload_index(result.tag)],
				context(f), &result);
		}
	}
}

static int open_signals(sigset_t *ret_old)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, ret_old);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int flow_open(struct flow *f)
{
	size_t count = f->plan->closure->count + 1;

	f->uploads = calloc(count, sizeof(*f->uploads));
	f->is_settled = calloc(count, sizeof(*f->is_settled));
	f->settled = calloc(count, sizeof(*f->settled));
	f->to_sign = calloc(count, sizeof(*f->to_sign));
	f->order = plan_order(f->plan);
	return f->uploads && f->is_settled && f->settled && f->to_sign &&
	                       f->order
	               ? 0
	               : -ENOMEM;
}

/* The cache has given every borrowed pointer back, or is about to be closed
 * by the caller before anything else is sent. */
static void flow_close(struct flow *f)
{
	for (size_t i = 0; f->uploads && i < f->plan->closure->count; i++)
		upload_clear(&f->uploads[i]);
	free(f->uploads);
	free(f->is_settled);
	free(f->settled);
	free(f->to_sign);
	free(f->order);
	strings_clear(&f->published);
	if (f->signals >= 0)
		(void)close(f->signals);
}

void flow_run(const struct flow_request *request,
              struct flow_result *ret_result)
{
	struct flow f = {
		.request = request,
		.plan = request->plan,
		.signals = -1,
	};
	sigset_t old;
	int rc = flow_open(&f);

	f.signals = open_signals(&old);
	if (rc == 0 && f.signals < 0)
		rc = f.signals;
	while (rc == 0 && !f.is_given_up &&
	       f.result.pushed + f.result.failed < f.plan->push_count)
		rc = turn(&f);
	if (rc < 0) {
		progress_notice(request->progress, "push: %s", strerror(-rc));
		give_up(&f, EXIT_FAILED);
	}
	if (f.uploads && f.order)
		say_farewell(&f);

	write_down(&f);
	f.result.link = f.link;
	f.result.failed = f.plan->push_count - f.result.pushed;
	if (f.result.failed > 0 && f.result.exit_status == EXIT_DONE)
		f.result.exit_status = EXIT_FAILED;
	for (size_t i = 0; f.uploads && i < f.plan->closure->count; i++)
		f.result.has_multipart |= f.uploads[i].multipart.is_begun;
	*ret_result = f.result;
	flow_close(&f);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
}
