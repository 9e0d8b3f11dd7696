#include "agent/wire.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/cursor.h"
#include "protocol/base/fd.h"
#include "protocol/s3/object_key.h"

#include <errno.h>
#include <string.h>

/* Theory of operation: a frame is
 *   u32 length of all that follows it, u8 type, u64 tag, body.
 * A body's fields stand in the order in which the put function writes them;
 * its get function is the mirror image.  A decoder here proves only that the
 * body is well-formed; grammar and policy belong to whoever acts on it. */

#define LENGTH_LEN 4

/* Which optional fields of a presign request follow. */
enum presign_flag {
	PRESIGN_HAS_CONTENT_LENGTH = 1,
	PRESIGN_HAS_CONTENT_MD5 = 2,
	PRESIGN_IF_NONE_MATCH = 4,
};
#define PRESIGN_FLAGS_MAX 7

size_t wire_begin(struct buffer *out, enum vault_type type, uint64_t tag)
{
	size_t mark = out->len;

	buffer_put_u32(out, 0);
	buffer_put_u8(out, (uint8_t)type);
	buffer_put_u64(out, tag);
	return mark;
}

void wire_finish(struct buffer *out, size_t mark)
{
	size_t len;

	if (out->error)
		return;
	if (out->len - mark > WIRE_FRAME_MAX) {
		out->error = -EMSGSIZE;
		return;
	}
	len = out->len - mark - LENGTH_LEN;
	for (size_t i = 0; i < LENGTH_LEN; i++)
		out->data[mark + i] = (uint8_t)(len >> (8 * (3 - i)));
}

int wire_next(struct bytes bytes, struct wire_frame *ret_frame)
{
	struct cursor c;
	uint8_t type;
	uint64_t tag;
	uint32_t len;

	if (bytes.len < LENGTH_LEN)
		return 0;

	/* The length is judged before the rest has come. */
	cursor_init(&c, bytes);
	len = cursor_get_u32(&c);
	if (len < WIRE_HEADER_LEN - LENGTH_LEN ||
	    len > WIRE_FRAME_MAX - LENGTH_LEN)
		return -EBADMSG;
	if (bytes.len - LENGTH_LEN < len)
		return 0;

	type = cursor_get_u8(&c);
	tag = cursor_get_u64(&c);
	if (type < VAULT_SIGN || type > VAULT_REFUSED)
		return -EBADMSG;

	*ret_frame = (struct wire_frame){
		.type = type,
		.tag = tag,
		.body = { bytes.data + WIRE_HEADER_LEN,
		          len - (WIRE_HEADER_LEN - LENGTH_LEN) },
		.size = len + LENGTH_LEN,
	};
	return 1;
}

/* A text of at most max bytes; what is longer is cut. */
static void put_text(struct buffer *out, const char *text, size_t max)
{
	buffer_put_bytes(out, (struct bytes){ (const uint8_t *)text,
	                                      strnlen(text, max) });
}

/* Into an array of size bytes; no NUL may come in. */
static void get_text(struct cursor *c, char *out, size_t size)
{
	struct bytes text = cursor_get_bytes(c, size - 1);

	if (text.len > 0) {
		memcpy(out, text.data, text.len);
		c->failed = c->failed || memchr(text.data, '\0', text.len);
	}
	out[text.len] = '\0';
}

/* An empty text is "not given" and has no address. */
static struct bytes get_optional(struct cursor *c, size_t max)
{
	struct bytes text = cursor_get_bytes(c, max);

	return text.len > 0 ? text : (struct bytes){ NULL, 0 };
}

static uint8_t get_u8_below(struct cursor *c, unsigned end)
{
	uint8_t value = cursor_get_u8(c);

	if (value >= end)
		c->failed = true;
	return value;
}

void wire_put_sign(struct buffer *out, uint64_t tag,
                   const struct vault_sign *sign)
{
	size_t mark = wire_begin(out, VAULT_SIGN, tag);

	if (sign->reference_count > WIRE_REFERENCES_MAX) {
		out->error = out->error ? out->error : -EMSGSIZE;
		return;
	}
	buffer_put_u16(out, sign->cache);
	buffer_put_bytes(out, sign->base);
	buffer_append(out, sign->nar_hash.sha256, NIX_HASH_LEN);
	buffer_put_u64(out, sign->nar_size);
	buffer_put_u16(out, (uint16_t)sign->reference_count);
	for (size_t i = 0; i < sign->reference_count; i++)
		buffer_put_bytes(out, sign->references[i]);
	wire_finish(out, mark);
}

