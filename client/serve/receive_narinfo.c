/* Theory of Operation
 *
 *   BODY        it is read and is of the path its key says
 *   NAR         what it says of its NAR is what was seen of it.  A NAR that
 *               came through here is in the ledger.  Nix does not send one
 *               that is there already, and this server may have been started
 *               since: such a one is fetched and unpacked.
 *   REFERENCES  all have a narinfo in the cache.  Nix sends them in this
 *               order, so a cache that was whole stays so.
 *   SIGNATURE   the agent signs, or refuses
 *   STORED      the narinfo is put; only then the client is told
 *
 * As in Nix the last writer wins: a narinfo that was there before is replaced,
 * with its signatures.  Those the client sends are kept beside ours (a path
 * may come from another cache), but not under the name of a key of ours.
 */
#include "client/catalog/entry.h"
#include "client/serve/receipt.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECKS_MAX 16 /* at once */

/* How long it is believed that a narinfo is still there. */
#define NARINFO_BELIEVED_MS (10LL * 60 * 1000)

enum info_stage {
	INFO_BODY,
	INFO_NAR,
	INFO_REFERENCES,
	INFO_SIGNATURE,
	INFO_STORED,
};

struct info_intake {
	enum info_stage stage;
	struct narinfo narinfo;
	char nar_key[OBJECT_KEY_MAX + 1];
	bool is_ordered; /* what the stage orders once */
	enum cache_outcome fetched;
	int fetch_status;
	char fetch_error[sizeof(((struct cache_result *)0)->error)];
	char (*keys)[NAMES_NARINFO_SIZE]; /* owned; by reference */
	size_t asked;                     /* of the references */
	struct buffer text;
};

int info_intake_new(struct info_intake **ret_info)
{
	struct info_intake *info = calloc(1, sizeof(*info));

	if (!info)
		return -ENOMEM;
	buffer_init(&info->text, NARINFO_SIZE_MAX);
	*ret_info = info;
	return 0;
}

void info_intake_free(struct info_intake *info)
{
	if (!info)
		return;
	narinfo_clear(&info->narinfo);
	buffer_clear(&info->text);
	free(info->keys);
	free(info);
}

static void go_on(struct receipt *r, enum info_stage stage)
{
	r->info->stage = stage;
	r->info->is_ordered = false;
}

static bool parse(struct receipt *r)
{
	const char *store_dir = r->receiver->config->store_dir;
	size_t line;
	int rc = narinfo_parse(buffer_bytes(&r->body), store_dir,
	                       &r->info->narinfo, &line);

	if (rc == -ENOMEM) {
		receipt_finish_errno(r, rc);
	} else if (rc < 0) {
		receipt_finish(
			r, ANSWER_BAD,
			"%s: line %zu is missing or wrong, or of another "
			"store than %s",
			r->key, line, store_dir);
	}
	return rc == 0;
}

static bool find_nar_key(struct info_intake *i)
{
	return entry_nar_key(&i->narinfo, i->nar_key) == 0 &&
	       object_key_kind(i->nar_key, strlen(i->nar_key)) ==
	               OBJECT_KEY_NAR;
}

static void read_body(struct receipt *r)
{
	struct info_intake *i = r->info;
	char key[NAMES_NARINFO_SIZE];

	if (!r->is_ended || !receipt_decode(r) || !parse(r))
		return;
	names_format_narinfo(i->narinfo.path.base, key);
	if (strcmp(key, r->key) != 0) {
		receipt_finish(r, ANSWER_BAD, "%s: it is of another path, %s",
		               r->key, i->narinfo.path.base);
	} else if (!find_nar_key(i)) {
		receipt_finish(r, ANSWER_BAD,
		               "%s: its URL is not that of a NAR in this cache",
		               r->key);
	} else {
		go_on(r, INFO_NAR);
	}
}

/* A narinfo may say nothing of the file; what it says must be so. */
static const char *difference(const struct narinfo *info,
                              const struct unpack_sums *sums)
{
	if (!nix_hash_equal(&info->path.nar_hash, &sums->nar_hash))
		return "NarHash";
	if (info->path.nar_size != sums->nar_size)
		return "NarSize";
	if (info->has_file_hash &&
	    !nix_hash_equal(&info->file_hash, &sums->file_hash))
		return "FileHash";
	if (info->file_size > 0 && info->file_size != sums->file_size)
		return "FileSize";
	return NULL;
}

