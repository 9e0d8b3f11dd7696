#include "protocol/audit/audit_line.h"

#include "protocol/base/text.h"
#include "protocol/varlink/json_read.h"

#include <errno.h>
#include <limits.h>
#include <time.h>

#define WORD_MAX 64
#define TEXT_MAX 8192

/* What every line has, and then its event's own. */
enum line_field {
	LINE_FIELD_SEQ,
	LINE_FIELD_TIME,
	LINE_FIELD_EVENT,
	LINE_FIELD_PREV,
	LINE_FIELD_OWN,
};

/* clang-format off */
#define LINE_FIELDS                                        \
	[LINE_FIELD_SEQ] = { "seq", "int", FIELD_INT },      \
	[LINE_FIELD_TIME] = { "time", "string", FIELD_TEXT }, \
	[LINE_FIELD_EVENT] = { "event", "string", FIELD_TEXT }, \
	[LINE_FIELD_PREV] = { "prev", "string", FIELD_TEXT }
/* clang-format on */

enum start_field {
	START_FIELD_PID = LINE_FIELD_OWN,
	START_FIELD_BOOT,
};

enum text_field {
	TEXT_FIELD = LINE_FIELD_OWN,
};

enum seal_field {
	SEAL_FIELD_SEALED = LINE_FIELD_OWN,
	SEAL_FIELD_KEY,
	SEAL_FIELD_NEXT,
	SEAL_FIELD_SIGNATURE,
};

enum call_field {
	CALL_FIELD_UID = LINE_FIELD_OWN,
	CALL_FIELD_PID,
	CALL_FIELD_EXE,
	CALL_FIELD_SCOPE,
	CALL_FIELD_CACHE,
	CALL_FIELD_DECISION,
	CALL_FIELD_RULE,
	CALL_FIELD_ITEMS,
};

static const struct field plain_fields[] = { LINE_FIELDS };

static const struct field start_fields[] = {
	LINE_FIELDS,
	[START_FIELD_PID] = { "pid", "int", FIELD_INT },
	[START_FIELD_BOOT] = { "boot", "?string", FIELD_TEXT },
};

static const struct field continued_fields[] = {
	LINE_FIELDS,
	[TEXT_FIELD] = { "file", "string", FIELD_TEXT },
};

static const struct field vault_fields[] = {
	LINE_FIELDS,
	[TEXT_FIELD] = { "key", "string", FIELD_TEXT },
};

static const struct field unlocked_fields[] = {
	LINE_FIELDS,
	[TEXT_FIELD] = { "certificates", "[]object", FIELD_LIST },
};

static const struct field fetch_failed_fields[] = {
	LINE_FIELDS,
	[TEXT_FIELD] = { "kind", "string", FIELD_TEXT },
};

static const struct field locked_fields[] = {
	LINE_FIELDS,
	[TEXT_FIELD] = { "why", "string", FIELD_TEXT },
};

static const struct field lost_fields[] = {
	LINE_FIELDS,
	[TEXT_FIELD] = { "records", "int", FIELD_INT },
};

static const struct field seal_fields[] = {
	LINE_FIELDS,
	[SEAL_FIELD_SEALED] = { "sealed", "int", FIELD_INT },
	[SEAL_FIELD_KEY] = { "key", "string", FIELD_TEXT },
	[SEAL_FIELD_NEXT] = { "next", "string", FIELD_TEXT },
	[SEAL_FIELD_SIGNATURE] = { "signature", "string", FIELD_TEXT },
};

/* clang-format off */
#define CALL_FIELDS                                          \
	LINE_FIELDS,                                           \
	[CALL_FIELD_UID] = { "uid", "int", FIELD_INT },        \
	[CALL_FIELD_PID] = { "pid", "int", FIELD_INT },        \
	[CALL_FIELD_EXE] = { "exe", "?string", FIELD_TEXT },   \
	[CALL_FIELD_SCOPE] = { "scope", "?string", FIELD_TEXT }, \
	[CALL_FIELD_CACHE] = { "cache", "?string", FIELD_TEXT }, \
	[CALL_FIELD_DECISION] = { "decision", "string", FIELD_TEXT }, \
	[CALL_FIELD_RULE] = { "rule", "?string", FIELD_TEXT }
