#include "client/audit/audit_verify.h"

#include "client/audit/outcome.h"
#include "client/audit/place.h"
#include "client/audit/trail.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * Theory of Operation
 *
 * The agent is asked where its log stands before the log is read: what it has
 * written until then must be there.  What it writes meanwhile is read as well,
 * up to the last whole line.
 */

struct keys {
	struct public_key *items; /* owned */
	size_t count;
};

static int add_key(struct keys *keys, const char *text)
{
	struct public_key *more =
		reallocarray(keys->items, keys->count + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	keys->items = more;
	if (public_key_parse(text, strlen(text), &more[keys->count]) < 0)
		return -EINVAL;
	keys->count++;
	return 0;
}

static int add_keys(struct keys *keys, const struct strings *texts)
{
	int rc = 0;

	for (size_t i = 0; i < texts->count && rc == 0; i++) {
		rc = add_key(keys, texts->items[i]);
		if (rc == -EINVAL) {
			log_error("audit: not a public key (NAME:BASE64): %s",
			          texts->items[i]);
		}
	}
	return rc;
}

static int collect_keys(const struct audit_verify_request *request,
                        const struct place *place, struct keys *keys)
{
	int rc = add_keys(keys, request->public_keys);

	for (size_t i = 0;
	     place->has_agent && i < place->status.cache_count && rc == 0; i++)
		rc = add_keys(keys, &place->status.caches[i].public_keys);
	return rc;
}

static int read_claim(const struct place *place, struct audit_claim *claim)
{
	const struct agent_audit *audit = &place->status.audit;

	if (!place->is_live)
		return 0;
	claim->sequence = audit->sequence;
	return text_unhex(audit->head, strlen(audit->head), claim->head,
	                  sizeof(claim->head));
}

static void tell(struct outcome *outcome, const struct trail_line *line,
                 const struct audit_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		outcome_tell(outcome, &findings->items[i], line);
}

static int take(struct audit_chain *chain, const struct trail_line *line,
                struct outcome *outcome)
{
	struct audit_findings findings;
	int rc = audit_chain_take(chain, line->text, &findings);

	if (rc < 0)
		return rc;
	tell(outcome, line, &findings);
	if (!line->has_newline) {
		audit_chain_tear(chain, &findings);
		tell(outcome, line, &findings);
	}
	return 0;
}

/* Feeds the chain with all lines; last is where it ends. */
static int read_lines(struct trail *trail, struct audit_chain *chain,
                      enum audit_ending ending, struct outcome *outcome)
{
	struct trail_line last = { .file = trail_path(trail) };
	struct audit_findings findings;
	struct trail_line line;
	int rc;

	while ((rc = trail_next(trail, &line)) == 1) {
		rc = take(chain, &line, outcome);
		if (rc < 0)
			return rc;
		last = line;
	}
	/* An agent may just be writing it. */
	if (rc == 0 && ending == AUDIT_ENDING_CLOSED &&
	    trail_rest(trail, &line)) {
		rc = take(chain, &line, outcome);
		last = line;
	}
	if (rc < 0)
		return rc;
	audit_chain_end(chain, ending, &findings);
	tell(outcome, &last, &findings);
	return 0;
}

static int verify(const struct place *place, const struct keys *keys,
                  bool is_json)
{
	struct audit_premises premises = {
		.keys = keys->items,
		.key_count = keys->count,
	};
	struct outcome outcome = {
		.is_json = is_json,
		.has_keys = keys->count > 0,
	};
	cleanup_audit_chain struct audit_chain *chain = NULL;
	cleanup_trail struct trail *trail = NULL;
	char why[TRAIL_WHY_SIZE];
	struct audit_summary summary;
	int rc = read_claim(place, &premises.claim);

	if (rc == 0 && trail_open(place->path, &trail, why) < 0) {
		log_error("audit: %s", why);
		return EXIT_FAILED;
	}
	if (rc == 0)
		rc = audit_chain_new(&premises, &chain);
	if (rc == 0) {
		rc = read_lines(trail, chain,
		                place->is_live ? AUDIT_ENDING_OPEN
		                               : AUDIT_ENDING_CLOSED,
		                &outcome);
	}
	if (rc < 0) {
		log_error("audit: %s: %s", place->path, strerror(-rc));
		return EXIT_FAILED;
	}
	summary = audit_chain_summary(chain);
	outcome_finish(&outcome, place->path, &summary);
	return outcome.finding_count > 0 ? EXIT_FAILED : EXIT_DONE;
}

int audit_verify_run(const struct audit_verify_request *request)
{
	cleanup_place struct place place = { .path = "" };
	char why[PLACE_WHY_SIZE];
	struct keys keys = { .items = NULL };
	int rc = place_find(request->path, &place, why);

	if (rc != EXIT_DONE) {
		log_error("audit: %s", why);
		return rc;
	}
	if (place.is_live && place.status.audit.failure) {
		log_warn("audit: the agent cannot write its log: %s",
		         place.status.audit.failure);
	}
	rc = collect_keys(request, &place, &keys);
	if (rc == -ENOMEM)
		log_error("audit: %s", strerror(-rc));
	rc = rc < 0 ? EXIT_FAILED : verify(&place, &keys, request->is_json);
	free(keys.items);
	return rc;
}
