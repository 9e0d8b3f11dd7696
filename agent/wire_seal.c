#include "agent/wire_seal.h"

#include "agent/wire.h"
#include "protocol/base/cursor.h"

#include <string.h>

/* Fields of a fixed length, one after the other. */
static void get_raw(struct cursor *c, uint8_t *out, size_t len)
{
	struct bytes raw = cursor_get_raw(c, len);

	if (raw.len == len)
		memcpy(out, raw.data, len);
}

void wire_put_seal(struct buffer *out, uint64_t tag,
                   const struct vault_seal *seal)
{
	size_t mark = wire_begin(out, VAULT_SEAL, tag);

	buffer_put_u64(out, seal->sequence);
	buffer_append(out, seal->head, sizeof(seal->head));
	wire_finish(out, mark);
}

int wire_get_seal(struct bytes body, struct vault_seal *ret_seal)
{
	struct vault_seal seal = { .sequence = 0 };
	struct cursor c;
	int rc;

	cursor_init(&c, body);
	seal.sequence = cursor_get_u64(&c);
	get_raw(&c, seal.head, sizeof(seal.head));
	rc = cursor_end(&c);
	if (rc == 0)
		*ret_seal = seal;
	return rc;
}

void wire_put_sealed(struct buffer *out, uint64_t tag,
                     const struct vault_sealed *sealed)
{
	size_t mark = wire_begin(out, VAULT_SEALED, tag);

	buffer_append(out, sealed->key, sizeof(sealed->key));
	buffer_append(out, sealed->next, sizeof(sealed->next));
	buffer_append(out, sealed->signature, sizeof(sealed->signature));
	wire_finish(out, mark);
}

int wire_get_sealed(struct bytes body, struct vault_sealed *ret_sealed)
{
	struct vault_sealed sealed = { .key = { 0 } };
	struct cursor c;
	int rc;

	cursor_init(&c, body);
	get_raw(&c, sealed.key, sizeof(sealed.key));
	get_raw(&c, sealed.next, sizeof(sealed.next));
	get_raw(&c, sealed.signature, sizeof(sealed.signature));
	rc = cursor_end(&c);
	if (rc == 0)
		*ret_sealed = sealed;
	return rc;
}
