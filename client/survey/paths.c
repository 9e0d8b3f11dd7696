/* Theory of Operation
 *
 * Each narinfo of the page is given a slot, in the order of the keys; a slot
 * is asked, then perhaps looking (for the size of its NAR), then ready, or
 * unwanted.  The first slot is handed out when it is no longer under way, so
 * what is slow holds up the rows behind it, but not their requests: as many
 * as there are slots.  The next page is asked for when all slots are free.
 */
#include "client/survey/paths.h"

#include "client/catalog/entry.h"
#include "client/survey/walk.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_COUNT    256U
#define WAIT_AGAIN_MS 1000

enum slot_state {
	SLOT_ASKED,
	SLOT_LOOKING,
	SLOT_READY,
	SLOT_UNWANTED,
};

struct slot {
	enum slot_state state;
	struct path_row row;
};

struct paths {
	struct cache *cache;
	const char *store_dir;
	const struct filter *filter;
	bool with_sizes;
	struct walk walk;
	size_t next_object; /* of the page */
	uint64_t first;     /* slots in use: first up to before next; the */
	uint64_t next;      /* remainder of their division is the index */
	int exit_status;
	char why[PATHS_WHY_MAX];
	struct slot slots[SLOT_COUNT];
};

static_assert(sizeof(((struct path_row *)NULL)->error) >= ENTRY_WHY_MAX,
              "it fits");
static_assert(sizeof(((struct path_row *)NULL)->error) ==
                      sizeof(((struct cache_result *)NULL)->error),
              "one size");

int paths_open(const struct session *session, const struct filter *filter,
               bool with_sizes, struct paths **ret_paths)
{
	struct paths *paths = calloc(1, sizeof(*paths));

	if (!paths)
		return -ENOMEM;
	paths->cache = session->cache;
	paths->store_dir = session->config->store_dir;
	paths->filter = filter;
	paths->with_sizes = with_sizes;
	paths->exit_status = EXIT_FAILED;
	walk_init(&paths->walk, session->cache, filter->key_prefix);
	*ret_paths = paths;
	return 0;
}

void paths_close(struct paths *paths)
{
	walk_clear(&paths->walk);
	free(paths);
}

const char *paths_why(const struct paths *paths)
{
	return paths->why;
}

int paths_exit_status(const struct paths *paths)
{
	return paths->exit_status;
}

static int ask(struct paths *p, const struct cache_object *object)
{
	struct slot *slot = &p->slots[p->next % SLOT_COUNT];
	const struct cache_step step = {
		.type = CACHE_GET,
		.tag = p->next,
		.key = object->key,
	};

	*slot = (struct slot){
		.state = SLOT_ASKED,
		.row = { .key = object->key, .modified = object->modified },
	};
	p->next++;
	return cache_submit(p->cache, &step);
}

static int ask_more(struct paths *p)
{
	const struct cache_listing *page = p->walk.page;
	int rc = 0;

	while (rc == 0 && page && p->next_object < page->count &&
	       p->next - p->first < SLOT_COUNT) {
		const struct cache_object *object =
			&page->objects[p->next_object++];

		if (object_key_kind(object->key, strlen(object->key)) ==
		    OBJECT_KEY_NARINFO)
			rc = ask(p, object);
	}
	return rc;
}

static void be_broken(struct slot *slot, const char *error)
{
	slot->state = SLOT_READY;
	slot->row.is_broken = true;
	(void)snprintf(slot->row.error, sizeof(slot->row.error), "%s", error);
}

static void fill_row(const struct narinfo *info, struct path_row *row)
{
	memcpy(row->base, info->path.base, sizeof(row->base));
	if (entry_nar_key(info, row->nar_key) < 0)
		row->nar_key[0] = '\0';
	(void)snprintf(row->compression, sizeof(row->compression), "%s",
	               info->compression);
	row->nar_size = info->path.nar_size;
	row->file_size = info->file_size;
}

static int look(struct paths *p, struct slot *slot, uint64_t tag)
{
	const struct cache_step step = {
		.type = CACHE_CHECK,
		.tag = tag,
		.key = slot->row.nar_key,
	};

	slot->state = SLOT_LOOKING;
	return cache_submit(p->cache, &step);
}

