/* Whatever bytes an agent answers: every decoder of a reply, and its errors in
 * words.  What was decoded and encoded is decoded again as the same. */
#include "tests/fuzz/fuzz.h"

#include "client/agent_sentence.h"
#include "client/cache/select.h"
#include "protocol/nix/key.h"
#include "protocol/varlink/agent_presign.h"
#include "protocol/varlink/agent_sign.h"
#include "protocol/varlink/agent_status.h"

#include <errno.h>

#define STORE_DIR "/nix/store"
#define BASE      "00000000000000000000000000000000-a"

/* The message without its NUL, decoded. */
static void decode(const struct buffer *out, struct varlink_reply *ret_reply)
{
	MUST(out->len > 0 && out->data[out->len - 1] == '\0');
	MUST(reply_decode((struct bytes){ out->data, out->len - 1 },
	                  ret_reply) == 0);
}

static void read_error(const struct varlink_reply *reply)
{
	cleanup_reply struct varlink_reply again_reply = { .parameters = NULL };
	cleanup_buffer struct buffer out;
	struct agent_error sentence = { .text = "" };
	struct error_reply error, again;

	buffer_init(&out, VARLINK_FRAME_MAX);
	if (reply->error[0] == '\0')
		return;
	MUST(agent_sentence_reply(reply, &sentence) > 0);
	MUST(sentence.text[0] != '\0' && sentence.exit_status > 0);
	fuzz_check_printable(sentence.text, sizeof(sentence.text));

	if (error_reply_decode(reply, &error) < 0)
		return;
	MUST(error_reply_encode(&error, &out) == 0);
	decode(&out, &again_reply);
	MUST(error_reply_decode(&again_reply, &again) == 0);
	MUST(error.error == again.error);
	MUST(error.error != ERROR_SOURCE_FAILED ||
	     (error.failure == again.failure &&
	      error.retry_after == again.retry_after));
	MUST(strcmp(error.text, again.text) == 0);
}

static void check_status(const struct agent_status *status)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	cleanup_buffer struct buffer first, second;
	struct agent_status again;
	char why[512] = "";

	buffer_init(&first, VARLINK_FRAME_MAX);
	buffer_init(&second, VARLINK_FRAME_MAX);
	(void)select_cache(status, NULL, why, sizeof(why));
	(void)select_cache(status, "s3://bucket", why, sizeof(why));
	if (status_reply_encode(status, &first) < 0)
		return; /* escapes may make it longer than it came */
	decode(&first, &reply);
	MUST(status_reply_decode(&reply, &again) == 0);
	MUST(status_reply_encode(&again, &second) == 0);
	MUST(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
	agent_status_clear(&again);
}

static void check_signatures(const struct strings *signatures)
{
	for (size_t i = 0; i < signatures->count; i++) {
		const char *text = signatures->items[i];
		struct signature signature;

		MUST(signature_parse(text, strlen(text), &signature) == 0);
	}
}

static void check_presigned(const struct agent_signed_request *response,
                            const struct agent_pace *pace)
{
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	struct agent_signed_request again;
	struct agent_pace again_pace;
	cleanup_buffer struct buffer out;

	MUST(response->url && strlen(response->url) <= AGENT_URL_MAX);
	MUST(response->header_count <= AGENT_HEADERS_MAX);
	buffer_init(&out, VARLINK_FRAME_MAX);
	MUST(presign_reply_encode(response, 1, pace, &out) == 0);
	decode(&out, &reply);
	MUST(presign_reply_decode(&reply, 1, &again, &again_pace) == 0);
	MUST(pace->in_flight <= AGENT_IN_FLIGHT_MAX &&
	     pace->pause_ms <= AGENT_PAUSE_MAX);
	MUST(pace->in_flight == again_pace.in_flight &&
	     pace->pause_ms == again_pace.pause_ms);
	MUST(strcmp(response->url, again.url) == 0);
	MUST(strcmp(response->method, again.method) == 0);
	MUST(response->header_count == again.header_count);
	MUST(response->expires_at == again.expires_at);
	agent_signed_request_clear(&again);
}

static void read_reply(struct bytes frame)
{
	static const struct path_info path = { .base = BASE };
	const struct path_info *paths[] = { &path };
	cleanup_reply struct varlink_reply reply = { .parameters = NULL };
	struct agent_signed_request response;
	struct agent_pace pace;
	struct agent_status status;
	struct strings signatures;
	enum agent_state state;
	int rc;

	rc = reply_decode(frame, &reply);
	MUST(rc == 0 || rc == -EBADMSG);
	if (rc < 0)
		return;
	read_error(&reply);
	if (unlock_reply_decode(&reply, &state) == 0)
		MUST(state <= AGENT_UNLOCKED);
	if (status_reply_decode(&reply, &status) == 0) {
		check_status(&status);
		agent_status_clear(&status);
	}
	if (sign_reply_decode(&reply, STORE_DIR, paths, 1, &signatures) == 0) {
		check_signatures(&signatures);
		strings_clear(&signatures);
	}
	if (presign_reply_decode(&reply, 1, &response, &pace) == 0) {
		check_presigned(&response, &pace);
		agent_signed_request_clear(&response);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	/* Frames are fuzz_varlink's: here the NUL only ends one. */
	while (len > 0) {
		const uint8_t *end = memchr(bytes, '\0', len);
		size_t frame = end ? (size_t)(end - bytes) : len;

		read_reply((struct bytes){ bytes, frame });
		bytes += end ? frame + 1 : frame;
		len -= end ? frame + 1 : frame;
	}
	return 0;
}