int wire_get_sign(struct bytes body, struct bytes *references,
                  struct vault_sign *ret_sign)
{
	struct vault_sign sign = { .references = references };
	struct bytes hash;
	struct cursor c;
	int rc;

	cursor_init(&c, body);
	sign.cache = cursor_get_u16(&c);
	sign.base = cursor_get_bytes(&c, STORE_PATH_BASE_MAX);
	hash = cursor_get_raw(&c, NIX_HASH_LEN);
	sign.nar_size = cursor_get_u64(&c);
	sign.reference_count = cursor_get_u16(&c);
	if (c.failed || sign.reference_count > WIRE_REFERENCES_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < sign.reference_count && !c.failed; i++)
		references[i] = cursor_get_bytes(&c, STORE_PATH_BASE_MAX);
	rc = cursor_end(&c);
	if (rc < 0)
		return rc;

	memcpy(sign.nar_hash.sha256, hash.data, NIX_HASH_LEN);
	*ret_sign = sign;
	return 0;
}

static uint8_t presign_flags(const struct s3_object_request *r)
{
	return (uint8_t)((r->has_content_length ? PRESIGN_HAS_CONTENT_LENGTH
	                                        : 0) |
	                 (r->has_content_md5 ? PRESIGN_HAS_CONTENT_MD5 : 0) |
	                 (r->if_none_match ? PRESIGN_IF_NONE_MATCH : 0));
}

void wire_put_presign(struct buffer *out, uint64_t tag, uint16_t cache,
                      const struct s3_object_request *request)
{
	size_t mark = wire_begin(out, VAULT_PRESIGN, tag);

	buffer_put_u16(out, cache);
	buffer_put_u8(out, (uint8_t)request->operation);
	buffer_put_u8(out, presign_flags(request));
	buffer_put_bytes(out, request->key);
	buffer_put_u32(out, request->expires);
	if (request->has_content_length)
		buffer_put_u64(out, request->content_length);
	if (request->has_content_md5)
		buffer_append(out, request->content_md5, S3_MD5_LEN);
	buffer_put_bytes(out, request->upload_id);
	buffer_put_u32(out, request->part_number);
	buffer_put_bytes(out, request->prefix);
	buffer_put_bytes(out, request->start_after);
	buffer_put_bytes(out, request->continuation_token);
	buffer_put_bytes(out, request->key_marker);
	buffer_put_bytes(out, request->upload_id_marker);
	buffer_put_u32(out, request->max_keys);
	buffer_put_u32(out, request->part_number_marker);
	wire_finish(out, mark);
}

int wire_get_presign(struct bytes body, uint16_t *ret_cache,
                     struct s3_object_request *ret_request)
{
	struct s3_object_request r = { .operation = 0 };
	struct cursor c;
	uint16_t cache;
	uint8_t flags;
	int rc;

	cursor_init(&c, body);
	cache = cursor_get_u16(&c);
	r.operation = get_u8_below(&c, S3_OPERATION_COUNT);
	flags = get_u8_below(&c, PRESIGN_FLAGS_MAX + 1);
	r.has_content_length = flags & PRESIGN_HAS_CONTENT_LENGTH;
	r.has_content_md5 = flags & PRESIGN_HAS_CONTENT_MD5;
	r.if_none_match = flags & PRESIGN_IF_NONE_MATCH;
	r.key = get_optional(&c, OBJECT_KEY_MAX);
	r.expires = cursor_get_u32(&c);
	if (r.has_content_length)
		r.content_length = cursor_get_u64(&c);
	if (r.has_content_md5) {
		struct bytes md5 = cursor_get_raw(&c, S3_MD5_LEN);

		if (md5.len == S3_MD5_LEN)
			memcpy(r.content_md5, md5.data, S3_MD5_LEN);
	}
	r.upload_id = get_optional(&c, S3_UPLOAD_ID_MAX);
	r.part_number = cursor_get_u32(&c);
	r.prefix = get_optional(&c, OBJECT_KEY_MAX);
	r.start_after = get_optional(&c, OBJECT_KEY_MAX);
	r.continuation_token = get_optional(&c, S3_TOKEN_MAX);
	r.key_marker = get_optional(&c, OBJECT_KEY_MAX);
	r.upload_id_marker = get_optional(&c, S3_UPLOAD_ID_MAX);
	r.max_keys = cursor_get_u32(&c);
	r.part_number_marker = cursor_get_u32(&c);
	rc = cursor_end(&c);
	if (rc < 0)
		return rc;