static int read_narinfo(struct paths *p, struct slot *slot,
                        const struct cache_result *result)
{
	const struct entry_question question = {
		.hash_part = slot->row.key,
		.store_dir = p->store_dir,
	};
	struct narinfo info;
	char why[ENTRY_WHY_MAX];
	int rc = entry_read(result, &question, &info, why);

	if (rc == -EBADMSG) {
		be_broken(slot, why);
		return 0;
	}
	if (rc < 0)
		return rc;
	fill_row(&info, &slot->row);
	narinfo_clear(&info);
	if (!filter_takes(p->filter, slot->row.base)) {
		slot->state = SLOT_UNWANTED;
		return 0;
	}
	if (p->with_sizes && slot->row.file_size == 0 && slot->row.nar_key[0])
		return look(p, slot, result->tag);
	slot->state = SLOT_READY;
	return 0;
}

static void be_missing(struct slot *slot)
{
	char error[OBJECT_KEY_MAX + 128];

	if (slot->state == SLOT_LOOKING) {
		(void)snprintf(error, sizeof(error),
		               "%s: its NAR %s is not there", slot->row.key,
		               slot->row.nar_key);
	} else {
		(void)snprintf(error, sizeof(error),
		               "%s: it is listed, but cannot be read: deleted "
		               "meanwhile, or the key may not read it",
		               slot->row.key);
	}
	be_broken(slot, error);
}

/* What the agent refuses once it will refuse for every path. */
static int take_failure(struct paths *p, struct slot *slot,
                        const struct cache_result *result)
{
	if (result->exit_status == EXIT_FAILED) {
		be_broken(slot, result->error);
		return 0;
	}
	p->exit_status = result->exit_status;
	(void)snprintf(p->why, sizeof(p->why), "%s", result->error);
	return -ECANCELED;
}

static int take(struct paths *p, const struct cache_result *result)
{
	struct slot *slot = &p->slots[result->tag % SLOT_COUNT];

	switch (result->outcome) {
	case CACHE_OK:
		if (slot->state == SLOT_ASKED)
			return read_narinfo(p, slot, result);
		slot->row.file_size = result->size;
		slot->state = SLOT_READY;
		return 0;
	case CACHE_MISSING:
	case CACHE_EXISTS:
		be_missing(slot);
		return 0;
	case CACHE_FAILED:
		return take_failure(p, slot, result);
	}
	return -EINVAL;
}

/* Something has come, or the wait was over. */
static int move(struct paths *p)
{
	struct cache_result result;
	bool has_come = false;
	int rc;

	while ((rc = cache_next(p->cache, &result)) == 1) {
		has_come = true;
		rc = take(p, &result);
		buffer_clear(&result.response);
		if (rc < 0)
			return rc;
	}
	if (rc == 0 && !has_come)
		rc = cache_wait(p->cache, NULL, 0, WAIT_AGAIN_MS);
	return rc;
}

static int next_page(struct paths *p)
{
	int rc = walk_next(&p->walk);

	p->next_object = 0;
	if (rc < 0) {
		p->exit_status = p->walk.exit_status;
		(void)snprintf(p->why, sizeof(p->why), "%s", p->walk.why);
	}
	return rc;
}

static bool is_under_way(const struct slot *slot)
{
	return slot->state == SLOT_ASKED || slot->state == SLOT_LOOKING;
}

/* One step nearer to a first slot that is not under way.  1: gone; 0: there
 * will be none. */
static int approach(struct paths *p)
{
	int rc = ask_more(p);

	if (rc == 0 && p->first == p->next)
		return next_page(p);
	if (rc == 0)
		rc = move(p);
	if (rc < 0 && !p->why[0])
		(void)snprintf(p->why, sizeof(p->why), "%s", strerror(-rc));
	return rc < 0 ? rc : 1;
}

/* NULL: still under way, or none. */
static const struct slot *take_first(struct paths *p)
{
	const struct slot *slot = &p->slots[p->first % SLOT_COUNT];

	if (p->first == p->next || is_under_way(slot))
		return NULL;
	p->first++;
	return slot;
}

int paths_next(struct paths *paths, const struct path_row **ret_row)
{
	int rc = 1;

	while (rc == 1) {
		const struct slot *slot = take_first(paths);

		if (slot && slot->state == SLOT_READY) {
			*ret_row = &slot->row;
			return 1;
		}
		if (!slot)
			rc = approach(paths);
	}
	return rc;
}
