#include "client/verify/reading.h"

#include "client/catalog/entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void judge(const struct inspect_request *q,
                  const struct roster_path *path)
{
	switch (trust_judge(q->trust, q->store_dir, &path->info->path)) {
	case TRUST_SIGNED:
	case TRUST_CONTENT:
		break;
	case TRUST_UNSIGNED:
		report_finding(q->report, FINDING_UNSIGNED, path->base,
		               path->key,
		               "it is not signed by a key of the cache, of its "
		               "upstreams or of nix.conf");
		break;
	case TRUST_FORGED:
		report_finding(q->report, FINDING_SIGNATURE, path->base,
		               path->key,
		               "its signature is false: it bears the name of a "
		               "trusted key that did not make it");
		break;
	}
}

/* The same hash part cannot be two names in one cache. */
static void check_name(const struct inspect_request *q,
                       const struct roster_path *path, const char *reference,
                       const struct roster_path *known)
{
	if (!known->is_named || strcmp(known->base, reference) == 0)
		return;
	report_finding(q->report, FINDING_MISSING, reference, known->key,
	               "%s refers to it, and the cache has another path of "
	               "that hash: %s",
	               path->base, known->base);
}

static int note_reference(const struct inspect_request *q,
                          struct roster_path *path, const char *reference)
{
	struct roster *roster = q->roster;
	size_t before = roster->count;
	struct roster_path *known;
	int rc = roster_add(roster, reference, strlen(reference), &known);

	if (rc < 0)
		return rc;
	if (!known->referrer && known != path)
		known->referrer = path;
	if (roster->count > before && q->inventory) {
		known->state = ROSTER_MISSING;
	} else if (!known->is_named && known->state != ROSTER_DONE) {
		rc = roster_name(known, reference);
	} else {
		check_name(q, path, reference, known);
	}
	return rc;
}

static int note_references(const struct inspect_request *q,
                           struct roster_path *path)
{
	const struct strings *references = &path->info->path.references;
	int rc = 0;

	for (size_t i = 0; i < references->count && rc == 0; i++)
		rc = note_reference(q, path, references->items[i]);
	return rc;
}

static int read_entry(const struct inspect_request *q, struct roster_path *path,
                      const struct cache_result *answer)
{
	const struct entry_question question = {
		.hash_part = path->base,
		.base = path->is_named ? path->base : NULL,
		.store_dir = q->store_dir,
	};
	char why[ENTRY_WHY_MAX];
	int rc;

	path->info = calloc(1, sizeof(*path->info));
	if (!path->info)
		return -ENOMEM;
	rc = entry_read(answer, &question, path->info, why);
	if (rc == 0 && !path->is_named)
		rc = roster_name(path, path->info->path.base);
	if (rc == -EBADMSG) {
		report_finding(q->report, FINDING_NARINFO,
		               path->is_named ? path->base : NULL, path->key,
		               "%s", why);
	}
	return rc;
}

int reading_take(const struct inspect_request *request,
                 struct roster_path *path, const struct cache_result *answer)
{
	int rc = read_entry(request, path, answer);

	if (rc < 0)
		return rc;
	judge(request, path);
	return note_references(request, path);
}
