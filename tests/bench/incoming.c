#include "tests/bench/incoming.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define CHUNK ((size_t)1024 * 1024)

static size_t take_early(struct incoming *in, uint8_t *out)
{
	size_t len = in->early.len < in->len ? in->early.len : (size_t)in->len;

	if (out)
		memcpy(out, in->early.data, len);
	in->early.data += len;
	in->early.len -= len;
	return len;
}

/* TCP drops what MSG_TRUNC receives (tcp(7)). */
static ssize_t receive(const struct incoming *in, uint8_t *out)
{
	size_t want = in->len < CHUNK ? (size_t)in->len : CHUNK;
	ssize_t n = recv(in->socket, out, want, out ? 0 : MSG_TRUNC);

	if (n <= 0)
		return n == 0 ? -EPIPE : -errno;
	return n;
}

int incoming_take(struct incoming *in, bool is_kept, struct body *ret_body)
{
	cleanup_free uint8_t *bytes = is_kept ? malloc(in->len + 1) : NULL;
	uint64_t size = in->len, at = 0;

	if (is_kept && !bytes)
		return -ENOMEM;
	while (in->len > 0) {
		uint8_t *out = bytes ? bytes + at : NULL;
		ssize_t n = in->early.len > 0 ? (ssize_t)take_early(in, out)
		                              : receive(in, out);

		if (n < 0)
			return (int)n;
		at += (uint64_t)n;
		in->len -= (uint64_t)n;
		(void)atomic_fetch_add(in->counter, (unsigned long long)n);
	}
	if (bytes)
		bytes[size] = '\0';
	ret_body->bytes = take_ptr(bytes);
	ret_body->size = size;
	return 0;
}
