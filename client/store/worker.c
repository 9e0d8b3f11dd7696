#include "client/store/worker.h"

#include "protocol/base/cursor.h"
#include "protocol/nix/key.h"

#include <errno.h>
#include <string.h>

#define MAGIC_CLIENT 0x6e697863U
#define MAGIC_DAEMON 0x6478696fU

#define OP_ADD_TEMP_ROOT   11U
#define OP_QUERY_PATH_INFO 26U

/* Four letters each, little endian: "stla", "cptx", "golm"... */
#define STDERR_LAST           0x616c7473U
#define STDERR_ERROR          0x63787470U
#define STDERR_NEXT           0x6f6c6d67U
#define STDERR_START_ACTIVITY 0x53545254U
#define STDERR_STOP_ACTIVITY  0x53544f50U
#define STDERR_RESULT         0x52534c54U

#define VERSION_STRUCTURED_ERRORS 0x11aU /* 1.26 */
#define VERSION_DAEMON_NAME       0x121U /* 1.33 */
#define VERSION_TRUST             0x123U /* 1.35 */

#define STRING_MAX   1024 /* paths, names, hashes, content addresses */
#define FIELDS_MAX   64
#define TRACES_MAX   4096
#define TRUST_MAX    2
#define TIME_MAX     UINT64_MAX
#define HASH_HEX_LEN ((size_t)2 * NIX_HASH_LEN)

/* Two ways to fail: the input ends too early (the cursor's failure), or it
 * can never be right however much follows (bad). */
struct reader {
	struct cursor cursor;
	size_t whole;
	bool bad;
};

static void reader_init(struct reader *r, struct bytes in)
{
	*r = (struct reader){ .whole = in.len };
	cursor_init(&r->cursor, in);
}

/* 0, WORKER_MORE or -EBADMSG. */
static int reader_end(const struct reader *r, size_t *ret_used)
{
	if (r->bad)
		return -EBADMSG;
	if (r->cursor.failed)
		return WORKER_MORE;
	*ret_used = r->whole - r->cursor.left;
	return 0;
}

static bool reader_failed(const struct reader *r)
{
	return r->bad || r->cursor.failed;
}

static uint64_t get_number(struct reader *r, uint64_t max)
{
	uint64_t value = cursor_get_u64_le(&r->cursor);

	if (value > max)
		r->bad = true;
	return r->bad ? 0 : value;
}

static struct bytes get_string(struct reader *r, size_t max)
{
	static const uint8_t zeros[8] = { 0 };
	size_t len = (size_t)get_number(r, max);
	struct bytes text, padding;

	text = cursor_get_raw(&r->cursor, len);
	padding = cursor_get_raw(&r->cursor, (8 - len % 8) % 8);
	if (padding.len > 0 && memcmp(padding.data, zeros, padding.len) != 0)
		r->bad = true;
	return text;
}

static void put_string(struct buffer *out, struct bytes text)
{
	buffer_put_u64_le(out, text.len);
	buffer_append_bytes(out, text);
	buffer_append(out, "\0\0\0\0\0\0\0", (8 - text.len % 8) % 8);
}

static void put_path(struct buffer *out, const char *store_dir,
                     const char *base)
{
	char path[STORE_PATH_SIZE];
	struct buffer text;

	buffer_wrap(&text, path, sizeof(path));
	buffer_append_text(&text, store_dir);
	buffer_append_char(&text, '/');
	buffer_append_text(&text, base);
	if (buffer_end(&text) < 0)
		out->error = out->error ? out->error : -EMSGSIZE;
	put_string(out, buffer_bytes(&text));
}

void worker_put_hello(struct buffer *out)
{
	buffer_put_u64_le(out, MAGIC_CLIENT);
	buffer_put_u64_le(out, WORKER_VERSION);
}

int worker_get_hello(struct bytes in, size_t *ret_used, uint64_t *ret_version)
{
	struct reader r;
	uint64_t magic, version;
	int rc;

	reader_init(&r, in);
	magic = get_number(&r, UINT64_MAX);
	if (!reader_failed(&r) && magic != MAGIC_DAEMON)
		return -EBADMSG;

	version = get_number(&r, UINT32_MAX);
	rc = reader_end(&r, ret_used);
	if (rc != 0)
		return rc;

	*ret_version = version < WORKER_VERSION ? version : WORKER_VERSION;
	if (version >> 8 != WORKER_VERSION >> 8 ||
	    version < WORKER_VERSION_MIN) {
		*ret_version = version;
		return -EPROTONOSUPPORT;
	}
	return 0;
}

