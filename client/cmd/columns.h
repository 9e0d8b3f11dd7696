/* columns.h - sizes and times in lists, for a person or for a program
 *
 * On a terminal sizes are rounded and columns stand below each other;
 * otherwise sizes are exact and a tab ends each column.
 */
#pragma once

#include "protocol/base/bytes.h"

/* 0: not known, "-". */
void columns_put_size(struct buffer *line, uint64_t bytes);
/* UTC, as in 2026-11-23T10:20:30Z; 0: not known, "-". */
void columns_put_time(struct buffer *line, int64_t seconds);