static void compare(struct receipt *r, const struct unpack_sums *sums)
{
	struct narinfo *info = &r->info->narinfo;
	const char *field = difference(info, sums);

	if (field) {
		receipt_finish(r, ANSWER_BAD, "%s: its %s is not that of %s",
		               r->key, field, r->info->nar_key);
		return;
	}
	info->has_file_hash = true;
	info->file_hash = sums->file_hash;
	info->file_size = sums->file_size;
	go_on(r, INFO_REFERENCES);
}

static void fetch(struct receipt *r)
{
	struct info_intake *i = r->info;
	struct cache_step step = { .type = CACHE_FETCH, .key = i->nar_key };
	int rc;

	if (!receipt_take_lane(r, LANE_FETCH))
		return;
	i->is_ordered = true;
	rc = unpacking_start(i->narinfo.compression, r->receiver->wake_fd,
	                     &r->unpacking);
	if (rc == -ENOTSUP) {
		receipt_finish(r, ANSWER_BAD, "%s: compression %s is unknown",
		               r->key, i->narinfo.compression);
	} else if (rc < 0) {
		receipt_finish_errno(r, rc);
	} else {
		step.sink = unpacking_conduit(r->unpacking);
		(void)receipt_order_step(r, &step);
	}
}

/* The thread and the cache may each be the reason why the other one stopped.
 * What is wrong with the object itself is said first. */
static void judge_fetch(struct receipt *r)
{
	struct info_intake *i = r->info;
	enum unpacking_state state = unpacking_state(r->unpacking);
	struct unpack_sums sums;

	if (i->fetched == CACHE_MISSING) {
		receipt_finish(r, ANSWER_BAD,
		               "%s: its NAR %s is not in the cache: send it "
		               "first",
		               r->key, i->nar_key);
	} else if (state == UNPACKING_BAD) {
		receipt_finish(r, ANSWER_BAD, "%s: %s: %s", r->key, i->nar_key,
		               unpacking_why(r->unpacking));
	} else if (i->fetched != CACHE_OK) {
		receipt_finish(r, receipt_answer_of(i->fetch_status), "%s",
		               i->fetch_error);
	} else if (state == UNPACKING_FAILED) {
		receipt_finish(r, ANSWER_FAILED, "%s: %s: %s", r->key,
		               i->nar_key, unpacking_why(r->unpacking));
	} else {
		sums = *unpacking_sums(r->unpacking);
		unpacking_free(take_ptr(r->unpacking));
		receipt_leave_lane(r);
		ledger_note(r->receiver->nars, i->nar_key,
		            i->narinfo.compression, &sums);
		compare(r, &sums);
	}
}

static void look_at_nar(struct receipt *r)
{
	struct info_intake *i = r->info;
	const struct ledger_entry *entry =
		ledger_find(r->receiver->nars, i->nar_key);

	if (!i->is_ordered && entry &&
	    strcmp(entry->compression, i->narinfo.compression) == 0) {
		receipt_leave_lane(r);
		compare(r, &entry->sums);
	} else if (!i->is_ordered) {
		fetch(r);
	} else if (r->pending == 0 &&
	           unpacking_state(r->unpacking) != UNPACKING_ON) {
		judge_fetch(r);
	}
}

static bool is_believed(const struct receiver *receiver, const char *key)
{
	const struct ledger_entry *entry = ledger_find(receiver->narinfos, key);

	return entry && clock_boot_ms() - entry->noted_ms < NARINFO_BELIEVED_MS;
}

static bool make_keys(struct receipt *r)
{
	struct info_intake *i = r->info;
	const struct strings *references = &i->narinfo.path.references;

	i->keys = calloc(references->count + 1, sizeof(*i->keys));
	if (!i->keys) {
		receipt_finish_errno(r, -ENOMEM);
		return false;
	}
	for (size_t n = 0; n < references->count; n++)
		names_format_narinfo(references->items[n], i->keys[n]);
	return true;
}

static void ask_for(struct receipt *r, size_t n)
{
	struct cache_step step = {
		.type = CACHE_CHECK,
		.key = r->info->keys[n],
		.tag = n,
	};

	if (strcmp(step.key, r->key) != 0 &&
	    !is_believed(r->receiver, step.key))
		(void)receipt_order_step(r, &step);
}

static void look_at_references(struct receipt *r)
{
	struct info_intake *i = r->info;
	size_t count = i->narinfo.path.references.count;

	if (!i->keys && !make_keys(r))
		return;
	while (i->asked < count && r->pending < CHECKS_MAX &&
	       r->answer == ANSWER_NONE)
		ask_for(r, i->asked++);
	if (i->asked == count && r->pending == 0 && r->answer == ANSWER_NONE)
		go_on(r, INFO_SIGNATURE);
}

