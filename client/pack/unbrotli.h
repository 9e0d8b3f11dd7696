/* unbrotli.h - one brotli stream */
#pragma once

#include "client/pack/inflow.h"

struct unbrotli;

/* NULL: out of memory.  in is borrowed. */
struct unbrotli *unbrotli_new(struct inflow *in);
void unbrotli_free(struct unbrotli *unbrotli);

/* 0 with *ret_len 0 at the end; else what inflow_fail() got. */
must_check int unbrotli_read(struct unbrotli *unbrotli, void *out, size_t size,
                             size_t *ret_len);
