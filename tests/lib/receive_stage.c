#include "tests/lib/receive_stage.h"

#include "client/cache/names.h"
#include "protocol/base/digest.h"
#include "tests/lib/test.h"

#include <zstd.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NAR_MAX ((size_t)64 * 1024 * 1024)

void receive_stage_set_up(struct receive_stage *stage)
{
	static char name[] = "test";
	static char store_dir[] = "/nix/store";

	*stage = (struct receive_stage){ .wake_fd = -1 };
	stage->config.name = name;
	stage->config.store_dir = store_dir;
	stage->config.priority = 30;
	stage->upstream = fake_upstream_new();
	stage->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stage->wake_fd < 0 ||
	    receiver_new(&stage->config, stage->upstream, stage->wake_fd,
	                 &stage->receiver) < 0)
		abort();
}

void receive_stage_tear_down(struct receive_stage *stage)
{
	fake_upstream_free(stage->upstream);
	receiver_free(stage->receiver);
	(void)close(stage->wake_fd);
}

void receive_stage_drain(const struct receive_stage *stage)
{
	uint64_t count;
	ssize_t got = read(stage->wake_fd, &count, sizeof(count));

	(void)got;
}

void receive_stage_wait(const struct receive_stage *stage)
{
	struct pollfd event = { .fd = stage->wake_fd, .events = POLLIN };
	uint64_t count;

	/* A receipt that waits for nothing would wait for ever. */
	if (poll(&event, 1, 20000) != 1 ||
	    read(stage->wake_fd, &count, sizeof(count)) != sizeof(count))
		abort();
}

enum receipt_state receive_stage_settle(struct receive_stage *stage,
                                        struct receipt *receipt)
{
	for (;;) {
		enum receipt_state state;
		struct order *order;

		while ((order = fake_upstream_step(stage->upstream, 0)))
			receipt_take_order(order->owner, order);
		state = receipt_state(receipt);
		if (state != RECEIPT_BUSY)
			return state;
		if (fake_upstream_waiting(stage->upstream) == 0)
			receive_stage_wait(stage);
	}
}

bool receive_stage_write(struct receive_stage *stage, struct receipt *receipt,
                         struct bytes bytes, size_t piece)
{
	while (bytes.len > 0) {
		size_t len = bytes.len < piece ? bytes.len : piece;
		size_t taken = 0;

		if (receive_stage_settle(stage, receipt) != RECEIPT_HUNGRY)
			return false;
		CHECK(receipt_write(receipt, (struct bytes){ bytes.data, len },
		                    &taken) == 0);
		CHECK(taken <= len);
		bytes.data += taken;
		bytes.len -= taken;
	}
	return true;
}

struct receipt *receive_stage_begin(struct receive_stage *stage,
                                    const char *key, const char *encoding)
{
	struct receipt *receipt = NULL;

	if (receipt_begin(stage->receiver, key, encoding, &receipt) < 0)
		abort();
	return receipt;
}

static unsigned end(struct receive_stage *stage, struct receipt *receipt,
                    char *text)
{
	unsigned status;

	receipt_end(receipt);
	CHECK(receive_stage_settle(stage, receipt) == RECEIPT_DONE);
	status = receipt_status(receipt);
	if (text) {
		(void)snprintf(text, RECEIVE_STAGE_TEXT, "%s",
		               receipt_text(receipt));
	}
	receipt_close(receipt);
	return status;
}

unsigned receive_stage_end(struct receive_stage *stage, struct receipt *receipt)
{
	return end(stage, receipt, NULL);
}

unsigned receive_stage_put(struct receive_stage *stage, const char *key,
                           const char *encoding, struct bytes body, char *text)
{
	struct receipt *receipt = receive_stage_begin(stage, key, encoding);

	(void)receive_stage_write(stage, receipt, body, 70000);
	return end(stage, receipt, text);
}

static void put_word(struct buffer *out, const char *word)
{
	static const uint8_t zeros[8];
	const uint8_t len[8] = { (uint8_t)strlen(word) };

	buffer_append(out, len, sizeof(len));
	buffer_append_text(out, word);
	buffer_append(out, zeros, (8 - strlen(word) % 8) % 8);
}

static void put_contents(struct buffer *out, size_t size, unsigned seed)
{
	uint8_t len[8];

	for (size_t i = 0; i < sizeof(len); i++)
		len[i] = (uint8_t)(size >> (8 * i));
	buffer_append(out, len, sizeof(len));
	for (size_t i = 0; i < size; i += 8) {
		seed ^= seed << 13;
		seed ^= seed >> 17;
		seed ^= seed << 5;
		buffer_append(out, &seed, sizeof(seed));
		buffer_append(out, &seed, sizeof(seed));
	}
}

void sample_nar_rename(struct sample_nar *nar)
{
	if (digest_sha256(buffer_bytes(&nar->file), nar->file_hash.sha256) < 0)
		abort();
	names_format_nar(&nar->file_hash,
	                 strcmp(nar->compression, "zstd") == 0 ? ".zst" : "",
	                 nar->key);
}

void sample_nar_make(struct sample_nar *nar, const char *compression,
                     size_t size, unsigned seed)
{
	struct buffer plain;

	buffer_init(&plain, NAR_MAX);
	put_word(&plain, "nix-archive-1");
	put_word(&plain, "(");
	put_word(&plain, "type");
	put_word(&plain, "regular");
	put_word(&plain, "contents");
	put_contents(&plain, size - SAMPLE_NAR_LEAST, seed * 2 + 1);
	put_word(&plain, ")");
	buffer_init(&nar->file, NAR_MAX);
	nar->compression = compression;
	nar->nar_size = plain.len;
	if (buffer_end(&plain) < 0 ||
	    digest_sha256(buffer_bytes(&plain), nar->nar_hash.sha256) < 0)
		abort();
	if (strcmp(compression, "zstd") == 0) {
		size_t bound = ZSTD_compressBound(plain.len);
		uint8_t *room = buffer_reserve(&nar->file, bound);

		if (!room)
			abort();
		nar->file.len =
			ZSTD_compress(room, bound, plain.data, plain.len, 1);
	} else {
		buffer_append_bytes(&nar->file, buffer_bytes(&plain));
	}
	buffer_clear(&plain);
	sample_nar_rename(nar);
}

void sample_nar_clear(struct sample_nar *nar)
{
	buffer_clear(&nar->file);
}