static void have_signed(struct receipt *r)
{
	if (!r->info->is_ordered) {
		r->info->is_ordered =
			receipt_order_signature(r, &r->info->narinfo.path);
	}
}

static size_t key_name_len(const char *signature)
{
	return strcspn(signature, ":");
}

static bool has_key_of(const struct strings *signatures, const char *signature)
{
	size_t len = key_name_len(signature);

	for (size_t i = 0; i < signatures->count; i++) {
		if (key_name_len(signatures->items[i]) == len &&
		    memcmp(signatures->items[i], signature, len) == 0)
			return true;
	}
	return false;
}

static int merge(struct strings *theirs, const struct strings *ours)
{
	struct strings all = { .items = NULL };
	int rc = strings_add_all(&all, ours);

	for (size_t i = 0; i < theirs->count && rc == 0; i++) {
		const char *signature = theirs->items[i];

		if (!has_key_of(ours, signature))
			rc = strings_add(&all, signature, strlen(signature));
	}
	if (rc < 0) {
		strings_clear(&all);
		return rc;
	}
	strings_clear(theirs);
	*theirs = all;
	return 0;
}

static void take_signatures(struct receipt *r, const struct order *order)
{
	struct info_intake *i = r->info;
	int rc;

	if (order->result.outcome != CACHE_OK) {
		receipt_blame(r, order);
		return;
	}
	rc = merge(&i->narinfo.path.signatures, &order->signatures);
	if (rc == 0) {
		rc = narinfo_format(&i->narinfo, r->receiver->config->store_dir,
		                    &i->text);
	}
	if (rc < 0) {
		receipt_finish_errno(r, rc);
	} else {
		go_on(r, INFO_STORED);
	}
}

static void store(struct receipt *r)
{
	struct info_intake *i = r->info;
	const struct cache_step step = {
		.type = CACHE_PUT,
		.key = r->key,
		.body = i->text.data,
		.body_len = i->text.len,
	};

	if (!i->is_ordered && receipt_has_info(r))
		i->is_ordered = receipt_order_step(r, &step);
}

static void step_once(struct receipt *r)
{
	switch (r->info->stage) {
	case INFO_BODY:
		read_body(r);
		break;
	case INFO_NAR:
		look_at_nar(r);
		break;
	case INFO_REFERENCES:
		look_at_references(r);
		break;
	case INFO_SIGNATURE:
		have_signed(r);
		break;
	case INFO_STORED:
		store(r);
		break;
	}
}

void receive_narinfo_step(struct receipt *r)
{
	enum info_stage before;

	do {
		before = r->info->stage;
		step_once(r);
	} while (r->answer == ANSWER_NONE && r->info->stage != before);
}

static void take_fetch(struct receipt *r, const struct order *order)
{
	struct info_intake *i = r->info;

	i->fetched = order->result.outcome;
	i->fetch_status = order->result.exit_status;
	(void)snprintf(i->fetch_error, sizeof(i->fetch_error), "%s",
	               order->result.error);
}

static void take_check(struct receipt *r, const struct order *order)
{
	struct info_intake *i = r->info;
	size_t n = order->step.tag;

	if (order->result.outcome == CACHE_OK) {
		ledger_note(r->receiver->narinfos, i->keys[n], "", NULL);
	} else if (order->result.outcome == CACHE_FAILED) {
		receipt_blame(r, order);
	} else {
		receipt_finish(r, ANSWER_BAD,
		               "%s: it refers to %s, which is not in the "
		               "cache: send that first",
		               r->key, i->narinfo.path.references.items[n]);
	}
}

static void take_stored(struct receipt *r, const struct order *order)
{
	if (order->result.outcome != CACHE_OK) {
		receipt_blame(r, order);
		return;
	}
	ledger_note(r->receiver->narinfos, r->key, "", NULL);
	receipt_finish(r, ANSWER_CREATED, "%s: signed and stored", r->key);
}

void receive_narinfo_take(struct receipt *r, struct order *order)
{
	if (order->type == ORDER_SIGN) {
		take_signatures(r, order);
		return;
	}
	switch (order->step.type) {
	case CACHE_FETCH:
		take_fetch(r, order);
		break;
	case CACHE_CHECK:
		take_check(r, order);
		break;
	case CACHE_PUT:
		take_stored(r, order);
		break;
	case CACHE_GET:
	case CACHE_LIST:
	case CACHE_DELETE:
	case CACHE_BEGIN:
	case CACHE_FIND_UPLOAD:
	case CACHE_PART:
	case CACHE_COMPLETE:
	case CACHE_ABORT:
		break;
	}
}
