#include "client/audit/sentence.h"

#include "protocol/base/text.h"
#include "protocol/nix/store_path.h"

#include <string.h>

#define NAMES_MAX 3
#define TEXT_SIZE 1024

#define RED   "\033[31m"
#define DIM   "\033[2m"
#define PLAIN "\033[0m"

static void put_printable(struct buffer *out, struct bytes text)
{
	char shown[TEXT_SIZE];

	text_printable((const char *)text.data, text.len, shown, sizeof(shown));
	buffer_append_text(out, shown);
}

/* The name alone of "/nix/store/<hash>-name". */
static struct bytes short_name(struct bytes path)
{
	const uint8_t *slash = memrchr(path.data, '/', path.len);
	struct bytes name = path;

	if (slash) {
		name.data = slash + 1;
		name.len = path.len - (size_t)(name.data - path.data);
	}
	if (name.len > STORE_PATH_HASH_LEN + 1 &&
	    name.data[STORE_PATH_HASH_LEN] == '-') {
		name.data += STORE_PATH_HASH_LEN + 1;
		name.len -= STORE_PATH_HASH_LEN + 1;
	}
	return name;
}

static void put_item(struct buffer *out, const struct audit_line *line,
                     size_t i)
{
	struct audit_item item;

	if (audit_line_item(line, i, &item) < 0) {
		buffer_append_char(out, '?');
	} else if (line->kind == AUDIT_SIGN) {
		put_printable(out, short_name(item.name));
	} else {
		put_printable(out, item.operation);
		if (item.name.len > 0)
			buffer_append_char(out, ' ');
		put_printable(out, item.name);
	}
}

static void put_items(struct buffer *out, const struct audit_line *line)
{
	size_t count = line->call.item_count;

	buffer_append_format(out, "%zu %s%s", count,
	                     line->kind == AUDIT_SIGN ? "path" : "request",
	                     count == 1 ? "" : "s");
	for (size_t i = 0; i < count && i < NAMES_MAX; i++) {
		buffer_append_text(out, i == 0 ? " (" : ", ");
		put_item(out, line, i);
	}
	if (count > NAMES_MAX)
		buffer_append_text(out, ", ...");
	if (count > 0)
		buffer_append_char(out, ')');
}

static void put_call(struct buffer *out, const struct audit_line *line,
                     bool has_colour)
{
	const struct audit_line_call *call = &line->call;

	buffer_append_format(out, "uid %lld pid %lld ", (long long)call->uid,
	                     (long long)call->pid);
	put_printable(out, call->exe.len > 0 ? call->exe : bytes_of_text("?"));
	buffer_append_char(out, ' ');
	put_printable(out, line->event);
	if (call->cache.len > 0)
		buffer_append_char(out, ' ');
	put_printable(out, call->cache);
	if (line->kind != AUDIT_CALL) {
		buffer_append_char(out, ' ');
		put_items(out, line);
	}
	buffer_append_text(out, call->is_allowed ? ": allowed"
	                        : has_colour     ? ": " RED "denied" PLAIN
	                                         : ": denied");
	if (call->rule.len > 0)
		buffer_append_text(out, ": ");
	put_printable(out, call->rule);
}

static void put_event(struct buffer *out, const struct audit_line *line)
{
	switch (line->kind) {
	case AUDIT_START:
		buffer_append_format(out, "the agent begins, pid %lld",
		                     (long long)line->start.pid);
		break;
	case AUDIT_CONTINUED:
		buffer_append_text(out, "goes on from ");
		put_printable(out, line->text);
		break;
	case AUDIT_VAULT:
		buffer_append_text(out, "a fresh vault");
		break;
	case AUDIT_UNLOCKED:
		buffer_append_format(out, "unlocked, certified by %zu key%s",
		                     line->certificate_count,
		                     line->certificate_count == 1 ? "" : "s");
		break;
	case AUDIT_FETCH_FAILED:
		buffer_append_text(out, "the secrets could not be fetched: ");
		put_printable(out, line->text);
		break;
	case AUDIT_LOCKED:
		buffer_append_text(out, "locked: ");
		put_printable(out, line->text);
		break;
	case AUDIT_SEAL:
		buffer_append_format(out, "sealed up to line %llu",
		                     (unsigned long long)line->seal.sealed);
		break;
	case AUDIT_LOST:
		buffer_append_format(out, "%lld records could not be written",
		                     (long long)line->lost_count);
		break;
	case AUDIT_END:
		buffer_append_text(out, "the agent ends");
		break;
	case AUDIT_SIGN:
	case AUDIT_PRESIGN:
	case AUDIT_CALL:
	case AUDIT_UNKNOWN:
	case AUDIT_KIND_COUNT:
		put_printable(out, line->event);
		break;
	}
}

static bool is_call(const struct audit_line *line)
{
	return line->kind == AUDIT_SIGN || line->kind == AUDIT_PRESIGN ||
	       line->kind == AUDIT_CALL;
}

void sentence_put(struct buffer *out, const struct audit_line *line,
                  bool has_colour)
{
	buffer_append_bytes(out, line->time);
	buffer_append_char(out, ' ');
	if (is_call(line)) {
		put_call(out, line, has_colour);
		return;
	}
	if (has_colour)
		buffer_append_text(out, DIM);
	put_event(out, line);
	if (has_colour)
		buffer_append_text(out, PLAIN);
}
