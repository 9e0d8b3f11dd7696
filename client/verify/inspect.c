/* Theory of operation
 *
 * One loop: begin what there is room for, archives before narinfos, so that
 * few narinfos are held; take what the cache and the threads say.
 *
 *   NEW      not begun; with an inventory, a path that it lacks is MISSING
 *   ASKED    its narinfo is on its way -> MISSING, DONE, or
 *   NAR      the narinfo is good, and its archive is waited for, or is being
 *            looked at -> DONE
 *
 * What a path refers to is NEW as soon as its narinfo has been read.  An
 * archive costs a question about its size, or nothing where an inventory has
 * it, or (deep) a thread that unpacks it while it comes.
 */
#include "client/verify/inspect.h"

#include "client/catalog/entry.h"
#include "client/verify/checkup.h"
#include "client/verify/reading.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#define ASKED_MAX    64  /* questions on their way at once */
#define WAITING_MAX  256 /* narinfos whose archives wait for a thread */
#define CHECKUPS_MIN 4
#define CHECKUPS_MAX 16
#define TICK_MS      200

struct inspect {
	const struct inspect_request *request;
	size_t begun; /* of the roster */
	size_t done;
	size_t waiting[WAITING_MAX]; /* indexes; a ring */
	size_t waiting_first;
	size_t waiting_count;
	struct checkup *checkups[CHECKUPS_MAX];
	unsigned checkup_limit;
	unsigned checkup_count;
	int event_fd;
	bool is_given_up;
	struct inspect_result result;
};

static void give_up(struct inspect *s, int exit_status, const char *why)
{
	if (s->is_given_up)
		return;
	s->is_given_up = true;
	s->result.exit_status = exit_status;
	(void)snprintf(s->result.why, sizeof(s->result.why), "%s", why);
}

static void settle(struct inspect *s, struct roster_path *path,
                   enum roster_state state)
{
	roster_path_drop_info(path);
	path->state = state;
	s->done++;
}

static int begin_step(struct inspect *s, const struct roster_path *path,
                      enum cache_step_type type, const char *key)
{
	const struct cache_step step = {
		.type = type,
		.tag = path->index,
		.key = key,
	};

	return cache_submit(s->request->cache, &step);
}

static int begin_checkup(struct inspect *s)
{
	size_t index = s->waiting[s->waiting_first];
	struct roster_path *path = s->request->roster->items[index];
	char key[OBJECT_KEY_MAX + 1];
	unsigned at = 0;
	int rc = entry_nar_key(path->info, key);

	s->waiting_first = (s->waiting_first + 1) % WAITING_MAX;
	s->waiting_count--;
	while (s->checkups[at])
		at++;
	if (rc == 0) {
		rc = checkup_begin(s->request->cache, path, key, s->event_fd,
		                   &s->checkups[at]);
	}
	if (rc == 0)
		s->checkup_count++;
	return rc;
}

/* With an inventory, what came later is MISSING already. */
static int begin_path(struct inspect *s)
{
	struct roster_path *path = s->request->roster->items[s->begun++];

	if (path->state != ROSTER_NEW) {
		s->done++;
		return 0;
	}
	path->state = ROSTER_ASKED;
	return begin_step(s, path, CACHE_GET, path->key);
}

static int begin_more(struct inspect *s)
{
	int rc = 0;

	while (rc == 0 && !s->is_given_up &&
	       cache_pending(s->request->cache) < ASKED_MAX) {
		size_t in_hand = s->waiting_count;

		if (in_hand > 0 && s->checkup_count < s->checkup_limit) {
			rc = begin_checkup(s);
		} else if (s->begun < s->request->roster->count &&
		           in_hand + ASKED_MAX <= WAITING_MAX) {
			rc = begin_path(s);
		} else {
			break;
		}
	}
	return rc;
}

