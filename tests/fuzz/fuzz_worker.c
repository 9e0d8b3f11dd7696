/* What a Nix daemon answers; the first byte picks the protocol's version.  A
 * message that was understood is not understood when less of it has come. */
#include "tests/fuzz/fuzz.h"

#include "protocol/nix/worker.h"

#include <errno.h>

#define STORE_DIR "/nix/store"

enum message {
	MESSAGE_HELLO,
	MESSAGE_WELCOME,
	MESSAGE_NOTE,
	MESSAGE_PATH_INFO,
	MESSAGE_VALID,
	MESSAGE_DONE,
	MESSAGE_COUNT,
};

static void check_bases(const struct strings *bases)
{
	for (size_t i = 0; i < bases->count; i++) {
		const char *base = bases->items[i];

		MUST(store_path_base_is_valid(base, strlen(base)));
		MUST(i == 0 || strcmp(bases->items[i - 1], base) < 0);
	}
}

static void check_info(const struct path_info *info)
{
	MUST(info->base[0] == '\0');
	MUST(info->deriver[0] == '\0' ||
	     store_path_base_is_valid(info->deriver, strlen(info->deriver)));
	check_bases(&info->references);
}

static int get_info(struct bytes in, size_t *ret_used)
{
	struct path_info info;
	int rc = worker_get_path_info(in, STORE_DIR, ret_used, &info);

	if (rc == 0) {
		check_info(&info);
		path_info_clear(&info);
	}
	return rc == WORKER_NOT_VALID ? 0 : rc;
}

static int get_valid(struct bytes in, size_t *ret_used)
{
	struct strings bases;
	int rc = worker_get_valid(in, STORE_DIR, ret_used, &bases);

	if (rc == 0) {
		check_bases(&bases);
		strings_clear(&bases);
	}
	return rc;
}

static int get_note(struct bytes in, uint64_t version, size_t *ret_used)
{
	struct worker_note note = { .text = { NULL, 0 } };
	int rc = worker_get_note(in, version, ret_used, &note);

	if (rc == 0 && note.text.len > 0) {
		MUST(note.type == WORKER_NOTE_ERROR);
		MUST(note.text.data >= in.data &&
		     note.text.data + note.text.len <= in.data + *ret_used);
	}
	return rc;
}

static int get(enum message message, struct bytes in, uint64_t version,
               size_t *ret_used)
{
	enum worker_trust trust;
	uint64_t spoken;

	switch (message) {
	case MESSAGE_HELLO:
		return worker_get_hello(in, ret_used, &spoken);
	case MESSAGE_WELCOME:
		return worker_get_welcome(in, version, ret_used, &trust);
	case MESSAGE_NOTE:
		return get_note(in, version, ret_used);
	case MESSAGE_PATH_INFO:
		return get_info(in, ret_used);
	case MESSAGE_VALID:
		return get_valid(in, ret_used);
	case MESSAGE_DONE:
		return worker_get_done(in, ret_used);
	case MESSAGE_COUNT:
		break;
	}
	return -EINVAL;
}

/* Some lengths on the way, the last byte's above all. */
static void check_truncations(enum message message, struct bytes in,
                              uint64_t version, size_t used)
{
	size_t step = used / 16 + 1;
	size_t again;

	for (size_t len = 0; len < used; len += step) {
		MUST(get(message, (struct bytes){ in.data, len }, version,
		         &again) == WORKER_MORE);
	}
	if (used > 0) {
		MUST(get(message, (struct bytes){ in.data, used - 1 }, version,
		         &again) == WORKER_MORE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	uint64_t version;

	if (len == 0)
		return 0;
	version = WORKER_VERSION_MIN +
	          bytes[0] % (WORKER_VERSION - WORKER_VERSION_MIN + 1);
	for (enum message m = 0; m < MESSAGE_COUNT; m++) {
		struct bytes in = { bytes + 1, len - 1 };
		size_t used = 0;
		int rc;

		while ((rc = get(m, in, version, &used)) == 0) {
			MUST(used <= in.len);
			check_truncations(m, in, version, used);
			in.data += used;
			in.len -= used;
			if (used == 0)
				break;
		}
		MUST(rc == 0 || rc == WORKER_MORE || rc == -EBADMSG ||
		     rc == -EPROTONOSUPPORT);
	}
	return 0;
}