	*ret_cache = cache;
	*ret_request = r;
	return 0;
}

void wire_put_commit(struct buffer *out, uint64_t tag)
{
	wire_finish(out, wire_begin(out, VAULT_COMMIT, tag));
}

static void put_measure(struct buffer *out, const struct agent_measure *m)
{
	put_text(out, m->name, sizeof(m->name) - 1);
	put_text(out, m->process, sizeof(m->process) - 1);
	buffer_put_u8(out, (uint8_t)m->state);
	put_text(out, m->detail, sizeof(m->detail) - 1);
}

static void get_measure(struct cursor *c, struct agent_measure *m)
{
	get_text(c, m->name, sizeof(m->name));
	get_text(c, m->process, sizeof(m->process));
	m->state = get_u8_below(c, MEASURE_ABSENT + 1);
	get_text(c, m->detail, sizeof(m->detail));
}

void wire_put_hello(struct buffer *out, const struct agent_measure *measures,
                    size_t count, const uint8_t seal_key[KEY_PUBLIC_LEN])
{
	size_t mark = wire_begin(out, VAULT_HELLO, 0);

	if (count > UINT8_MAX) {
		out->error = out->error ? out->error : -EMSGSIZE;
		return;
	}
	buffer_put_u8(out, (uint8_t)count);
	for (size_t i = 0; i < count; i++)
		put_measure(out, &measures[i]);
	buffer_append(out, seal_key, KEY_PUBLIC_LEN);
	wire_finish(out, mark);
}

int wire_get_hello(struct bytes body, struct agent_measure *measures,
                   size_t max, size_t *ret_count,
                   uint8_t ret_seal_key[KEY_PUBLIC_LEN])
{
	struct bytes key;
	struct cursor c;
	size_t count;
	int rc;

	cursor_init(&c, body);
	count = cursor_get_u8(&c);
	if (count > max)
		return -EBADMSG;
	for (size_t i = 0; i < count && !c.failed; i++)
		get_measure(&c, &measures[i]);
	key = cursor_get_raw(&c, KEY_PUBLIC_LEN);
	rc = cursor_end(&c);
	if (rc < 0)
		return rc;

	memcpy(ret_seal_key, key.data, KEY_PUBLIC_LEN);
	*ret_count = count;
	return 0;
}

void wire_put_refused(struct buffer *out, uint64_t tag,
                      enum vault_refusal refusal, uint16_t slot,
                      const char *detail)
{
	size_t mark = wire_begin(out, VAULT_REFUSED, tag);

	buffer_put_u8(out, (uint8_t)refusal);
	buffer_put_u16(out, slot);
	put_text(out, detail, WIRE_DETAIL_MAX - 1);
	wire_finish(out, mark);
}

int wire_get_refused(struct bytes body, struct vault_refused *ret_refused)
{
	struct vault_refused refused;
	struct cursor c;
	int rc;

	cursor_init(&c, body);
	refused.refusal = get_u8_below(&c, VAULT_INTAKE_BROKEN + 1);
	refused.slot = cursor_get_u16(&c);
	get_text(&c, refused.detail, sizeof(refused.detail));
	rc = cursor_end(&c);
	if (rc < 0)
		return rc;

	*ret_refused = refused;
	return 0;
}

int wire_send_launcher(int socket, enum launcher_type type, int fd)
{
	uint8_t packet = (uint8_t)type;

	return fd_send(socket, &packet, sizeof(packet), fd);
}

int wire_send_vault(int socket, enum lock_reason reason, int fd)
{
	uint8_t packet[] = { LAUNCHER_VAULT, (uint8_t)reason };

	return fd_send(socket, packet, sizeof(packet), fd);
}

