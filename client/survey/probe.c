/* Theory of Operation
 *
 * Reading comes first, with what is there; then writing, in this order:
 *
 *   DELETE of an object that is not there    whether we may
 *   a multipart upload, begun and called off  leaves nothing
 *   PUT, GET, HEAD, conditional PUT, DELETE, HEAD   of an object of our own
 *
 * The last line is left out where the first was refused: no trace can remain
 * then.  That an upload may begin says there that we may PUT.  The object is
 * named as the log of a derivation that nobody has, so no reader asks for it.
 *
 * CACHE_MISSING is what a server answers also to a key that may not read; only
 * for an object that is known to be there does it tell anything.
 */
#include "client/survey/probe.h"

#include "client/cache/names.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/text.h"
#include "protocol/nix/store_uri.h"
#include "protocol/s3/object_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define PROBE_KEY_FORM \
	"log/00000000000000000000000000000000-nixcache-probe-%s.drv"
#define RANDOM_LEN 8
#define BODY       "nixcache info wrote this to see whether it may.\n"
#define US_PER_S   1000000

struct prober {
	const struct session *session;
	struct probe *probe;
	char known[OBJECT_KEY_MAX + 1]; /* a small object that is there */
	char key[OBJECT_KEY_MAX + 1];   /* of our own */
};

const char *probe_item_name(enum probe_item item)
{
	switch (item) {
	case PROBE_GET:
		return "get";
	case PROBE_HEAD:
		return "head";
	case PROBE_PUT:
		return "put";
	case PROBE_LIST:
		return "list";
	case PROBE_DELETE:
		return "delete";
	case PROBE_CONDITIONAL_PUT:
		return "conditionalPut";
	case PROBE_CHECKSUM_HEADERS:
		return "checksumHeaders";
	case PROBE_MULTIPART:
		return "multipart";
	case PROBE_ITEM_COUNT:
		break;
	}
	return "";
}

static void note(struct prober *p, enum probe_item item,
                 enum probe_answer answer, const char *why)
{
	struct probe_finding *finding = &p->probe->findings[item];

	finding->answer = answer;
	(void)snprintf(finding->why, sizeof(finding->why), "%s", why);
}

static int run(struct prober *p, const struct cache_step *step,
               struct cache_result *ret_result)
{
	return cache_run(p->session->cache, step, ret_result);
}

static int run_type(struct prober *p, enum cache_step_type type,
                    const char *key, struct cache_result *ret_result)
{
	const struct cache_step step = { .type = type, .key = key };

	return run(p, &step, ret_result);
}

static void be_unreachable(struct probe *probe, int exit_status,
                           const char *why)
{
	probe->is_reachable = false;
	probe->exit_status = exit_status;
	text_printable(why, strlen(why), probe->why, sizeof(probe->why));
}

/* A bucket is there or says that it is not; a folder is made by the first
 * push, and one that is not mounted looks like that, too. */
static bool is_folder_there(struct prober *p)
{
	char why[STORE_URI_MAX + 128];
	struct store_uri uri;
	struct stat st;

	if (store_uri_parse(p->session->config->store, &uri, why, sizeof(why)) <
	            0 ||
	    uri.kind != STORE_URI_FILE)
		return true;
	if (stat(uri.path, &st) < 0) {
		(void)snprintf(
			why, sizeof(why), "%s: %s%s", uri.path, strerror(errno),
			errno == ENOENT ? "; the first push makes it" : "");
		be_unreachable(p->probe, EXIT_FAILED, why);
		return false;
	}
	note(p, PROBE_CHECKSUM_HEADERS, PROBE_NOT_PROBED,
	     "a folder has no headers");
	return true;
}

static void read_cache_info(struct prober *p, const struct cache_result *result)
{
	struct probe *probe = p->probe;

	if (result->outcome != CACHE_OK)
		return;
	memcpy(p->known, NAMES_CACHE_INFO, sizeof(NAMES_CACHE_INFO));
	probe->cache_info_state = PROBE_INFO_BROKEN;
	if (!result->encoding[0] &&
	    cache_info_parse(buffer_bytes(&result->response),
	                     &probe->cache_info) == 0)
		probe->cache_info_state = PROBE_INFO_READ;
}

/* The first request, with which also the agent may have to be unlocked. */
static int reach(struct prober *p)
{
	struct cache_result result;
	int rc;

	p->probe->is_reachable = is_folder_there(p);
	if (!p->probe->is_reachable)
		return 0;
	rc = run_type(p, CACHE_GET, NAMES_CACHE_INFO, &result);
	if (rc < 0)
		return rc;
	if (result.outcome == CACHE_FAILED) {
		be_unreachable(p->probe, result.exit_status, result.error);
	} else {
		read_cache_info(p, &result);
	}
	buffer_clear(&result.response);
	return 0;
}

