/* inflow.h - a compressed stream, as its decoder takes it: bytes, or a failure
 *
 * Decoders share it: they take the bytes from next to next + left, ask for more
 * when none are left, and say once what is wrong.
 */
#pragma once

#include "client/pack/decompress.h"
#include "protocol/base/digest.h"

#define INFLOW_CHUNK ((size_t)128 * 1024)

struct inflow {
	struct conduit *conduit; /* a share */
	uint8_t *chunk;          /* owned */
	const uint8_t *next;
	size_t left;
	bool has_ended;        /* nothing comes after what is left */
	uint64_t total;        /* bytes taken from the conduit */
	struct digest *digest; /* borrowed, or NULL: of those bytes */
	int rc;                /* the first failure; sticks */
	char why[DECOMPRESS_WHY_MAX];
};

/* 0 or -ENOMEM; inflow_clear() in both cases. */
must_check int inflow_init(struct inflow *in, struct conduit *conduit);
void inflow_clear(struct inflow *in);

/* After 0 there are bytes, or none are left and has_ended is true. */
must_check int inflow_fill(struct inflow *in);

/* Returns rc, which with its sentence sticks unless something did before. */
printf_like(3, 4) int inflow_fail(struct inflow *in, int rc, const char *format,
                                  ...);
