#include "client/store/daemon_state.h"
#include "protocol/nix/worker.h"

#include <errno.h>
#include <string.h>

/* Questions on their way at once.  A daemon answers them in order; two
 * hundred are a round trip's worth and fit any socket buffer. */
#define IN_FLIGHT_MAX 200

enum question {
	QUESTION_INFO,
	QUESTION_TEMP_ROOT,
	QUESTION_ENSURE,
	QUESTION_VALID,
	QUESTION_SUBSTITUTABLE,
	QUESTION_SIGNATURES,
};

/* What a question is answered with; those that are not here, with "done". */
struct answer {
	struct path_info info; /* empty if the path is not valid */
	struct strings valid;
};

static int get_answer(struct daemon *d, enum question question, size_t *used,
                      struct answer *answer)
{
	struct bytes in = channel_received(d->channel);

	switch (question) {
	case QUESTION_INFO:
		return worker_get_path_info(in, d->store_dir, used,
		                            &answer->info);
	case QUESTION_VALID:
	case QUESTION_SUBSTITUTABLE:
		return worker_get_valid(in, d->store_dir, used, &answer->valid);
	case QUESTION_TEMP_ROOT:
	case QUESTION_ENSURE:
	case QUESTION_SIGNATURES:
		return worker_get_done(in, used);
	}
	return -EINVAL;
}

/* 0, WORKER_NOT_VALID or -errno. */
static int await_answer(struct daemon *d, enum question question,
                        struct answer *answer, struct daemon_error *error)
{
	size_t used;
	int rc;

	rc = daemon_await_result(d, error);
	if (rc < 0)
		return rc;

	rc = get_answer(d, question, &used, answer);
	while (rc == WORKER_MORE) {
		rc = channel_step(d->channel);
		if (rc == 0)
			rc = get_answer(d, question, &used, answer);
	}
	if (rc < 0)
		return daemon_stream_failed(d, rc, error);

	channel_take(d->channel, used);
	return rc;
}

static void ask(struct daemon *d, enum question question, const char *base)
{
	struct buffer *out = channel_queue(d->channel);

	switch (question) {
	case QUESTION_INFO:
		worker_put_query_info(out, d->store_dir, base);
		break;
	case QUESTION_TEMP_ROOT:
		worker_put_add_temp_root(out, d->store_dir, base);
		break;
	case QUESTION_ENSURE:
		worker_put_ensure(out, d->store_dir, base);
		break;
	case QUESTION_SUBSTITUTABLE:
	case QUESTION_VALID: /* about many paths, and with more than a path */
	case QUESTION_SIGNATURES:
		break;
	}
}

static int check_bases(const struct daemon *d, const struct strings *bases,
                       struct daemon_error *error)
{
	int rc = daemon_check_usable(d, error);

	for (size_t i = 0; rc == 0 && i < bases->count; i++)
		rc = daemon_check_base(bases->items[i], error);
	return rc;
}

/* infos is NULL for questions that have no answer but "done". */
static int ask_all(struct daemon *d, enum question question,
                   const struct strings *bases, struct path_info *infos,
                   struct daemon_error *error)
{
	size_t asked = 0;
	int rc;

	rc = check_bases(d, bases, error);
	for (size_t i = 0; rc >= 0 && i < bases->count; i++) {
		const char *base = bases->items[i];
		struct answer answer = { .info = { .nar_size = 0 } };

		while (asked < bases->count && asked - i < IN_FLIGHT_MAX)
			ask(d, question, bases->items[asked++]);
		rc = await_answer(d, question, &answer, error);
		if (rc != 0 || !infos)
			continue;
		infos[i] = answer.info;
		memcpy(infos[i].base, base, strlen(base) + 1);
	}
	return rc < 0 ? rc : 0;
}

int daemon_query_infos(struct daemon *daemon, const struct strings *bases,
                       struct path_info *ret_infos, struct daemon_error *error)
{
	int rc;

	for (size_t i = 0; i < bases->count; i++)
		ret_infos[i] = (struct path_info){ .nar_size = 0 };

	rc = ask_all(daemon, QUESTION_INFO, bases, ret_infos, error);
	for (size_t i = 0; rc < 0 && i < bases->count; i++)
		path_info_clear(&ret_infos[i]);
	return rc;
}

int daemon_add_temp_roots(struct daemon *daemon, const struct strings *bases,
                          struct daemon_error *error)
{
	return ask_all(daemon, QUESTION_TEMP_ROOT, bases, NULL, error);
}