static uint64_t elapsed_us(const struct timespec *from,
                           const struct timespec *to)
{
	return (uint64_t)((to->tv_sec - from->tv_sec) * US_PER_S +
	                  (to->tv_nsec - from->tv_nsec) / 1000);
}

/* On the connection that is there now. */
static int time_request(struct prober *p)
{
	struct timespec before, after;
	struct cache_result result;
	int rc;

	(void)clock_gettime(CLOCK_MONOTONIC, &before);
	rc = run_type(p, CACHE_CHECK, NAMES_CACHE_INFO, &result);
	(void)clock_gettime(CLOCK_MONOTONIC, &after);
	if (rc < 0)
		return rc;
	p->probe->request_us = elapsed_us(&before, &after);
	p->probe->has_clock = result.server_time > 0;
	p->probe->clock_skew_s =
		p->probe->has_clock ? result.server_time - (int64_t)time(NULL)
				    : 0;
	return 0;
}

/* Any narinfo: they are small. */
static void choose_known(struct prober *p, const struct cache_listing *listing)
{
	for (size_t i = 0; i < listing->count && !p->known[0]; i++) {
		const char *key = listing->objects[i].key;
		enum object_key_kind kind = object_key_kind(key, strlen(key));

		if (kind == OBJECT_KEY_NARINFO || kind == OBJECT_KEY_CACHE_INFO)
			memcpy(p->known, key, strlen(key) + 1);
	}
}

static int probe_list(struct prober *p)
{
	struct cache_result result = { .listing = NULL };
	int rc = run_type(p, CACHE_LIST, "", &result);

	if (rc < 0)
		return rc;
	if (result.outcome == CACHE_OK) {
		note(p, PROBE_LIST, PROBE_YES, "");
		choose_known(p, result.listing);
	} else {
		note(p, PROBE_LIST, PROBE_NO, result.error);
	}
	cache_listing_free(result.listing);
	return 0;
}

static void note_reading(struct prober *p, enum probe_item item,
                         const struct cache_result *result)
{
	if (result->outcome == CACHE_OK) {
		note(p, item, PROBE_YES, "");
	} else {
		note(p, item, PROBE_NO,
		     result->outcome == CACHE_FAILED
		             ? result->error
		             : "refused for an object that is there");
	}
}

/* Of an object that is there. */
static int probe_reading(struct prober *p, const char *key)
{
	struct cache_result result;
	int rc = run_type(p, CACHE_GET, key, &result);

	if (rc < 0)
		return rc;
	note_reading(p, PROBE_GET, &result);
	buffer_clear(&result.response);
	rc = run_type(p, CACHE_CHECK, key, &result);
	if (rc == 0)
		note_reading(p, PROBE_HEAD, &result);
	return rc;
}

static int make_key(struct prober *p)
{
	uint8_t random[RANDOM_LEN];
	char digits[RANDOM_LEN * 2 + 1];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	text_hex(random, sizeof(random), digits);
	(void)snprintf(p->key, sizeof(p->key), PROBE_KEY_FORM, digits);
	return 0;
}

static int probe_delete(struct prober *p)
{
	struct cache_result result;
	int rc = run_type(p, CACHE_DELETE, p->key, &result);

	if (rc < 0)
		return rc;
	if (result.outcome == CACHE_OK) {
		note(p, PROBE_DELETE, PROBE_YES, "");
	} else {
		note(p, PROBE_DELETE, PROBE_NO, result.error);
	}
	return 0;
}

static int probe_multipart(struct prober *p)
{
	struct cache_step abort = { .type = CACHE_ABORT, .key = p->key };
	struct cache_result begun, ended;
	int rc = run_type(p, CACHE_BEGIN, p->key, &begun);

	if (rc < 0)
		return rc;
	if (begun.outcome != CACHE_OK) {
		note(p, PROBE_MULTIPART, PROBE_NO, begun.error);
		return 0;
	}
	abort.upload_id = begun.text;
	rc = run(p, &abort, &ended);
	if (rc < 0)
		return rc;
	note(p, PROBE_MULTIPART, PROBE_YES, "");
	if (ended.outcome != CACHE_OK) {
		(void)snprintf(p->probe->left_behind,
		               sizeof(p->probe->left_behind),
		               "an upload without parts of %s", p->key);
	}
	return 0;
}

