/* cursor.h - bounds-checked reading and writing of binary fields
 *
 * A cursor borrows its bytes; it never allocates and never copies.  The first
 * failure sticks: every later get returns zero or empty, and cursor_end()
 * reports it.  A decoder reads all its fields in a straight line and checks
 * once.  Big endian is ours (agent/wire.h); little endian is Nix's.
 */
#pragma once

#include "protocol/base/bytes.h"

struct cursor {
	const uint8_t *next;
	size_t left;
	bool failed;
};

void cursor_init(struct cursor *c, struct bytes bytes);

uint8_t cursor_get_u8(struct cursor *c);
uint16_t cursor_get_u16(struct cursor *c);
uint32_t cursor_get_u32(struct cursor *c);
uint64_t cursor_get_u64(struct cursor *c);
uint64_t cursor_get_u64_le(struct cursor *c);

/* The next len bytes, borrowed; empty on failure. */
struct bytes cursor_get_raw(struct cursor *c, size_t len);

/* u16 length and that many bytes; longer than max is a failure. */
struct bytes cursor_get_bytes(struct cursor *c, size_t max);

/* 0, or -EBADMSG if a get failed or bytes are left over. */
must_check int cursor_end(const struct cursor *c);

void buffer_put_u8(struct buffer *b, uint8_t value);
void buffer_put_u16(struct buffer *b, uint16_t value);
void buffer_put_u32(struct buffer *b, uint32_t value);
void buffer_put_u64(struct buffer *b, uint64_t value);
void buffer_put_u64_le(struct buffer *b, uint64_t value);

/* u16 length and the bytes; longer than 65535 sets -EMSGSIZE. */
void buffer_put_bytes(struct buffer *b, struct bytes bytes);