void worker_put_setup(struct buffer *out)
{
	buffer_put_u64_le(out, 0); /* no processor affinity */
	buffer_put_u64_le(out, 0); /* no reserved space */
}

int worker_get_welcome(struct bytes in, uint64_t version, size_t *ret_used)
{
	struct reader r;

	reader_init(&r, in);
	if (version >= VERSION_DAEMON_NAME)
		(void)get_string(&r, STRING_MAX);
	if (version >= VERSION_TRUST)
		(void)get_number(&r, TRUST_MAX);
	return reader_end(&r, ret_used);
}

/* Before 1.26 an error was its text and an exit status. */
static struct bytes get_error(struct reader *r, uint64_t version)
{
	struct bytes text;
	uint64_t traces;

	if (version < VERSION_STRUCTURED_ERRORS) {
		text = get_string(r, WORKER_TEXT_MAX);
		(void)get_number(r, UINT64_MAX);
		return text;
	}

	(void)get_string(r, STRING_MAX); /* "Error" */
	(void)get_number(r, UINT64_MAX); /* level */
	(void)get_string(r, STRING_MAX); /* name */
	text = get_string(r, WORKER_TEXT_MAX);
	(void)get_number(r, 0); /* a position never comes over the wire */
	traces = get_number(r, TRACES_MAX);
	for (uint64_t i = 0; i < traces && !reader_failed(r); i++) {
		(void)get_number(r, 0);
		(void)get_string(r, WORKER_TEXT_MAX);
	}
	return text;
}

static void skip_fields(struct reader *r)
{
	uint64_t count = get_number(r, FIELDS_MAX);

	for (uint64_t i = 0; i < count && !reader_failed(r); i++) {
		if (get_number(r, 1) == 0) {
			(void)get_number(r, UINT64_MAX);
		} else {
			(void)get_string(r, WORKER_TEXT_MAX);
		}
	}
}

static void skip_activity(struct reader *r)
{
	(void)get_number(r, UINT64_MAX); /* id */
	(void)get_number(r, UINT64_MAX); /* level */
	(void)get_number(r, UINT64_MAX); /* type */
	(void)get_string(r, WORKER_TEXT_MAX);
	skip_fields(r);
	(void)get_number(r, UINT64_MAX); /* parent */
}

int worker_get_note(struct bytes in, uint64_t version, size_t *ret_used,
                    struct worker_note *ret_note)
{
	struct worker_note note = { .type = WORKER_NOTE_OTHER };
	struct reader r;
	uint64_t word;
	int rc;

	reader_init(&r, in);
	word = get_number(&r, UINT32_MAX);
	switch (reader_failed(&r) ? STDERR_LAST : word) {
	case STDERR_LAST:
		note.type = WORKER_NOTE_LAST;
		break;
	case STDERR_ERROR:
		note.type = WORKER_NOTE_ERROR;
		note.text = get_error(&r, version);
		break;
	case STDERR_NEXT:
		(void)get_string(&r, WORKER_TEXT_MAX);
		break;
	case STDERR_START_ACTIVITY:
		skip_activity(&r);
		break;
	case STDERR_STOP_ACTIVITY:
		(void)get_number(&r, UINT64_MAX);
		break;
	case STDERR_RESULT:
		(void)get_number(&r, UINT64_MAX); /* id */
		(void)get_number(&r, UINT64_MAX); /* type */
		skip_fields(&r);
		break;
	default: /* also the two that ask us for bytes we never offered */
		return -EBADMSG;
	}

	rc = reader_end(&r, ret_used);
	if (rc == 0)
		*ret_note = note;
	return rc;
}

void worker_put_query_info(struct buffer *out, const char *store_dir,
                           const char *base)
{
	buffer_put_u64_le(out, OP_QUERY_PATH_INFO);
	put_path(out, store_dir, base);
}

void worker_put_add_temp_root(struct buffer *out, const char *store_dir,
                              const char *base)
{
	buffer_put_u64_le(out, OP_ADD_TEMP_ROOT);
	put_path(out, store_dir, base);
}