static struct cache_step put_step(const struct prober *p)
{
	return (struct cache_step){
		.type = CACHE_PUT,
		.key = p->key,
		.body = (const uint8_t *)BODY,
		.body_len = sizeof(BODY) - 1,
	};
}

static int probe_conditional(struct prober *p)
{
	struct cache_step step = put_step(p);
	struct cache_result result;
	int rc;

	step.only_if_absent = true;
	rc = run(p, &step, &result);
	if (rc < 0)
		return rc;
	if (result.outcome == CACHE_EXISTS) {
		note(p, PROBE_CONDITIONAL_PUT, PROBE_YES, "");
	} else {
		note(p, PROBE_CONDITIONAL_PUT, PROBE_NO,
		     result.outcome == CACHE_FAILED
		             ? result.error
		             : "the server wrote over what was there");
	}
	return 0;
}

/* That it is gone is looked up: deleting may also hide. */
static int clear_away(struct prober *p)
{
	struct cache_result deleted = { .outcome = CACHE_FAILED };
	struct cache_result seen = { .outcome = CACHE_FAILED };
	int rc = run_type(p, CACHE_DELETE, p->key, &deleted);

	if (rc == 0)
		rc = run_type(p, CACHE_CHECK, p->key, &seen);
	if (rc < 0)
		return rc;
	if (deleted.outcome == CACHE_OK && seen.outcome != CACHE_OK)
		return 0;
	note(p, PROBE_DELETE, PROBE_NO,
	     deleted.outcome == CACHE_FAILED
	             ? deleted.error
	             : "what was deleted is still there");
	(void)snprintf(p->probe->left_behind, sizeof(p->probe->left_behind),
	               "%s", p->key);
	return 0;
}

static int probe_object(struct prober *p)
{
	struct cache_step step = put_step(p);
	struct cache_result result;
	int rc = run(p, &step, &result);

	if (rc < 0)
		return rc;
	if (result.outcome != CACHE_OK) {
		note(p, PROBE_PUT, PROBE_NO, result.error);
		note(p, PROBE_CONDITIONAL_PUT, PROBE_NOT_PROBED,
		     "nothing can be written");
		return 0;
	}
	note(p, PROBE_PUT, PROBE_YES, "");
	rc = probe_reading(p, p->key);
	if (rc == 0)
		rc = probe_conditional(p);
	return rc < 0 ? rc : clear_away(p);
}

static void infer_put(struct prober *p)
{
	const struct probe_finding *multipart =
		&p->probe->findings[PROBE_MULTIPART];

	note(p, PROBE_PUT, multipart->answer, multipart->why);
	note(p, PROBE_CONDITIONAL_PUT, PROBE_NOT_PROBED,
	     "what is written could not be deleted again");
}

static int probe_writing(struct prober *p)
{
	int rc = make_key(p);

	if (rc == 0)
		rc = probe_delete(p);
	if (rc == 0)
		rc = probe_multipart(p);
	if (rc < 0)
		return rc;
	if (p->probe->findings[PROBE_DELETE].answer == PROBE_YES)
		return probe_object(p);
	infer_put(p);
	return 0;
}

static void note_unprobed(struct prober *p)
{
	static const enum probe_item writing[] = {
		PROBE_PUT,
		PROBE_DELETE,
		PROBE_CONDITIONAL_PUT,
		PROBE_MULTIPART,
	};

	for (size_t i = 0; i < sizeof(writing) / sizeof(writing[0]); i++) {
		note(p, writing[i], PROBE_NOT_PROBED,
		     "nothing was to be written");
	}
	note(p, PROBE_GET, PROBE_NOT_PROBED, "no object is known to be there");
	note(p, PROBE_HEAD, PROBE_NOT_PROBED, "no object is known to be there");
	note(p, PROBE_CHECKSUM_HEADERS, PROBE_NOT_PROBED,
	     "the agent signs no x-amz-checksum headers, they are not used");
}

int probe_run(const struct session *session, enum probe_manner manner,
              struct probe *ret_probe)
{
	struct prober p = { .session = session, .probe = ret_probe };
	int rc;

	*ret_probe = (struct probe){ .is_reachable = false };
	note_unprobed(&p);
	rc = reach(&p);
	if (rc < 0 || !ret_probe->is_reachable)
		return rc;
	rc = time_request(&p);
	if (rc == 0)
		rc = probe_list(&p);
	if (rc == 0 && p.known[0])
		rc = probe_reading(&p, p.known);
	if (rc == 0 && manner == PROBE_WRITING)
		rc = probe_writing(&p);
	return rc;
}
