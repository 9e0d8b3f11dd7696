#include "agent/wire_errand.h"

#include "protocol/base/cursor.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

void errand_put(struct buffer *out, const struct errand *errand)
{
	buffer_put_u8(out, (uint8_t)errand->kind);
	buffer_put_u8(out, (uint8_t)errand->end);
	buffer_put_u64(out, errand->tag);
	buffer_put_u64(out, errand->number);
	buffer_put_u32(out, (uint32_t)errand->pid);
	buffer_put_u32(out, errand->seconds);
	buffer_put_bytes(out, bytes_of_text(errand->text));
}

int errand_get(struct bytes body, struct errand *ret_errand)
{
	struct errand errand = { .fd = -1 };
	struct bytes text;
	struct cursor c;
	uint8_t kind, end;
	uint32_t pid;

	cursor_init(&c, body);
	kind = cursor_get_u8(&c);
	end = cursor_get_u8(&c);
	errand.tag = cursor_get_u64(&c);
	errand.number = cursor_get_u64(&c);
	pid = cursor_get_u32(&c);
	errand.seconds = cursor_get_u32(&c);
	text = cursor_get_bytes(&c, sizeof(errand.text) - 1);
	if (cursor_end(&c) < 0 || kind < ERRAND_PEER ||
	    kind > ERRAND_KIND_LAST || end > ERRAND_END_LAST || pid > INT_MAX ||
	    (text.len > 0 && memchr(text.data, '\0', text.len)))
		return -EBADMSG;

	errand.kind = (enum errand_kind)kind;
	errand.end = (enum errand_end)end;
	errand.pid = (pid_t)pid;
	if (text.len > 0)
		memcpy(errand.text, text.data, text.len);
	*ret_errand = errand;
	return 0;
}
