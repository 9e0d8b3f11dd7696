/* What door, vault and launcher say to each other: every frame and its body.
 * What was understood, said again, must be the same bytes. */
#include "tests/fuzz/fuzz.h"

#include "agent/wire.h"
#include "protocol/base/fd.h"

#include <sys/socket.h>
#include <unistd.h>

#define MEASURES_MAX 64

static void check_same(const struct buffer *said,
                       const struct wire_frame *frame)
{
	MUST(buffer_end(said) == 0 && said->len == frame->size);
	MUST(memcmp(said->data + WIRE_HEADER_LEN, frame->body.data,
	            frame->body.len) == 0);
}

static void read_sign(const struct wire_frame *frame, struct buffer *said)
{
	struct bytes *references =
		calloc(WIRE_REFERENCES_MAX, sizeof(*references));
	struct vault_sign sign;

	MUST(references);
	if (wire_get_sign(frame->body, references, &sign) == 0) {
		wire_put_sign(said, frame->tag, &sign);
		check_same(said, frame);
	}
	free(references);
}

static void read_presign(const struct wire_frame *frame, struct buffer *said)
{
	struct s3_object_request request;
	uint16_t cache;

	if (wire_get_presign(frame->body, &cache, &request) == 0) {
		(void)s3_object_request_check(&request);
		wire_put_presign(said, frame->tag, cache, &request);
		check_same(said, frame);
	}
}

static void read_hello(const struct wire_frame *frame, struct buffer *said)
{
	struct agent_measure measures[MEASURES_MAX];
	uint8_t key[KEY_PUBLIC_LEN];
	size_t count;

	if (wire_get_hello(frame->body, measures, MEASURES_MAX, &count, key) ==
	    0) {
		wire_put_hello(said, measures, count, key);
		check_same(said, frame);
	}
}

static void read_refused(const struct wire_frame *frame, struct buffer *said)
{
	struct vault_refused refused;

	if (wire_get_refused(frame->body, &refused) == 0) {
		wire_put_refused(said, frame->tag, refused.refusal,
		                 refused.slot, refused.detail);
		check_same(said, frame);
	}
}

static void read_seal(const struct wire_frame *frame, struct buffer *said)
{
	struct vault_seal seal;

	if (wire_get_seal(frame->body, &seal) == 0) {
		wire_put_seal(said, frame->tag, &seal);
		check_same(said, frame);
	}
}

static void read_sealed(const struct wire_frame *frame, struct buffer *said)
{
	struct vault_sealed sealed;

	if (wire_get_sealed(frame->body, &sealed) == 0) {
		wire_put_sealed(said, frame->tag, &sealed);
		check_same(said, frame);
	}
}

/* Every body is read as every type: whoever reads trusts no type either. */
static void read_frame(const struct wire_frame *frame)
{
	void (*const readers[])(const struct wire_frame *,
	                        struct buffer *) = { read_sign,  read_presign,
		                                     read_hello, read_refused,
		                                     read_seal,  read_sealed };

	for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++) {
		cleanup_buffer struct buffer said;

		buffer_init(&said, WIRE_FRAME_MAX);
		readers[i](frame, &said);
	}
}

static void read_packet(struct bytes packet)
{
	struct launcher_packet got;
	int pair[2];

	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	if (fd_send(pair[0], packet.data, packet.len, -1) == 0 &&
	    wire_receive_launcher(pair[1], &got) > 0) {
		MUST(got.fd == -1 && got.errand.fd == -1);
		MUST(got.type != LAUNCHER_VAULT);
		if (got.type == LAUNCHER_FETCHED ||
		    got.type == LAUNCHER_REFUSED) {
			MUST(strnlen(got.outcome.detail, WIRE_DETAIL_MAX) <
			     WIRE_DETAIL_MAX);
			MUST(wire_send_outcome(pair[0], got.type,
			                       &got.outcome) == 0);
		} else if (got.type == LAUNCHER_ERRAND ||
		           got.type == LAUNCHER_ERRAND_DONE) {
			MUST(strnlen(got.errand.text, ERRAND_TEXT_MAX) <
			     ERRAND_TEXT_MAX);
			MUST(wire_send_errand(pair[0], got.type, &got.errand) ==
			     0);
		} else {
			MUST(wire_send_launcher(pair[0], got.type, -1) == 0);
		}
	}
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct bytes left = { bytes, len };
	struct wire_frame frame;

	if (len > 0 && len <= 1024)
		read_packet(left);
	while (wire_next(left, &frame) > 0) {
		MUST(frame.size <= left.len && frame.size >= WIRE_HEADER_LEN);
		read_frame(&frame);
		left.data += frame.size;
		left.len -= frame.size;
	}
	return 0;
}
