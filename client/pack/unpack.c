#include "client/pack/unpack.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/digest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unpack {
	struct decompress *decompress;
	struct digest *nar_digest;
	struct digest *file_digest;
	uint64_t size_max;
	bool has_ended;
	int rc; /* the first failure; sticks */
	struct unpack_sums sums;
	char why[UNPACK_WHY_MAX];
};

int unpack_open(const char *compression, struct conduit *in, uint64_t size_max,
                struct unpack **ret_unpack)
{
	cleanup_unpack struct unpack *u = calloc(1, sizeof(*u));
	int rc;

	if (!u)
		return -ENOMEM;
	u->size_max = size_max;
	u->nar_digest = digest_new_sha256();
	u->file_digest = digest_new_sha256();
	if (!u->nar_digest || !u->file_digest)
		return -ENOMEM;
	rc = decompress_open(compression, in, &u->decompress);
	if (rc < 0)
		return rc;
	decompress_sum(u->decompress, u->file_digest);
	*ret_unpack = take_ptr(u);
	return 0;
}

void unpack_close(struct unpack *unpack)
{
	if (!unpack)
		return;
	decompress_close(unpack->decompress);
	digest_free(unpack->nar_digest);
	digest_free(unpack->file_digest);
	free(unpack);
}

static int fail(struct unpack *u, int rc, const char *why)
{
	(void)snprintf(u->why, sizeof(u->why), "%s", why);
	u->rc = rc;
	return rc;
}

static int take(struct unpack *u, const void *out, size_t len)
{
	int rc;

	if (len > u->size_max - u->sums.nar_size) {
		char why[UNPACK_WHY_MAX];

		(void)snprintf(why, sizeof(why),
		               "the NAR is larger than the %" PRIu64
		               " bytes it should have",
		               u->size_max);
		return fail(u, -EFBIG, why);
	}
	rc = digest_update(u->nar_digest, out, len);
	if (rc < 0)
		return fail(u, rc, strerror(-rc));
	u->sums.nar_size += len;
	return 0;
}

static int finish(struct unpack *u)
{
	int rc = digest_final(u->nar_digest, u->sums.nar_hash.sha256);

	if (rc == 0)
		rc = digest_final(u->file_digest, u->sums.file_hash.sha256);
	if (rc < 0)
		return fail(u, rc, strerror(-rc));
	u->sums.file_size = decompress_taken(u->decompress);
	u->has_ended = true;
	return 0;
}

int unpack_read(struct unpack *unpack, void *out, size_t size, size_t *ret_len)
{
	size_t len = 0;
	int rc = unpack->rc;

	if (rc < 0)
		return rc;
	if (!unpack->has_ended) {
		rc = decompress_read(unpack->decompress, out, size, &len);
		if (rc < 0) {
			return fail(unpack, rc,
			            decompress_why(unpack->decompress));
		}
		rc = len > 0 ? take(unpack, out, len) : finish(unpack);
	}
	if (rc < 0)
		return rc;
	*ret_len = len;
	return 0;
}

const char *unpack_why(const struct unpack *unpack)
{
	return unpack->why;
}

void unpack_sums(const struct unpack *unpack, struct unpack_sums *ret_sums)
{
	*ret_sums = unpack->sums;
}
