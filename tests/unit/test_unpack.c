#include "tests/lib/test.h"
#include "tests/unit/compressed_samples.h"

#include "client/pack/unpack.h"
#include "protocol/base/cleanup.h"

#include <zstd.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN_LEN 302 /* of each sample */

static struct conduit *conduit_of(struct bytes in)
{
	struct conduit *conduit = NULL;

	if (conduit_new(CONDUIT_PIECE_MAX, &conduit) < 0 ||
	    conduit_put(conduit, in) < 0)
		abort();
	conduit_end(conduit, 0, NULL);
	return conduit;
}

static int drain(struct unpack *unpack, uint64_t *ret_total)
{
	uint8_t piece[8192];
	size_t len = 1;
	int rc = 0;

	*ret_total = 0;
	while (rc == 0 && len > 0) {
		rc = unpack_read(unpack, piece, sizeof(piece), &len);
		*ret_total += rc == 0 ? len : 0;
	}
	return rc;
}

static int outcome(const char *compression, struct bytes in, uint64_t size_max,
                   struct unpack_sums *sums)
{
	cleanup_conduit struct conduit *conduit = conduit_of(in);
	cleanup_unpack struct unpack *unpack = NULL;
	uint64_t total;
	int rc = unpack_open(compression, conduit, size_max, &unpack);

	if (rc < 0)
		return rc;
	rc = drain(unpack, &total);
	CHECK((rc < 0) == (unpack_why(unpack)[0] != '\0'));
	CHECK(total <= size_max);
	if (rc == 0) {
		unpack_sums(unpack, sums);
		CHECK(sums->nar_size == total);
	} else {
		CHECK(drain(unpack, &total) == rc && total == 0);
	}
	return rc;
}

static const struct bytes zstd = { one_zstd, sizeof(one_zstd) };
static const struct bytes xz = { one_xz, sizeof(one_xz) };

static void both_sides_are_hashed(void)
{
	struct unpack_sums sums = { .nar_size = 0 }, other = sums;
	struct nix_hash file;

	CHECK(outcome("zstd", zstd, PLAIN_LEN, &sums) == 0);
	CHECK(sums.nar_size == PLAIN_LEN && sums.file_size == zstd.len);
	CHECK(digest_sha256(zstd, file.sha256) == 0);
	CHECK(nix_hash_equal(&sums.file_hash, &file));

	CHECK(outcome("xz", xz, UINT64_MAX, &other) == 0);
	CHECK(nix_hash_equal(&sums.nar_hash, &other.nar_hash));
	CHECK(!nix_hash_equal(&sums.file_hash, &other.file_hash));

	CHECK(outcome("none", xz, xz.len, &other) == 0);
	CHECK(nix_hash_equal(&other.nar_hash, &other.file_hash));
	CHECK(other.nar_size == xz.len && other.file_size == xz.len);
}

static void a_nar_that_is_too_large_is_refused(void)
{
	struct unpack_sums sums = { .nar_size = 0 };

	CHECK(outcome("zstd", zstd, PLAIN_LEN - 1, &sums) == -EFBIG);
	CHECK(outcome("xz", xz, 0, &sums) == -EFBIG);
	CHECK(outcome("none", xz, xz.len - 1, &sums) == -EFBIG);
}

static void a_broken_stream_is_refused(void)
{
	struct unpack_sums sums = { .nar_size = 0 };

	CHECK(outcome("zstd", (struct bytes){ zstd.data, zstd.len - 1 }, 1000,
	              &sums) == -EBADMSG);
	CHECK(outcome("xz", zstd, 1000, &sums) == -EBADMSG);
	CHECK(outcome("lzop", zstd, 1000, &sums) == -ENOTSUP);
}

static void a_failure_keeps_its_sentence(void)
{
	cleanup_conduit struct conduit *conduit = NULL;
	cleanup_unpack struct unpack *unpack = NULL;
	uint64_t total;

	CHECK(conduit_new(CONDUIT_PIECE_MAX, &conduit) == 0);
	conduit_end(conduit, -EIO, "the connection broke");
	CHECK(unpack_open("br", conduit, 1000, &unpack) == 0);
	CHECK(drain(unpack, &total) == -EIO);
	CHECK(strcmp(unpack_why(unpack), "the connection broke") == 0);
}

#define BOMB ((size_t)64 * 1024 * 1024)

static void a_small_object_cannot_fill_a_store(void)
{
	void *zeros = calloc(1, BOMB);
	size_t room = ZSTD_compressBound(BOMB);
	uint8_t *packed = malloc(room);
	struct unpack_sums sums = { .nar_size = 0 };
	size_t len;

	if (!zeros || !packed)
		abort();
	len = ZSTD_compress(packed, room, zeros, BOMB, 3);
	CHECK(!ZSTD_isError(len) && len < 65536);
	CHECK(outcome("zstd", (struct bytes){ packed, len }, 1000000, &sums) ==
	      -EFBIG);
	CHECK(outcome("zstd", (struct bytes){ packed, len }, BOMB - 1, &sums) ==
	      -EFBIG);
	CHECK(outcome("zstd", (struct bytes){ packed, len }, BOMB, &sums) == 0);
	CHECK(sums.nar_size == BOMB && sums.file_size == len);
	free(zeros);
	free(packed);
}

static void *abandon(void *conduit)
{
	conduit_abandon(conduit);
	return NULL;
}

/* Whichever comes first, the reader ends. */
static void who_waits_can_be_called_off(void)
{
	cleanup_conduit struct conduit *conduit = NULL;
	cleanup_unpack struct unpack *unpack = NULL;
	pthread_t thread;
	uint64_t total;

	CHECK(conduit_new(CONDUIT_PIECE_MAX, &conduit) == 0);
	CHECK(unpack_open("zstd", conduit, 1000, &unpack) == 0);
	CHECK(pthread_create(&thread, NULL, abandon, conduit) == 0);
	CHECK(drain(unpack, &total) == -ECANCELED);
	CHECK(pthread_join(thread, NULL) == 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "both sides are hashed", both_sides_are_hashed },
		{ "a NAR that is too large is refused",
		  a_nar_that_is_too_large_is_refused },
		{ "a broken stream is refused", a_broken_stream_is_refused },
		{ "a failure keeps its sentence",
		  a_failure_keeps_its_sentence },
		{ "a small object cannot fill a store",
		  a_small_object_cannot_fill_a_store },
		{ "who waits can be called off", who_waits_can_be_called_off },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
