/* unzstd.h - zstd frames, one after another */
#pragma once

#include "client/pack/inflow.h"

struct unzstd;

/* NULL: out of memory.  in is borrowed. */
struct unzstd *unzstd_new(struct inflow *in);
void unzstd_free(struct unzstd *unzstd);

/* 0 with *ret_len 0 at the end; else what inflow_fail() got. */
must_check int unzstd_read(struct unzstd *unzstd, void *out, size_t size,
                           size_t *ret_len);