static void check_size(struct inspect *s, struct roster_path *path,
                       const char *key, uint64_t size)
{
	uint64_t says = path->info->file_size;

	if (says == 0 || says == size)
		return;
	report_finding(s->request->report, FINDING_NAR_SIZE, path->base, key,
	               "%s has %" PRIu64 " bytes, and the narinfo says %" PRIu64
	               " (FileSize)",
	               key, size, says);
}

static void tell_lost(struct inspect *s, const struct roster_path *path,
                      const char *key)
{
	report_finding(s->request->report, FINDING_NAR_MISSING, path->base, key,
	               "its archive %s is missing", key);
}

/* What the inventory knows; false if there is nothing left to ask. */
static bool look_up(struct inspect *s, struct roster_path *path,
                    const char *key)
{
	struct inventory_nar *nar =
		s->request->inventory
			? inventory_find(s->request->inventory, key)
			: NULL;

	if (!s->request->inventory)
		return true;
	if (!nar) {
		tell_lost(s, path, key);
		return false;
	}
	nar->is_named = true;
	if (!s->request->is_deep)
		check_size(s, path, key, nar->size);
	return s->request->is_deep;
}

static int look_at_nar(struct inspect *s, struct roster_path *path)
{
	char key[OBJECT_KEY_MAX + 1];
	bool is_open = true;

	if (entry_nar_key(path->info, key) < 0) {
		report_finding(s->request->report, FINDING_NAR_URL, path->base,
		               path->key,
		               "its URL is not one inside the cache: %.200s",
		               path->info->url);
		is_open = false;
	}
	if (!is_open || !look_up(s, path, key)) {
		settle(s, path, ROSTER_DONE);
		return 0;
	}
	path->state = ROSTER_NAR;
	if (!s->request->is_deep)
		return begin_step(s, path, CACHE_CHECK, path->info->url);
	s->waiting[(s->waiting_first + s->waiting_count) % WAITING_MAX] =
		path->index;
	s->waiting_count++;
	return 0;
}

static int take_narinfo(struct inspect *s, struct roster_path *path,
                        const struct cache_result *result)
{
	int rc = reading_take(s->request, path, result);

	s->result.paths++;
	if (rc != -EBADMSG)
		return rc < 0 ? rc : look_at_nar(s, path);
	settle(s, path, ROSTER_DONE);
	return 0;
}

static void take_failure(struct inspect *s, struct roster_path *path,
                         const struct cache_result *result)
{
	if (result->exit_status != 0 && result->exit_status != EXIT_FAILED) {
		give_up(s, result->exit_status, result->error);
		return;
	}
	report_finding(s->request->report, FINDING_UNREADABLE,
	               path->is_named ? path->base : NULL, path->key, "%s",
	               result->error);
	settle(s, path, ROSTER_DONE);
}

static void take_check(struct inspect *s, struct roster_path *path,
                       const struct cache_result *result)
{
	if (result->outcome == CACHE_MISSING) {
		tell_lost(s, path, path->info->url);
	} else {
		check_size(s, path, path->info->url, result->size);
	}
	settle(s, path, ROSTER_DONE);
}

static struct checkup *find_checkup(const struct inspect *s, size_t index)
{
	for (unsigned i = 0; i < CHECKUPS_MAX; i++) {
		if (s->checkups[i] &&
		    checkup_path(s->checkups[i])->index == index)
			return s->checkups[i];
	}
	return NULL;
}

/* Of an archive: the thread has the rest of the story. */
static void take_fetch(struct inspect *s, const struct cache_result *result)
{
	struct checkup *checkup = find_checkup(s, result->tag);

	if (result->outcome == CACHE_FAILED && result->exit_status != 0 &&
	    result->exit_status != EXIT_FAILED)
		give_up(s, result->exit_status, result->error);
	if (checkup)
		checkup_note_result(checkup, result->outcome);
}