int wire_send_outcome(int socket, enum launcher_type type,
                      const struct fetch_outcome *outcome)
{
	uint8_t memory[16 + WIRE_DETAIL_MAX];
	struct buffer packet;
	int rc;

	buffer_wrap(&packet, memory, sizeof(memory));
	buffer_put_u8(&packet, (uint8_t)type);
	buffer_put_u8(&packet, outcome->is_ok);
	buffer_put_u8(&packet, (uint8_t)outcome->failure);
	buffer_put_u32(&packet, outcome->retry_after);
	put_text(&packet, outcome->detail, sizeof(outcome->detail) - 1);
	rc = buffer_end(&packet);
	return rc < 0 ? rc : fd_send(socket, packet.data, packet.len, -1);
}

static int get_outcome(struct cursor *c, struct fetch_outcome *ret_outcome)
{
	struct fetch_outcome outcome;
	int rc;

	outcome.is_ok = get_u8_below(c, 2);
	outcome.failure = get_u8_below(c, SOURCE_FAILED + 1);
	outcome.retry_after = cursor_get_u32(c);
	get_text(c, outcome.detail, sizeof(outcome.detail));
	rc = cursor_end(c);
	if (rc < 0)
		return rc;

	*ret_outcome = outcome;
	return 0;
}

int wire_send_errand(int socket, enum launcher_type type,
                     const struct errand *errand)
{
	uint8_t memory[64 + ERRAND_TEXT_MAX];
	struct buffer packet;
	int rc;

	buffer_wrap(&packet, memory, sizeof(memory));
	buffer_put_u8(&packet, (uint8_t)type);
	errand_put(&packet, errand);
	rc = buffer_end(&packet);
	return rc < 0 ? rc
	              : fd_send(socket, packet.data, packet.len, errand->fd);
}

int wire_send_measure(int socket, const struct agent_measure *measure)
{
	uint8_t memory[16 + sizeof(*measure)];
	struct buffer packet;
	int rc;

	buffer_wrap(&packet, memory, sizeof(memory));
	buffer_put_u8(&packet, LAUNCHER_MEASURE);
	put_measure(&packet, measure);
	rc = buffer_end(&packet);
	return rc < 0 ? rc : fd_send(socket, packet.data, packet.len, -1);
}

static int get_body(struct cursor *c, struct launcher_packet *packet)
{
	switch (packet->type) {
	case LAUNCHER_VAULT:
		packet->reason = get_u8_below(c, LOCK_REASON_LAST + 1);
		return cursor_end(c);
	case LAUNCHER_FETCHED:
	case LAUNCHER_REFUSED:
		return get_outcome(c, &packet->outcome);
	case LAUNCHER_ERRAND:
	case LAUNCHER_ERRAND_DONE:
		return errand_get((struct bytes){ c->next, c->left },
		                  &packet->errand);
	case LAUNCHER_MEASURE:
		get_measure(c, &packet->measure);
		return cursor_end(c);
	default:
		return cursor_end(c);
	}
}

/* A descriptor comes with a vault, always, and may come with an errand. */
static int get_packet(struct bytes bytes, bool has_fd,
                      struct launcher_packet *ret_packet)
{
	struct cursor c;
	uint8_t type;
	bool is_errand;

	cursor_init(&c, bytes);
	type = cursor_get_u8(&c);
	is_errand = type == LAUNCHER_ERRAND || type == LAUNCHER_ERRAND_DONE;
	if (type < LAUNCHER_FETCH || type > LAUNCHER_CLOSE ||
	    (!is_errand && has_fd != (type == LAUNCHER_VAULT)))
		return -EBADMSG;

	ret_packet->type = (enum launcher_type)type;
	return get_body(&c, ret_packet);
}

int wire_receive_launcher(int socket, struct launcher_packet *ret_packet)
{
	struct launcher_packet packet = { .fd = -1, .errand = { .fd = -1 } };
	uint8_t bytes[WIRE_PACKET_MAX];
	cleanup_close int fd = -1;
	ssize_t n;
	int rc;

	n = fd_receive(socket, bytes, sizeof(bytes), &fd);
	if (n <= 0)
		return (int)n;

	rc = get_packet((struct bytes){ bytes, (size_t)n }, fd >= 0, &packet);
	if (rc < 0)
		return rc;

	if (packet.type == LAUNCHER_VAULT) {
		packet.fd = take_fd(&fd);
	} else {
		packet.errand.fd = take_fd(&fd);
	}
	*ret_packet = packet;
	return 1;
}
