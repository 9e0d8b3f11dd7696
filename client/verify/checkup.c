#include "client/verify/checkup.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define AHEAD_MAX   ((size_t)1024 * 1024) /* compressed bytes that wait */
#define BUFFER_SIZE ((size_t)256 * 1024)

struct checkup {
	struct roster_path *path;
	char key[OBJECT_KEY_MAX + 1];
	struct conduit *conduit;
	int event_fd;
	pthread_t thread;
	bool has_thread;
	bool is_fetched;
	enum cache_outcome outcome;
	_Atomic bool is_through; /* what follows is the thread's until then */
	int rc;
	struct unpack_sums sums;
	char why[UNPACK_WHY_MAX];
};

static int unpack_all(struct checkup *c, struct unpack *unpack)
{
	cleanup_free uint8_t *buffer = malloc(BUFFER_SIZE);
	size_t len = 1;
	int rc = buffer ? 0 : -ENOMEM;

	while (rc == 0 && len > 0)
		rc = unpack_read(unpack, buffer, BUFFER_SIZE, &len);
	if (rc == 0)
		unpack_sums(unpack, &c->sums);
	(void)snprintf(c->why, sizeof(c->why), "%s",
	               rc == -ENOMEM ? "out of memory" : unpack_why(unpack));
	return rc;
}

static void *run(void *argument)
{
	cleanup_unpack struct unpack *unpack = NULL;
	struct checkup *c = argument;
	const struct narinfo *info = c->path->info;
	const uint64_t one = 1;
	ssize_t written;

	c->rc = unpack_open(info->compression, c->conduit, info->path.nar_size,
	                    &unpack);
	if (c->rc == 0) {
		c->rc = unpack_all(c, unpack);
	} else {
		(void)snprintf(c->why, sizeof(c->why), "%s: %s",
		               info->compression, strerrordesc_np(-c->rc));
	}
	if (c->rc < 0)
		conduit_abandon(c->conduit);
	atomic_store(&c->is_through, true);
	written = write(c->event_fd, &one, sizeof(one));
	(void)written; /* a full counter wakes as well */
	return NULL;
}

/* Signals are for the conductor's thread. */
static int start(struct checkup *c)
{
	sigset_t all, before;
	int rc;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = -pthread_create(&c->thread, NULL, run, c);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	c->has_thread = rc == 0;
	return rc;
}

static int submit(struct cache *cache, const struct checkup *c)
{
	const struct cache_step step = {
		.type = CACHE_FETCH,
		.tag = c->path->index,
		.key = c->key,
		.sink = c->conduit,
	};

	return cache_submit(cache, &step);
}

int checkup_begin(struct cache *cache, struct roster_path *path,
                  const char *key, int event_fd, struct checkup **ret_checkup)
{
	struct checkup *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	c->path = path;
	c->event_fd = event_fd;
	(void)snprintf(c->key, sizeof(c->key), "%s", key);
	rc = conduit_new(AHEAD_MAX, &c->conduit);
	if (rc == 0)
		rc = start(c);
	if (rc == 0)
		rc = submit(cache, c);
	if (rc < 0) {
		checkup_free(c);
		return rc;
	}
	*ret_checkup = c;
	return 0;
}

void checkup_free(struct checkup *checkup)
{
	if (!checkup)
		return;
	if (checkup->has_thread) {
		conduit_abandon(checkup->conduit);
		(void)pthread_join(checkup->thread, NULL);
	}
	if (checkup->conduit)
		conduit_release(checkup->conduit);
	free(checkup);
}

void checkup_note_result(struct checkup *checkup, enum cache_outcome outcome)
{
	checkup->is_fetched = true;
	checkup->outcome = outcome;
}

bool checkup_is_over(const struct checkup *checkup)
{
	return checkup->is_fetched && atomic_load(&checkup->is_through);
}

struct roster_path *checkup_path(const struct checkup *checkup)
{
	return checkup->path;
}

const char *checkup_key(const struct checkup *checkup)
{
	return checkup->key;
}

uint64_t checkup_bytes(const struct checkup *checkup)
{
	return conduit_total(checkup->conduit);
}

static int wrong_size(char *why, uint64_t is, uint64_t says, const char *field)
{
	(void)snprintf(why, CHECKUP_WHY_MAX,
	               "it has %" PRIu64 " bytes, and the narinfo says %" PRIu64
	               " (%s)",
	               is, says, field);
	return -EBADMSG;
}

static int wrong_hash(char *why, const struct nix_hash *is,
                      const struct nix_hash *says, const char *field)
{
	char is_text[NIX_HASH_TEXT_SIZE], says_text[NIX_HASH_TEXT_SIZE];

	nix_hash_format(is, is_text);
	nix_hash_format(says, says_text);
	(void)snprintf(why, CHECKUP_WHY_MAX,
	               "its hash is %s, and the narinfo says %s (%s)", is_text,
	               says_text, field);
	return -EBADMSG;
}

static int compare(const struct unpack_sums *sums, const struct narinfo *info,
                   char *why)
{
	if (sums->nar_size != info->path.nar_size) {
		return wrong_size(why, sums->nar_size, info->path.nar_size,
		                  "NarSize");
	}
	if (!nix_hash_equal(&sums->nar_hash, &info->path.nar_hash)) {
		return wrong_hash(why, &sums->nar_hash, &info->path.nar_hash,
		                  "NarHash");
	}
	if (info->file_size > 0 && sums->file_size != info->file_size) {
		return wrong_size(why, sums->file_size, info->file_size,
		                  "FileSize");
	}
	if (info->has_file_hash &&
	    !nix_hash_equal(&sums->file_hash, &info->file_hash)) {
		return wrong_hash(why, &sums->file_hash, &info->file_hash,
		                  "FileHash");
	}
	return 0;
}

int checkup_judge(const struct checkup *checkup, char why[CHECKUP_WHY_MAX])
{
	const struct checkup *c = checkup;

	if (c->outcome == CACHE_MISSING) {
		(void)snprintf(why, CHECKUP_WHY_MAX, "there is none");
		return -ENOENT;
	}
	if (c->rc == 0)
		return compare(&c->sums, c->path->info, why);
	(void)snprintf(why, CHECKUP_WHY_MAX, "%s", c->why);
	return c->rc == -EFBIG ? -EBADMSG : c->rc;
}