/* clang-format on */

static const struct field plain_call_fields[] = { CALL_FIELDS };

static const struct field sign_fields[] = {
	CALL_FIELDS,
	[CALL_FIELD_ITEMS] = { "paths", "[]object", FIELD_LIST },
};

static const struct field presign_fields[] = {
	CALL_FIELDS,
	[CALL_FIELD_ITEMS] = { "objects", "[]object", FIELD_LIST },
};

#define SHAPE(name, fields)                                        \
	{                                                          \
		name, fields, sizeof(fields) / sizeof((fields)[0]) \
	}

static const struct shape line_shape = SHAPE("line", plain_fields);

static const struct event {
	const char *name;
	enum audit_kind kind;
	struct shape shape;
} events[] = {
	{ "start", AUDIT_START, SHAPE("start", start_fields) },
	{ "continued", AUDIT_CONTINUED, SHAPE("continued", continued_fields) },
	{ "vault", AUDIT_VAULT, SHAPE("vault", vault_fields) },
	{ "unlocked", AUDIT_UNLOCKED, SHAPE("unlocked", unlocked_fields) },
	{ "fetchFailed", AUDIT_FETCH_FAILED,
	  SHAPE("fetchFailed", fetch_failed_fields) },
	{ "locked", AUDIT_LOCKED, SHAPE("locked", locked_fields) },
	{ "sign", AUDIT_SIGN, SHAPE("sign", sign_fields) },
	{ "presign", AUDIT_PRESIGN, SHAPE("presign", presign_fields) },
	{ "unlock", AUDIT_CALL, SHAPE("unlock", plain_call_fields) },
	{ "lock", AUDIT_CALL, SHAPE("lock", plain_call_fields) },
	{ "quit", AUDIT_CALL, SHAPE("quit", plain_call_fields) },
	{ "narrow", AUDIT_CALL, SHAPE("narrow", plain_call_fields) },
	{ "seal", AUDIT_SEAL, SHAPE("seal", seal_fields) },
	{ "lost", AUDIT_LOST, SHAPE("lost", lost_fields) },
	{ "end", AUDIT_END, SHAPE("end", plain_fields) },
};

static const struct event *find_event(struct bytes name)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (bytes_equal(name, bytes_of_text(events[i].name)))
			return &events[i];
	}
	return NULL;
}

/* Two digits or four; -1 for anything else. */
static int take_digits(const uint8_t *at, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++) {
		if (at[i] < '0' || at[i] > '9')
			return -1;
		value = 10 * value + (at[i] - '0');
	}
	return value;
}

static bool has_time_shape(struct bytes text)
{
	static const char shape[] = "0000-00-00T00:00:00.000Z";

	if (text.len != AUDIT_TIME_LEN)
		return false;
	for (size_t i = 0; i < AUDIT_TIME_LEN; i++) {
		if (shape[i] == '0' ? take_digits(text.data + i, 1) < 0
		                    : text.data[i] != (uint8_t)shape[i])
			return false;
	}
	return true;
}

static int parse_time(struct bytes text, int64_t *ret_ms)
{
	const uint8_t *at = text.data;
	struct tm tm = { .tm_year = 0 }, same;
	time_t seconds;

	if (!has_time_shape(text))
		return -EBADMSG;
	tm.tm_year = take_digits(at, 4) - 1900;
	tm.tm_mon = take_digits(at + 5, 2) - 1;
	tm.tm_mday = take_digits(at + 8, 2);
	tm.tm_hour = take_digits(at + 11, 2);
	tm.tm_min = take_digits(at + 14, 2);
	tm.tm_sec = take_digits(at + 17, 2);
	same = tm;
	seconds = timegm(&same);
	/* The thirtieth of February would become one of March, and a
	 * minute of 60 seconds the next one. */
	if (same.tm_mon != tm.tm_mon || same.tm_hour != tm.tm_hour ||
	    same.tm_min != tm.tm_min)
		return -EBADMSG;
	*ret_ms = (int64_t)seconds * 1000 + take_digits(at + 20, 3);
	return 0;
}

