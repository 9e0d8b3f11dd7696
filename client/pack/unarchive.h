/* unarchive.h - the formats that libarchive decodes, each forced by its name */
#pragma once

#include "client/pack/inflow.h"

struct unarchive;

/* "xz", "gzip", "bzip2", "lz4", "lzip", "lzma" or "compress". */
bool unarchive_knows(const char *compression);

/* in is borrowed.  NULL: out of memory. */
struct unarchive *unarchive_new(const char *compression, struct inflow *in);
void unarchive_free(struct unarchive *unarchive);

/* 0 with *ret_len 0 at the end; else what inflow_fail() got. */
must_check int unarchive_read(struct unarchive *unarchive, void *out,
                              size_t size, size_t *ret_len);