/* The daemon may download meanwhile. */
int daemon_ensure(struct daemon *daemon, const char *base,
                  struct daemon_error *error)
{
	struct answer answer;
	int rc;

	rc = daemon_check_usable(daemon, error);
	if (rc == 0)
		rc = daemon_check_base(base, error);
	if (rc < 0)
		return rc;

	ask(daemon, QUESTION_ENSURE, base);
	daemon->channel->timeout_ms = DAEMON_BUSY_MS;
	rc = await_answer(daemon, QUESTION_ENSURE, &answer, error);
	daemon->channel->timeout_ms = CHANNEL_TIMEOUT_MS;
	return rc;
}

static int query_some(struct daemon *d, enum question question,
                      const struct strings *bases, bool *ret_found,
                      struct daemon_error *error)
{
	struct answer answer = { .valid = { .items = NULL } };
	struct buffer *out = channel_queue(d->channel);
	int rc;

	if (question == QUESTION_SUBSTITUTABLE) {
		worker_put_query_substitutable(out, d->store_dir, bases);
	} else {
		worker_put_query_valid(out, d->version, d->store_dir, bases);
	}
	rc = await_answer(d, question, &answer, error);
	if (rc < 0)
		return rc;

	for (size_t i = 0; i < bases->count; i++)
		ret_found[i] = strings_contain(&answer.valid, bases->items[i]);
	strings_clear(&answer.valid);
	return 0;
}

static int query_many(struct daemon *d, enum question question,
                      const struct strings *bases, bool *ret_found,
                      struct daemon_error *error)
{
	int rc = check_bases(d, bases, error);

	for (size_t i = 0; rc == 0 && i < bases->count; i += WORKER_VALID_MAX) {
		size_t left = bases->count - i;
		struct strings some = {
			.items = bases->items + i,
			.count = left < WORKER_VALID_MAX ? left
			                                 : WORKER_VALID_MAX,
		};

		rc = query_some(d, question, &some, ret_found + i, error);
	}
	return rc;
}

int daemon_query_valid(struct daemon *daemon, const struct strings *bases,
                       bool *ret_valid, struct daemon_error *error)
{
	return query_many(daemon, QUESTION_VALID, bases, ret_valid, error);
}

/* The daemon asks the network meanwhile. */
int daemon_query_substitutable(struct daemon *daemon,
                               const struct strings *bases, bool *ret_found,
                               struct daemon_error *error)
{
	int rc;

	daemon->channel->timeout_ms = DAEMON_BUSY_MS;
	rc = query_many(daemon, QUESTION_SUBSTITUTABLE, bases, ret_found,
	                error);
	daemon->channel->timeout_ms = CHANNEL_TIMEOUT_MS;
	return rc;
}

/* A path that is not valid would kill the daemon (every Nix up to 2.36 takes
 * apart a missing record in LocalStore::addSignatures), so it is rooted and
 * looked for first: from then on the garbage collector leaves it alone. */
static int check_stays_valid(struct daemon *d, const char *base,
                             struct daemon_error *error)
{
	struct path_info info = { .nar_size = 0 };
	char copy[STORE_PATH_BASE_SIZE];
	char *item = copy;
	const struct strings one = { .items = &item, .count = 1 };
	int rc;

	rc = daemon_check_base(base, error);
	if (rc < 0)
		return rc;

	memcpy(copy, base, strlen(base) + 1);
	rc = daemon_add_temp_roots(d, &one, error);
	if (rc == 0)
		rc = daemon_query_infos(d, &one, &info, error);
	if (rc == 0 && info.base[0] == '\0') {
		rc = daemon_fail(error, -ENOENT,
		                 "%s/%s: not a valid path in the store",
		                 d->store_dir, base);
	}
	path_info_clear(&info);
	return rc;
}

int daemon_add_signatures(struct daemon *daemon, const char *base,
                          const struct strings *signatures,
                          struct daemon_error *error)
{
	struct answer answer;
	int rc;

	rc = check_stays_valid(daemon, base, error);
	if (rc < 0)
		return rc;

	worker_put_add_signatures(channel_queue(daemon->channel),
	                          daemon->store_dir, base, signatures);
	rc = await_answer(daemon, QUESTION_SIGNATURES, &answer, error);
	if (rc == -EPERM) {
		return daemon_fail(
			error, rc,
			"%s: it lets only trusted users add signatures; be "
			"one (trusted-users in nix.conf), or have Nix 2.17 or "
			"newer",
			daemon->name);
	}
	return rc;
}
