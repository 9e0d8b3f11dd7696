#include "client/store/closure.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Breadth first: the paths that one level refers to and that were not seen
 * are the next level, and a level is asked for in one go.  The paths lie in
 * one array in the order of their discovery, found through an open hash
 * table; at the end a depth-first walk puts references before what refers to
 * them.
 */

#define CLOSURE_PATHS_MAX (1U << 22)
#define FIRST_CAPACITY    256U /* a power of two */

struct search {
	struct path_info *paths; /* owned; those of the last level only named */
	size_t count;
	size_t capacity;
	size_t *slots; /* owned; index + 1, 0 is free; twice the capacity */
};

void closure_clear(struct closure *closure)
{
	for (size_t i = 0; i < closure->count; i++)
		path_info_clear(&closure->paths[i]);
	free(closure->paths);
	free(closure->by_name);
	*closure = (struct closure){ .count = 0 };
}

static void search_clear(struct search *s)
{
	for (size_t i = 0; i < s->count; i++)
		path_info_clear(&s->paths[i]);
	free(s->paths);
	free(s->slots);
}

/* The slot where base is, or where it would go.  Base names begin with the
 * digits of a hash, but whoever made the paths may have chosen them: FNV-1a
 * over the whole name does for a table that only we fill. */
static size_t *find_slot(const struct search *s, const char *base)
{
	size_t mask = s->capacity * 2 - 1;
	uint64_t hash = 0xcbf29ce484222325U;

	for (const char *c = base; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3U;
	for (size_t at = (size_t)(hash ^ hash >> 32) & mask;;
	     at = (at + 1) & mask) {
		size_t index = s->slots[at];

		if (index == 0 || strcmp(s->paths[index - 1].base, base) == 0)
			return &s->slots[at];
	}
}

static int grow(struct search *s)
{
	size_t capacity = s->capacity ? s->capacity * 2 : FIRST_CAPACITY;
	struct path_info *paths;
	size_t *slots;

	if (capacity > CLOSURE_PATHS_MAX)
		return -E2BIG;
	paths = reallocarray(s->paths, capacity, sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	s->paths = paths;
	slots = calloc(capacity * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(s->slots);
	s->slots = slots;
	s->capacity = capacity;
	for (size_t i = 0; i < s->count; i++)
		*find_slot(s, paths[i].base) = i + 1;
	return 0;
}

/* Adds a path that is still to be asked for, unless it is known. */
static int discover(struct search *s, const char *base)
{
	size_t *slot, len = strlen(base);

	if (len >= STORE_PATH_BASE_SIZE)
		return -EINVAL;
	if (s->count == s->capacity) {
		int rc = grow(s);

		if (rc < 0)
			return rc;
	}
	slot = find_slot(s, base);
	if (*slot > 0)
		return 0;

	s->paths[s->count] = (struct path_info){ .nar_size = 0 };
	(void)snprintf(s->paths[s->count].base, STORE_PATH_BASE_SIZE, "%s",
	               base);
	*slot = ++s->count;
	return 0;
}

/* Asks for the paths from first on.  An answer without a base name is a path
 * that the store does not have. */
static int fetch_level(struct search *s, size_t first, struct daemon *daemon,
                       struct daemon_error *error)
{
	cleanup_strings struct strings bases = { .items = NULL };
	int rc = 0;

	for (size_t i = first; rc == 0 && i < s->count; i++) {
		rc = strings_add(&bases, s->paths[i].base,
		                 strlen(s->paths[i].base));
	}
	if (rc < 0)
		return rc;

	rc = daemon_add_temp_roots(daemon, &bases, error);
	if (rc < 0)
		return rc;
	rc = daemon_query_infos(daemon, &bases, s->paths + first, error);
	if (rc < 0)
		return rc;

	for (size_t i = 0; i < bases.count; i++) {
		if (s->paths[first + i].base[0] != '\0')
			continue;
		(void)snprintf(error->text, sizeof(error->text),
		               "%s/%s: not a valid path in this store",
		               daemon_store_dir(daemon), bases.items[i]);
		return -ENOENT;
	}
	return 0;
}

static int discover_references(struct search *s, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		/* discover() may move the array, the strings stay. */
		struct strings references = s->paths[i].references;

		for (size_t k = 0; k < references.count; k++) {
			int rc = discover(s, references.items[k]);

			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static int search_levels(struct search *s, bool follow, struct daemon *daemon,
                         struct daemon_error *error)
{
	size_t first = 0;

	while (first < s->count) {
		size_t end = s->count;
		int rc;

		rc = fetch_level(s, first, daemon, error);
		if (rc == 0 && follow)
			rc = discover_references(s, first, end);
		if (rc < 0)
			return rc;
		first = end;
	}
	return 0;
}

/* Index of a reference within the search, or -1 if it was not followed. */
static ssize_t find_reference(const struct search *s, const char *base)
{
	return (ssize_t)*find_slot(s, base) - 1;
}

enum visit {
	VISIT_NEW,
	VISIT_OPEN, /* on the stack */
	VISIT_DONE,
};

struct visits {
	enum visit *states;
	size_t *next; /* the reference to look at next, for each path */
	size_t *stack;
	size_t *order; /* the result */
	size_t ordered;
};

static void visits_clear(struct visits *v)
{
	free(v->states);
	free(v->next);
	free(v->stack);
	free(v->order);
}

/* Goes down from a root; a path is ordered when all its references are.
 * -ELOOP if a path refers to itself through others, which no store allows. */
static int visit(const struct search *s, struct visits *v, size_t root)
{
	size_t depth = 0;

	if (v->states[root] == VISIT_NEW) {
		v->states[root] = VISIT_OPEN;
		v->stack[depth++] = root;
	}
	while (depth > 0) {
		size_t at = v->stack[depth - 1];
		const struct strings *references = &s->paths[at].references;
		ssize_t to;

		if (v->next[at] == references->count) {
			v->states[at] = VISIT_DONE;
			v->order[v->ordered++] = at;
			depth--;
			continue;
		}
		to = find_reference(s, references->items[v->next[at]++]);
		if (to < 0 || (size_t)to == at || v->states[to] == VISIT_DONE)
			continue;
		if (v->states[to] == VISIT_OPEN)
			return -ELOOP;
		v->states[to] = VISIT_OPEN;
		v->stack[depth++] = (size_t)to;
	}
	return 0;
}

/* v->order becomes the indexes of all paths, references first. */
static int sort_paths(const struct search *s, struct visits *v)
{
	int rc = 0;

	v->states = calloc(s->count + 1, sizeof(*v->states));
	v->next = calloc(s->count + 1, sizeof(*v->next));
	v->stack = calloc(s->count + 1, sizeof(*v->stack));
	v->order = calloc(s->count + 1, sizeof(*v->order));
	if (!v->states || !v->next || !v->stack || !v->order)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < s->count; i++)
		rc = visit(s, v, i);
	return rc;
}

static int compare_names(const void *a, const void *b, void *paths)
{
	const struct path_info *infos = paths;

	return strcmp(infos[*(const size_t *)a].base,
	              infos[*(const size_t *)b].base);
}

/* Moves the paths out of the search, in order. */
static int take_paths(struct search *s, const size_t *order,
                      struct closure *ret_closure)
{
	cleanup_free struct path_info *paths = NULL;
	cleanup_free size_t *by_name = NULL;

	paths = calloc(s->count + 1, sizeof(*paths));
	by_name = calloc(s->count + 1, sizeof(*by_name));
	if (!paths || !by_name)
		return -ENOMEM;

	for (size_t i = 0; i < s->count; i++) {
		paths[i] = s->paths[order[i]];
		by_name[i] = i;
	}
	qsort_r(by_name, s->count, sizeof(*by_name), compare_names, paths);
	*ret_closure = (struct closure){
		.count = s->count,
		.paths = take_ptr(paths),
		.by_name = take_ptr(by_name),
	};
	s->count = 0;
	return 0;
}

static int compute(struct search *s, const struct strings *roots, bool follow,
                   struct daemon *daemon, struct daemon_error *error)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < roots->count; i++)
		rc = discover(s, roots->items[i]);
	if (rc == 0)
		rc = search_levels(s, follow, daemon, error);
	return rc;
}

/* What the daemon has not said itself. */
static int explain(int rc, struct daemon_error *error)
{
	if (rc == -E2BIG) {
		(void)snprintf(error->text, sizeof(error->text),
		               "more than %u store paths", CLOSURE_PATHS_MAX);
	} else if (rc == -ELOOP) {
		(void)snprintf(error->text, sizeof(error->text),
		               "the store's references go round in a circle");
	} else if (rc == -EINVAL && error->text[0] == '\0') {
		(void)snprintf(error->text, sizeof(error->text),
		               "a name is too long for a store path");
	} else if (rc == -ENOMEM && error->text[0] == '\0') {
		(void)snprintf(error->text, sizeof(error->text),
		               "out of memory");
	}
	return rc;
}

int closure_compute(struct daemon *daemon, const struct strings *roots,
                    bool follow, struct closure *ret_closure,
                    struct daemon_error *error)
{
	__attribute__((__cleanup__(
		search_clear))) struct search search = { .paths = NULL };
	__attribute__((__cleanup__(
		visits_clear))) struct visits visits = { .states = NULL };
	int rc;

	error->text[0] = '\0';
	if (roots->count == 0) {
		*ret_closure = (struct closure){ .count = 0 };
		return 0;
	}

	rc = compute(&search, roots, follow, daemon, error);
	if (rc == 0)
		rc = sort_paths(&search, &visits);
	if (rc == 0)
		rc = take_paths(&search, visits.order, ret_closure);
	return explain(rc, error);
}

ssize_t closure_find(const struct closure *closure, const char *base)
{
	size_t low = 0, high = closure->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		size_t index = closure->by_name[middle];
		int order = strcmp(base, closure->paths[index].base);

		if (order == 0)
			return (ssize_t)index;
		if (order < 0) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return -1;
}
