#include "client/verify/elsewhere.h"

#include "client/store/daemon.h"
#include "protocol/base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Of paths that are asked about at once: each has a narinfo in memory. */
#define BATCH_MAX 1000

struct elsewhere {
	const struct elsewhere_request *request;
	struct daemon *daemon; /* NULL: there is nobody to ask, because: */
	struct daemon_error error;
	struct elsewhere_result result;
};

static void open_store(struct elsewhere *e)
{
	const char *dir;

	if (daemon_open(e->request->store, &e->daemon, &e->error) < 0) {
		e->daemon = NULL;
		return;
	}
	dir = daemon_store_dir(e->daemon);
	if (strcmp(dir, e->request->store_dir) == 0)
		return;
	(void)snprintf(e->error.text, sizeof(e->error.text),
	               "the local store is %s", dir);
	daemon_close(e->daemon);
	e->daemon = NULL;
}

static bool is_upstream(const struct elsewhere *e, const struct path_info *info)
{
	return info->base[0] != '\0' &&
	       trust_judge(e->request->upstream, e->request->store_dir, info) ==
	               TRUST_SIGNED;
}

/* ret_found[i]: an upstream signed bases[i]. */
static void ask_store(struct elsewhere *e, const struct strings *bases,
                      struct path_info *infos, bool *ret_found)
{
	if (!e->daemon)
		return;
	if (daemon_query_infos(e->daemon, bases, infos, &e->error) < 0) {
		daemon_close(e->daemon);
		e->daemon = NULL;
		return;
	}
	for (size_t i = 0; i < bases->count; i++) {
		ret_found[i] = is_upstream(e, &infos[i]);
		path_info_clear(&infos[i]);
	}
}

static void ask_substituters(struct elsewhere *e, const struct strings *bases,
                             bool *ret_found)
{
	if (!e->daemon)
		return;
	if (daemon_query_substitutable(e->daemon, bases, ret_found,
	                               &e->error) == 0)
		return;
	daemon_close(e->daemon);
	e->daemon = NULL;
}

static void tell_lost(struct elsewhere *e, const struct roster_path *path)
{
	const struct elsewhere_request *q = e->request;
	char who[STORE_PATH_SIZE + 32] = "", unasked[600] = "";

	if (!path->is_root && q->may_lack_references) {
		e->result.lacking++;
		return;
	}
	if (!path->is_root && path->referrer) {
		(void)snprintf(who, sizeof(who), "%s/%s refers to it, and ",
		               q->store_dir, path->referrer->base);
	}
	if (!e->daemon) {
		(void)snprintf(unasked, sizeof(unasked),
		               " (whether an upstream has it is not known: %s)",
		               e->error.text);
	}
	report_finding(q->report, FINDING_MISSING, path->base, path->key,
	               "%sthe cache does not have it%s%s", who,
	               e->daemon ? ", nor any other that Nix asks" : "",
	               unasked);
}

static void tell(struct elsewhere *e, const struct roster_path *path,
                 bool is_signed, bool is_substitutable)
{
	if (is_signed)
		e->result.upstream++;
	if (!is_signed && is_substitutable)
		e->result.elsewhere++;
	if (!is_signed && !is_substitutable) {
		tell_lost(e, path);
	} else if (path->is_root) {
		report_note(e->request->report, NOTE_UPSTREAM, path->base,
		            path->key, "it is not in the cache, but %s",
		            is_signed ? "an upstream signed it"
		                      : "in one that Nix asks");
	}
}

/* The same paths, without those that are found already. */
static int list_rest(const struct strings *bases, const bool *found,
                     struct strings *ret_rest)
{
	int rc = 0;

	for (size_t i = 0; i < bases->count && rc == 0; i++) {
		if (!found[i]) {
			rc = strings_add(ret_rest, bases->items[i],
			                 strlen(bases->items[i]));
		}
	}
	return rc;
}

static int look_at_batch(struct elsewhere *e, struct roster_path *const *paths,
                         size_t count)
{
	cleanup_strings struct strings bases = { .items = NULL };
	cleanup_strings struct strings rest = { .items = NULL };
	cleanup_free struct path_info *infos = calloc(count, sizeof(*infos));
	cleanup_free bool *is_signed = calloc(count, sizeof(*is_signed));
	cleanup_free bool *others = calloc(count, sizeof(*others));
	int rc = infos && is_signed && others ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = strings_add(&bases, paths[i]->base,
		                 strlen(paths[i]->base));
	}
	if (rc < 0)
		return rc;
	ask_store(e, &bases, infos, is_signed);
	rc = list_rest(&bases, is_signed, &rest);
	if (rc < 0)
		return rc;
	if (rest.count > 0)
		ask_substituters(e, &rest, others);
	for (size_t i = 0, at = 0; i < count; i++) {
		tell(e, paths[i], is_signed[i],
		     is_signed[i] ? false : others[at++]);
	}
	return 0;
}

static int look_at_all(struct elsewhere *e)
{
	const struct roster *roster = e->request->roster;
	cleanup_free struct roster_path **batch =
		calloc(BATCH_MAX, sizeof(struct roster_path *));
	size_t count = 0;
	int rc = batch ? 0 : -ENOMEM;

	for (size_t i = 0; i < roster->count && rc == 0; i++) {
		if (roster->items[i]->state == ROSTER_MISSING)
			batch[count++] = roster->items[i];
		if (count < BATCH_MAX && (count == 0 || i + 1 < roster->count))
			continue;
		rc = look_at_batch(e, batch, count);
		count = 0;
	}
	return rc;
}

static bool has_missing(const struct roster *roster)
{
	for (size_t i = 0; i < roster->count; i++) {
		if (roster->items[i]->state == ROSTER_MISSING)
			return true;
	}
	return false;
}

int elsewhere_look(const struct elsewhere_request *request,
                   struct elsewhere_result *ret_result)
{
	struct elsewhere e = { .request = request };
	int rc = 0;

	if (has_missing(request->roster)) {
		open_store(&e);
		rc = look_at_all(&e);
	}
	daemon_close(e.daemon);
	if (rc < 0)
		return rc;
	*ret_result = e.result;
	return 0;
}