/* Lower case alone: a line has one form. */
static void copy_hex(struct record *r, size_t field, uint8_t *out, size_t len)
{
	struct bytes text = record_text(r, field, 2 * len);

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] >= 'A' && text.data[i] <= 'F')
			record_refuse(r, field);
	}
	if (!text.data ||
	    text_unhex((const char *)text.data, text.len, out, len) < 0)
		record_refuse(r, field);
}

static int64_t take_sequence(struct record *r, size_t field)
{
	return record_int(r, field, 1, AUDIT_SEQUENCE_MAX, 1);
}

static void read_seal(struct record *r, struct audit_line_seal *seal)
{
	struct bytes signature = record_text(r, SEAL_FIELD_SIGNATURE, TEXT_MAX);

	seal->sealed = (uint64_t)take_sequence(r, SEAL_FIELD_SEALED);
	copy_hex(r, SEAL_FIELD_KEY, seal->key, sizeof(seal->key));
	copy_hex(r, SEAL_FIELD_NEXT, seal->next, sizeof(seal->next));
	if (!signature.data ||
	    text_unbase64((const char *)signature.data, signature.len,
	                  seal->signature, sizeof(seal->signature)) < 0)
		record_refuse(r, SEAL_FIELD_SIGNATURE);
}

static void read_call(struct record *r, bool has_items,
                      struct audit_line_call *call)
{
	struct bytes decision = record_text(r, CALL_FIELD_DECISION, WORD_MAX);

	call->uid = record_int(r, CALL_FIELD_UID, 0, UINT_MAX, 0);
	call->pid = record_int(r, CALL_FIELD_PID, 0, INT_MAX, 0);
	call->exe = record_text(r, CALL_FIELD_EXE, TEXT_MAX);
	call->scope = record_text(r, CALL_FIELD_SCOPE, TEXT_MAX);
	call->cache = record_text(r, CALL_FIELD_CACHE, TEXT_MAX);
	call->rule = record_text(r, CALL_FIELD_RULE, TEXT_MAX);
	call->is_allowed = bytes_equal(decision, bytes_of_text("allowed"));
	if (has_items) {
		call->item_count =
			record_list(r, CALL_FIELD_ITEMS, AUDIT_ITEMS_MAX);
	}
}

static void read_own(struct audit_line *line)
{
	struct record *r = &line->record;

	switch (line->kind) {
	case AUDIT_START:
		line->start.pid = record_int(r, START_FIELD_PID, 0, INT_MAX, 0);
		line->start.boot = record_text(r, START_FIELD_BOOT, WORD_MAX);
		break;
	case AUDIT_VAULT:
		copy_hex(r, TEXT_FIELD, line->vault_key,
		         sizeof(line->vault_key));
		break;
	case AUDIT_UNLOCKED:
		line->certificate_count =
			record_list(r, TEXT_FIELD, AUDIT_ITEMS_MAX);
		break;
	case AUDIT_SIGN:
	case AUDIT_PRESIGN:
	case AUDIT_CALL:
		read_call(r, line->kind != AUDIT_CALL, &line->call);
		break;
	case AUDIT_SEAL:
		read_seal(r, &line->seal);
		break;
	case AUDIT_LOST:
		line->lost_count =
			record_int(r, TEXT_FIELD, 0, AUDIT_SEQUENCE_MAX, 0);
		break;
	case AUDIT_CONTINUED:
	case AUDIT_FETCH_FAILED:
	case AUDIT_LOCKED:
		line->text = record_text(r, TEXT_FIELD, TEXT_MAX);
		break;
	case AUDIT_END:
	case AUDIT_UNKNOWN:
	case AUDIT_KIND_COUNT:
		break;
	}
}

static void read_shared(struct audit_line *line)
{
	struct record *r = &line->record;

	line->sequence = (uint64_t)take_sequence(r, LINE_FIELD_SEQ);
	line->time = record_text(r, LINE_FIELD_TIME, AUDIT_TIME_LEN);
	if (parse_time(line->time, &line->time_ms) < 0)
		record_refuse(r, LINE_FIELD_TIME);
	copy_hex(r, LINE_FIELD_PREV, line->prev, sizeof(line->prev));
}

