#include "client/pack/unbrotli.h"

#include <brotli/decode.h>

#include <errno.h>
#include <stdlib.h>

struct unbrotli {
	struct inflow *in; /* borrowed */
	BrotliDecoderState *state;
};

struct unbrotli *unbrotli_new(struct inflow *in)
{
	struct unbrotli *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->in = in;
	u->state = BrotliDecoderCreateInstance(NULL, NULL, NULL);
	if (!u->state) {
		free(u);
		return NULL;
	}
	return u;
}

void unbrotli_free(struct unbrotli *unbrotli)
{
	if (!unbrotli)
		return;
	BrotliDecoderDestroyInstance(unbrotli->state);
	free(unbrotli);
}

/* Nothing may come after the one stream: brotli has no frames. */
static int check_end(struct inflow *in)
{
	int rc = inflow_fill(in);

	if (rc == 0 && in->left > 0) {
		rc = inflow_fail(in, -EBADMSG,
		                 "br: bytes follow after the stream's end");
	}
	return rc;
}

static int step(struct unbrotli *u, uint8_t *out, size_t size, size_t *ret_len)
{
	struct inflow *in = u->in;
	size_t room = size;

	switch (BrotliDecoderDecompressStream(u->state, &in->left, &in->next,
	                                      &room, &out, NULL)) {
	case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
		if (in->has_ended && room == size) {
			return inflow_fail(in, -EBADMSG,
			                   "br: the stream is cut short");
		}
		break;
	case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
	case BROTLI_DECODER_RESULT_SUCCESS:
		break;
	case BROTLI_DECODER_RESULT_ERROR:
		return inflow_fail(
			in, -EBADMSG, "br: %s",
			BrotliDecoderErrorString(
				BrotliDecoderGetErrorCode(u->state)));
	}
	*ret_len = size - room;
	return 0;
}

int unbrotli_read(struct unbrotli *unbrotli, void *out, size_t size,
                  size_t *ret_len)
{
	size_t len = 0;

	while (len == 0 && !BrotliDecoderIsFinished(unbrotli->state)) {
		int rc = inflow_fill(unbrotli->in);

		if (rc == 0)
			rc = step(unbrotli, out, size, &len);
		if (rc < 0)
			return rc;
	}
	if (len == 0) {
		int rc = check_end(unbrotli->in);

		if (rc < 0)
			return rc;
	}
	*ret_len = len;
	return 0;
}
