#include "agent/door/audit/line.h"

#include "protocol/base/text.h"
#include "protocol/s3/sigv4.h"
#include "protocol/varlink/json_write.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TIME_SIZE 40

/* libc's calendar would read the time zone's file, which the door cannot. */
static void format_time(char out[TIME_SIZE])
{
	char date[SIGV4_DATE_LEN + 1];
	struct timespec now = { 0, 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	sigv4_format_date(now.tv_sec, date);
	(void)snprintf(out, TIME_SIZE, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s.%03uZ",
	               date, date + 4, date + 6, date + 9, date + 11, date + 13,
	               (unsigned)(now.tv_nsec / 1000000) % 1000);
}

void line_put_text(struct buffer *out, const char *key, const char *text)
{
	json_put_text_member(out, key, bytes_of_text(text));
}

void line_put_number(struct buffer *out, const char *key, uint64_t number)
{
	json_put_key(out, key);
	buffer_append_u64(out, number);
}

void line_put_hex(struct buffer *out, const char *key,
                  const uint8_t bytes[LINE_HEX_LEN])
{
	char hex[2 * LINE_HEX_LEN + 1];

	text_hex(bytes, LINE_HEX_LEN, hex);
	line_put_text(out, key, hex);
}

void line_begin(struct buffer *out, uint64_t sequence, const char *event)
{
	char time_text[TIME_SIZE];

	format_time(time_text);
	buffer_rewind(out);
	buffer_append_char(out, '{');
	line_put_number(out, "seq", sequence);
	line_put_text(out, "time", time_text);
	line_put_text(out, "event", event);
}

void line_end(struct buffer *out, const uint8_t head[DIGEST_SHA256_LEN])
{
	line_put_hex(out, "prev", head);
	buffer_append_text(out, "}\n");
}

static void begin_element(struct buffer *out)
{
	json_put_next(out);
	buffer_append_char(out, '{');
}

void line_put_certificates(struct buffer *out,
                           const struct strings *public_keys,
                           const struct strings *certificates)
{
	json_put_key(out, "certificates");
	buffer_append_char(out, '[');
	for (size_t i = 0; i < certificates->count && i < public_keys->count;
	     i++) {
		begin_element(out);
		line_put_text(out, "key", public_keys->items[i]);
		line_put_text(out, "signature", certificates->items[i]);
		buffer_append_char(out, '}');
	}
	buffer_append_char(out, ']');
}

static void put_path(struct buffer *out, const struct sign_path *path)
{
	char hash[NIX_HASH_TEXT_SIZE];

	nix_hash_format(&path->nar_hash, hash);
	begin_element(out);
	line_put_text(out, "path", path->store_path);
	line_put_text(out, "narHash", hash);
	line_put_number(out, "narSize", path->nar_size);
	buffer_append_char(out, '}');
}

static void put_object(struct buffer *out,
                       const struct s3_object_request *request)
{
	begin_element(out);
	line_put_text(out, "operation", s3_operation_name(request->operation));
	if (request->key.data)
		json_put_text_member(out, "key", request->key);
	if (request->has_content_length) {
		line_put_number(out, "contentLength", request->content_length);
	}
	line_put_number(out, "expires",
	                request->expires > 0 ? request->expires
	                                     : S3_EXPIRES_USUAL);
	buffer_append_char(out, '}');
}

static void put_items(struct buffer *out, const struct audit_event *event)
{
	if (event->sign) {
		json_put_key(out, "paths");
		buffer_append_char(out, '[');
		for (size_t i = 0; i < event->sign->count; i++)
			put_path(out, &event->sign->paths[i]);
		buffer_append_char(out, ']');
	} else if (event->presign) {
		json_put_key(out, "objects");
		buffer_append_char(out, '[');
		for (size_t i = 0; i < event->presign->count; i++)
			put_object(out, &event->presign->requests[i]);
		buffer_append_char(out, ']');
	}
}

static void put_peer(struct buffer *out, const struct peer *peer)
{
	line_put_number(out, "uid", peer->uid);
	line_put_number(out, "pid", (uint64_t)peer->pid);
	if (peer->start > 0)
		line_put_number(out, "start", peer->start);
	if (peer->exe[0] != '\0')
		line_put_text(out, "exe", peer->exe);
}

void line_put_call(struct buffer *out, const struct audit_event *event)
{
	put_peer(out, event->peer);
	line_put_text(out, "scope", event->scope);
	if (event->cache)
		line_put_text(out, "cache", event->cache);
	put_items(out, event);
	line_put_text(out, "decision", event->decision);
	line_put_text(out, "rule", event->rule);
}
