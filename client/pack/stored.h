/* stored.h - bytes that do not shrink, as a zstd frame of raw blocks
 *
 * RFC 8878: every decoder of zstd reads it, and nothing is lost but a thousandth
 * of the size.
 */
#pragma once

#include "protocol/base/attributes.h"

#include <stddef.h>
#include <stdint.h>

/* What a frame of len bytes takes; len below 4 GiB. */
size_t stored_size(size_t len);

/* The len bytes at the beginning become the frame of stored_size(len) bytes,
 * for which there is room. */
void stored_make(uint8_t *bytes, size_t len);