/* A full store path; an empty one is bad unless may_be_empty. */
static void get_path(struct reader *r, const char *store_dir,
                     char base[STORE_PATH_BASE_SIZE])
{
	struct bytes text = get_string(r, STRING_MAX);

	if (!reader_failed(r) &&
	    store_path_parse(store_dir, (const char *)text.data, text.len,
	                     base) < 0)
		r->bad = true;
}

static int get_references(struct reader *r, const char *store_dir,
                          struct strings *references)
{
	uint64_t count = get_number(r, WORKER_REFERENCES_MAX);

	for (uint64_t i = 0; i < count; i++) {
		char base[STORE_PATH_BASE_SIZE];
		int rc;

		get_path(r, store_dir, base);
		if (reader_failed(r))
			return 0;
		rc = strings_add(references, base, strlen(base));
		if (rc < 0)
			return rc;
	}
	strings_sort(references);
	return 0;
}

static int get_signatures(struct reader *r, struct strings *signatures)
{
	uint64_t count = get_number(r, WORKER_SIGNATURES_MAX);

	for (uint64_t i = 0; i < count; i++) {
		struct bytes text = get_string(r, STRING_MAX);
		struct signature signature;
		int rc;

		if (reader_failed(r))
			return 0;
		if (signature_parse((const char *)text.data, text.len,
		                    &signature) < 0)
			continue;
		rc = strings_add(signatures, (const char *)text.data, text.len);
		if (rc < 0)
			return rc;
	}
	strings_sort(signatures);
	return 0;
}

static int get_content_address(struct reader *r, char **ret_address)
{
	struct bytes text = get_string(r, STRING_MAX);

	if (reader_failed(r) || text.len == 0)
		return 0;
	if (memchr(text.data, '\0', text.len)) {
		r->bad = true;
		return 0;
	}
	*ret_address = strndup((const char *)text.data, text.len);
	return *ret_address ? 0 : -ENOMEM;
}

static void get_deriver(struct reader *r, const char *store_dir,
                        char deriver[STORE_PATH_BASE_SIZE])
{
	struct bytes text = get_string(r, STRING_MAX);

	if (reader_failed(r) || text.len == 0)
		return;
	if (store_path_parse(store_dir, (const char *)text.data, text.len,
	                     deriver) < 0)
		r->bad = true;
}

static int get_valid_info(struct reader *r, const char *store_dir,
                          struct path_info *info)
{
	struct bytes hash;
	int rc;

	get_deriver(r, store_dir, info->deriver);
	hash = get_string(r, HASH_HEX_LEN);
	if (!reader_failed(r) &&
	    nix_hash_parse_hex((const char *)hash.data, hash.len,
	                       &info->nar_hash) < 0)
		r->bad = true;

	rc = get_references(r, store_dir, &info->references);
	if (rc < 0)
		return rc;

	(void)get_number(r, TIME_MAX); /* registration time */
	info->nar_size = get_number(r, UINT64_MAX);
	info->is_ultimate = get_number(r, 1) == 1;
	rc = get_signatures(r, &info->signatures);
	if (rc < 0)
		return rc;

	return get_content_address(r, &info->content_address);
}

int worker_get_path_info(struct bytes in, const char *store_dir,
                         size_t *ret_used, struct path_info *ret_info)
{
	struct path_info info = { .nar_size = 0 };
	struct reader r;
	bool is_valid;
	int rc;

	reader_init(&r, in);
	is_valid = get_number(&r, 1) == 1;
	if (!is_valid) {
		rc = reader_end(&r, ret_used);
		return rc == 0 ? WORKER_NOT_VALID : rc;
	}

	rc = get_valid_info(&r, store_dir, &info);
	if (rc == 0)
		rc = reader_end(&r, ret_used);
	if (rc != 0) {
		path_info_clear(&info);
		return rc;
	}
	*ret_info = info;
	return 0;
}

int worker_get_done(struct bytes in, size_t *ret_used)
{
	struct reader r;
	uint64_t value;

	reader_init(&r, in);
	value = get_number(&r, 1);
	if (!reader_failed(&r) && value != 1)
		return -EBADMSG;
	return reader_end(&r, ret_used);
}
