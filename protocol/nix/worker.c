#include "protocol/nix/worker.h"

#include "protocol/nix/worker_field.h"

#include <errno.h>

#define MAGIC_CLIENT 0x6e697863U
#define MAGIC_DAEMON 0x6478696fU

#define OP_ENSURE_PATH               10U
#define OP_ADD_TEMP_ROOT             11U
#define OP_QUERY_PATH_INFO           26U
#define OP_QUERY_VALID_PATHS         31U
#define OP_QUERY_SUBSTITUTABLE_PATHS 32U

/* Four letters each, little endian: "stla", "cptx", "golm"... */
#define STDERR_LAST           0x616c7473U
#define STDERR_ERROR          0x63787470U
#define STDERR_NEXT           0x6f6c6d67U
#define STDERR_START_ACTIVITY 0x53545254U
#define STDERR_STOP_ACTIVITY  0x53544f50U
#define STDERR_RESULT         0x52534c54U

#define VERSION_STRUCTURED_ERRORS 0x11aU /* 1.26 */
#define VERSION_MAY_SUBSTITUTE    0x11bU /* 1.27 */
#define VERSION_DAEMON_NAME       0x121U /* 1.33 */
#define VERSION_TRUST             0x123U /* 1.35 */

#define FIELDS_MAX 64
#define TRACES_MAX 4096

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
	magic = reader_get_number(&r, UINT64_MAX);
	if (!reader_failed(&r) && magic != MAGIC_DAEMON)
		return -EBADMSG;

	version = reader_get_number(&r, UINT32_MAX);
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

int worker_get_welcome(struct bytes in, uint64_t version, size_t *ret_used,
                       enum worker_trust *ret_trust)
{
	uint64_t trust = WORKER_TRUST_UNKNOWN;
	struct reader r;
	int rc;

	reader_init(&r, in);
	if (version >= VERSION_DAEMON_NAME)
		(void)reader_get_string(&r, WORKER_STRING_MAX);
	if (version >= VERSION_TRUST)
		trust = reader_get_number(&r, WORKER_NOT_TRUSTED);
	rc = reader_end(&r, ret_used);
	if (rc == 0)
		*ret_trust = (enum worker_trust)trust;
	return rc;
}

/* Before 1.26 an error was its text and an exit status. */
static struct bytes get_error(struct reader *r, uint64_t version)
{
	struct bytes text;
	uint64_t traces;

	if (version < VERSION_STRUCTURED_ERRORS) {
		text = reader_get_string(r, WORKER_TEXT_MAX);
		(void)reader_get_number(r, UINT64_MAX);
		return text;
	}

	(void)reader_get_string(r, WORKER_STRING_MAX); /* "Error" */
	(void)reader_get_number(r, UINT64_MAX);        /* level */
	(void)reader_get_string(r, WORKER_STRING_MAX); /* name */
	text = reader_get_string(r, WORKER_TEXT_MAX);
	(void)reader_get_number(r,
	                        0); /* a position never comes over the wire */
	traces = reader_get_number(r, TRACES_MAX);
	for (uint64_t i = 0; i < traces && !reader_failed(r); i++) {
		(void)reader_get_number(r, 0);
		(void)reader_get_string(r, WORKER_TEXT_MAX);
	}
	return text;
}

static void skip_fields(struct reader *r)
{
	uint64_t count = reader_get_number(r, FIELDS_MAX);

	for (uint64_t i = 0; i < count && !reader_failed(r); i++) {
		if (reader_get_number(r, 1) == 0) {
			(void)reader_get_number(r, UINT64_MAX);
		} else {
			(void)reader_get_string(r, WORKER_TEXT_MAX);
		}
	}
}

static void skip_activity(struct reader *r)
{
	(void)reader_get_number(r, UINT64_MAX); /* id */
	(void)reader_get_number(r, UINT64_MAX); /* level */
	(void)reader_get_number(r, UINT64_MAX); /* type */
	(void)reader_get_string(r, WORKER_TEXT_MAX);
	skip_fields(r);
	(void)reader_get_number(r, UINT64_MAX); /* parent */
}

int worker_get_note(struct bytes in, uint64_t version, size_t *ret_used,
                    struct worker_note *ret_note)
{
	struct worker_note note = { .type = WORKER_NOTE_OTHER };
	struct reader r;
	uint64_t word;
	int rc;

	reader_init(&r, in);
	word = reader_get_number(&r, UINT32_MAX);
	switch (reader_failed(&r) ? STDERR_LAST : word) {
	case STDERR_LAST:
		note.type = WORKER_NOTE_LAST;
		break;
	case STDERR_ERROR:
		note.type = WORKER_NOTE_ERROR;
		note.text = get_error(&r, version);
		break;
	case STDERR_NEXT:
		(void)reader_get_string(&r, WORKER_TEXT_MAX);
		break;
	case STDERR_START_ACTIVITY:
		skip_activity(&r);
		break;
	case STDERR_STOP_ACTIVITY:
		(void)reader_get_number(&r, UINT64_MAX);
		break;
	case STDERR_RESULT:
		(void)reader_get_number(&r, UINT64_MAX); /* id */
		(void)reader_get_number(&r, UINT64_MAX); /* type */
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
	worker_put_path(out, store_dir, base);
}

void worker_put_add_temp_root(struct buffer *out, const char *store_dir,
                              const char *base)
{
	buffer_put_u64_le(out, OP_ADD_TEMP_ROOT);
	worker_put_path(out, store_dir, base);
}

void worker_put_ensure(struct buffer *out, const char *store_dir,
                       const char *base)
{
	buffer_put_u64_le(out, OP_ENSURE_PATH);
	worker_put_path(out, store_dir, base);
}

void worker_put_query_valid(struct buffer *out, uint64_t version,
                            const char *store_dir, const struct strings *bases)
{
	buffer_put_u64_le(out, OP_QUERY_VALID_PATHS);
	worker_put_paths(out, store_dir, bases);
	if (version >= VERSION_MAY_SUBSTITUTE)
		buffer_put_u64_le(out, 0);
}

void worker_put_query_substitutable(struct buffer *out, const char *store_dir,
                                    const struct strings *bases)
{
	buffer_put_u64_le(out, OP_QUERY_SUBSTITUTABLE_PATHS);
	worker_put_paths(out, store_dir, bases);
}

int worker_get_done(struct bytes in, size_t *ret_used)
{
	struct reader r;
	uint64_t value;

	reader_init(&r, in);
	value = reader_get_number(&r, 1);
	if (!reader_failed(&r) && value != 1)
		return -EBADMSG;
	return reader_end(&r, ret_used);
}
