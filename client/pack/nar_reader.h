/* nar_reader.h - a file or directory, read as the bytes of a NAR
 *
 * Pull-style: the caller asks for so many bytes until there are none.  No
 * symbolic link is followed below the path's parent.  One descriptor is open
 * for each level of directories.
 */
#pragma once

#include "protocol/base/attributes.h"

#include <stddef.h>

/* Nix since 2.35 neither reads nor writes deeper ones. */
#define NAR_DEPTH_MAX 64

struct nar_reader;

/* 0 or -ENOMEM; what is wrong with the path comes from the first read. */
must_check int nar_reader_open(const char *path,
                               struct nar_reader **ret_reader);
void nar_reader_close(struct nar_reader *reader);

/* Fills out, to the brim unless the end is near: less than size bytes come
 * only at the end, and then none.  -errno with a sentence; -EBADMSG: a file
 * changed while it was read. */
must_check int nar_reader_read(struct nar_reader *reader, void *out,
                               size_t size, size_t *ret_len);

/* After a failure: what it was, and with which file inside the path; printable.
 * Borrowed from the reader. */
const char *nar_reader_complaint(const struct nar_reader *reader);

/* For cleanup_nar_reader on a local struct nar_reader *. */
#define cleanup_nar_reader __attribute__((__cleanup__(nar_reader_close_at)))
static inline void nar_reader_close_at(struct nar_reader **slot)
{
	nar_reader_close(*slot);
}