static int take_result(struct inspect *s, const struct cache_result *result)
{
	struct roster_path *path = s->request->roster->items[result->tag];

	if (result->type == CACHE_FETCH) {
		take_fetch(s, result);
	} else if (result->outcome == CACHE_FAILED) {
		take_failure(s, path, result);
	} else if (result->type == CACHE_CHECK) {
		take_check(s, path, result);
	} else if (result->outcome == CACHE_MISSING) {
		settle(s, path, ROSTER_MISSING);
	} else {
		return take_narinfo(s, path, result);
	}
	return 0;
}

static int take_results(struct inspect *s)
{
	struct cache_result result;
	int rc;

	while ((rc = cache_next(s->request->cache, &result)) == 1) {
		rc = take_result(s, &result);
		if (result.type == CACHE_GET)
			buffer_clear(&result.response);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static void tell_checkup(struct inspect *s, const struct checkup *checkup)
{
	struct roster_path *path = checkup_path(checkup);
	const char *key = checkup_key(checkup);
	char why[CHECKUP_WHY_MAX];

	switch (checkup_judge(checkup, why)) {
	case 0:
		break;
	case -ENOENT:
		tell_lost(s, path, key);
		break;
	case -EBADMSG:
		report_finding(s->request->report, FINDING_NAR, path->base, key,
		               "its archive %s is damaged: %s", key, why);
		break;
	default:
		report_finding(s->request->report, FINDING_UNREADABLE,
		               path->base, key,
		               "its archive %s could not be checked: %s", key,
		               why);
		break;
	}
	settle(s, path, ROSTER_DONE);
}

static void take_checkups(struct inspect *s)
{
	uint64_t count;
	ssize_t got = read(s->event_fd, &count, sizeof(count));

	(void)got; /* nothing there is fine */
	for (unsigned i = 0; i < CHECKUPS_MAX; i++) {
		struct checkup *checkup = s->checkups[i];

		if (!checkup || !checkup_is_over(checkup))
			continue;
		if (!s->is_given_up)
			tell_checkup(s, checkup);
		s->result.bytes += checkup_bytes(checkup);
		checkup_free(checkup);
		s->checkups[i] = NULL;
		s->checkup_count--;
	}
}

static void show(struct inspect *s)
{
	struct report_state state = {
		.done = s->done,
		.count = s->request->roster->count,
		.bytes = s->result.bytes,
	};

	for (unsigned i = 0; i < CHECKUPS_MAX; i++) {
		if (s->checkups[i])
			state.bytes += checkup_bytes(s->checkups[i]);
	}
	report_tick(s->request->report, &state);
}

static bool is_settled(const struct inspect *s)
{
	return s->is_given_up || s->done == s->request->roster->count;
}

static int turn(struct inspect *s)
{
	struct pollfd extra = { .fd = s->event_fd, .events = POLLIN };
	int rc = begin_more(s);

	if (rc == 0)
		rc = take_results(s);
	if (rc < 0)
		return rc;
	take_checkups(s);
	show(s);
	if (is_settled(s) ||
	    cache_pending(s->request->cache) + s->checkup_count == 0)
		return 0;
	return cache_wait(s->request->cache, &extra, 1, TICK_MS);
}

static unsigned choose_limit(void)
{
	unsigned count = CHECKUPS_MIN;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		count = (unsigned)CPU_COUNT(&set) * 2;
	if (count < CHECKUPS_MIN)
		return CHECKUPS_MIN;
	return count < CHECKUPS_MAX ? count : CHECKUPS_MAX;
}

void inspect_run(const struct inspect_request *request,
                 struct inspect_result *ret_result)
{
	struct inspect s = {
		.request = request,
		.checkup_limit = choose_limit(),
		.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	int rc = s.event_fd < 0 ? -errno : 0;

	while (rc == 0 && !is_settled(&s))
		rc = turn(&s);
	if (rc < 0)
		give_up(&s, EXIT_FAILED, strerrordesc_np(-rc));
	for (unsigned i = 0; i < CHECKUPS_MAX; i++)
		checkup_free(s.checkups[i]);
	if (s.event_fd >= 0)
		(void)close(s.event_fd);
	*ret_result = s.result;
}