static int read_line(struct audit_line *line)
{
	const struct event *event;

	record_read(&line->record, &line_shape, json_tree_root(line->tree),
	            RECORD_LENIENT);
	line->event = record_text(&line->record, LINE_FIELD_EVENT, WORD_MAX);
	read_shared(line);
	if (record_end(&line->record) < 0)
		return -EBADMSG;

	event = find_event(line->event);
	line->kind = event ? event->kind : AUDIT_UNKNOWN;
	if (event) {
		record_read(&line->record, &event->shape,
		            json_tree_root(line->tree), RECORD_LENIENT);
		read_own(line);
	}
	return record_end(&line->record) < 0 ? -EBADMSG : 0;
}

int audit_line_parse(struct bytes text, struct audit_line *ret_line)
{
	cleanup_audit_line struct audit_line line = { .tree = NULL };
	int rc;

	/* White space around it would be lawful JSON. */
	if (text.len < 2 || text.len >= AUDIT_LINE_MAX || text.data[0] != '{' ||
	    text.data[text.len - 1] != '}')
		return -EBADMSG;
	rc = json_read(text, &line.tree);
	if (rc == 0)
		rc = read_line(&line);
	if (rc < 0)
		return rc;

	*ret_line = line;
	line.tree = NULL;
	return 0;
}

void audit_line_clear(struct audit_line *line)
{
	json_tree_put(line->tree);
	*line = (struct audit_line){ .tree = NULL };
}

int audit_line_certificate(const struct audit_line *line, size_t i,
                           struct public_key *ret_key,
                           struct signature *ret_signature)
{
	static const struct field fields[] = {
		{ "key", "string", FIELD_TEXT },
		{ "signature", "string", FIELD_TEXT },
	};
	static const struct shape shape = SHAPE("certificate", fields);
	struct record list = line->record, r;
	const struct json_value *item = record_item(&list, TEXT_FIELD, i);
	struct bytes key, signature;

	if (!item)
		return -EBADMSG;
	record_read(&r, &shape, item, RECORD_LENIENT);
	key = record_text(&r, 0, KEY_PUBLIC_TEXT_SIZE);
	signature = record_text(&r, 1, KEY_SIGNATURE_TEXT_SIZE);
	if (record_end(&r) < 0 ||
	    public_key_parse((const char *)key.data, key.len, ret_key) < 0 ||
	    signature_parse((const char *)signature.data, signature.len,
	                    ret_signature) < 0)
		return -EBADMSG;
	return 0;
}

static int read_item(const struct json_value *object, const struct shape *shape,
                     struct bytes ret_texts[2])
{
	struct record r;

	record_read(&r, shape, object, RECORD_LENIENT);
	for (size_t i = 0; i < shape->count; i++)
		ret_texts[i] = record_text(&r, i, TEXT_MAX);
	return record_end(&r) < 0 ? -EBADMSG : 0;
}

int audit_line_item(const struct audit_line *line, size_t i,
                    struct audit_item *ret_item)
{
	static const struct field path_fields[] = {
		{ "path", "string", FIELD_TEXT },
	};
	static const struct field object_fields[] = {
		{ "key", "?string", FIELD_TEXT },
		{ "operation", "string", FIELD_TEXT },
	};
	static const struct shape path_shape = SHAPE("path", path_fields);
	static const struct shape object_shape = SHAPE("object", object_fields);
	struct record list = line->record;
	const struct json_value *object =
		record_item(&list, CALL_FIELD_ITEMS, i);
	struct bytes texts[2] = { { NULL, 0 }, { NULL, 0 } };
	int rc = object ? read_item(object,
	                            line->kind == AUDIT_SIGN ? &path_shape
	                                                     : &object_shape,
	                            texts)
	                : -EBADMSG;

	if (rc < 0)
		return rc;
	*ret_item = (struct audit_item){
		.name = texts[0],
		.operation = texts[1],
	};
	return 0;
}
