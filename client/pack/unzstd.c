#include "client/pack/unzstd.h"

#include <zstd.h>

#include <errno.h>
#include <stdlib.h>

/* What Nix takes, and the most that zstd decoders take unasked: 128 MiB. */
#define WINDOW_LOG_MAX 27

struct unzstd {
	struct inflow *in; /* borrowed */
	ZSTD_DStream *stream;
	bool is_inside; /* a frame that is not at its end, or before the first */
};

struct unzstd *unzstd_new(struct inflow *in)
{
	struct unzstd *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->in = in;
	u->is_inside = true;
	u->stream = ZSTD_createDStream();
	if (!u->stream ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(u->stream, ZSTD_d_windowLogMax,
	                                        WINDOW_LOG_MAX))) {
		unzstd_free(u);
		return NULL;
	}
	return u;
}

void unzstd_free(struct unzstd *unzstd)
{
	if (!unzstd)
		return;
	(void)ZSTD_freeDStream(unzstd->stream);
	free(unzstd);
}

/* A call may take bytes and give none: a frame's header, a skippable frame. */
static int step(struct unzstd *u, ZSTD_outBuffer *output)
{
	struct inflow *in = u->in;
	ZSTD_inBuffer input = { .src = in->next, .size = in->left };
	size_t hint = ZSTD_decompressStream(u->stream, output, &input);

	if (ZSTD_isError(hint)) {
		return inflow_fail(in, -EBADMSG, "zstd: %s",
		                   ZSTD_getErrorName(hint));
	}
	in->next += input.pos;
	in->left -= input.pos;
	/* 0 means that a frame has ended and all of it was given out. */
	u->is_inside = hint != 0;
	return 0;
}

int unzstd_read(struct unzstd *unzstd, void *out, size_t size, size_t *ret_len)
{
	ZSTD_outBuffer output = { .dst = out, .size = size };
	struct inflow *in = unzstd->in;

	while (output.pos == 0) {
		int rc = inflow_fill(in);
		size_t before;

		if (rc < 0)
			return rc;
		if (in->left == 0 && !unzstd->is_inside)
			break;
		before = in->left;
		rc = step(unzstd, &output);
		if (rc < 0)
			return rc;
		/* Without input only what the decoder holds can come out. */
		if (before == 0 && output.pos == 0 && unzstd->is_inside) {
			return inflow_fail(in, -EBADMSG,
			                   "zstd: the stream is cut short");
		}
	}
	*ret_len = output.pos;
	return 0;
}
