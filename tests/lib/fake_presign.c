#include "tests/lib/fake_presign.h"

#include "protocol/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIFE_S 300

struct fake_presign *fake_presign_new(unsigned port)
{
	struct fake_presign *fake = calloc(1, sizeof(*fake));

	if (!fake)
		abort();
	fake->port = port;
	return fake;
}

void fake_presign_free(struct fake_presign *fake)
{
	free(fake);
}

struct agent *fake_presign_use(struct fake_presign *fake)
{
	return (struct agent *)(void *)fake;
}

static void copy(struct bytes from, char *to, size_t size)
{
	(void)snprintf(to, size, "%.*s", (int)from.len,
	               from.data ? (const char *)from.data : "");
}

static void note(struct fake_presign *fake, const struct s3_object_request *r)
{
	struct fake_asked *asked = &fake->asked[fake->asked_count];

	if (fake->asked_count == FAKE_PRESIGN_ASKED_MAX)
		return;
	fake->asked_count++;
	asked->operation = r->operation;
	copy(r->key, asked->key, sizeof(asked->key));
	copy(r->prefix, asked->prefix, sizeof(asked->prefix));
	copy(r->key_marker, asked->key_marker, sizeof(asked->key_marker));
	copy(r->upload_id, asked->upload_id, sizeof(asked->upload_id));
	copy(r->upload_id_marker, asked->upload_id_marker,
	     sizeof(asked->upload_id_marker));
	copy(r->continuation_token, asked->token, sizeof(asked->token));
	copy(r->start_after, asked->start_after, sizeof(asked->start_after));
	asked->max_keys = r->max_keys;
	asked->if_none_match = r->if_none_match;
	asked->content_length = r->content_length;
	asked->has_content_md5 = r->has_content_md5;
	memcpy(asked->content_md5, r->content_md5, S3_MD5_LEN);
	asked->part_number = r->part_number;
}

static void add_headers(const struct s3_object_request *r,
                        struct agent_signed_request *target)
{
	if (r->has_content_length) {
		struct agent_header *h =
			&target->headers[target->header_count++];

		(void)snprintf(h->name, sizeof(h->name), "content-length");
		(void)snprintf(h->value, sizeof(h->value), "%llu",
		               (unsigned long long)r->content_length);
	}
	if (r->has_content_md5) {
		struct agent_header *h =
			&target->headers[target->header_count++];

		(void)snprintf(h->name, sizeof(h->name), "content-md5");
		text_base64(r->content_md5, S3_MD5_LEN, h->value);
	}
	if (r->if_none_match) {
		struct agent_header *h =
			&target->headers[target->header_count++];

		(void)snprintf(h->name, sizeof(h->name), "if-none-match");
		(void)snprintf(h->value, sizeof(h->value), "*");
	}
}

static int presign(struct fake_presign *fake, const struct s3_object_request *r,
                   struct agent_signed_request *ret_target)
{
	struct agent_signed_request target = { .url = NULL };
	int64_t now = (int64_t)time(NULL);

	(void)snprintf(target.method, sizeof(target.method), "%s",
	               s3_operation_method(r->operation));
	if (asprintf(&target.url,
	             "http://127.0.0.1:%u/%s/%.*s?" FAKE_PRESIGN_SECRET,
	             fake->port, s3_operation_name(r->operation),
	             (int)r->key.len,
	             r->key.data ? (const char *)r->key.data : "") < 0)
		return -ENOMEM;
	target.expires_at = now + LIFE_S;
	if (fake->expired_count > 0) {
		fake->expired_count--;
		target.expires_at = now - 1;
	}
	add_headers(r, &target);
	*ret_target = target;
	return 0;
}

static int refuse(enum agent_outcome outcome, struct agent_error *error)
{
	error->exit_status = (int)outcome + 1;
	(void)snprintf(error->text, sizeof(error->text), "the agent says %u",
	               (unsigned)outcome);
	return (int)outcome;
}

static void note_pressure(struct fake_presign *fake,
                          const struct agent_pressure *pressure)
{
	if (pressure->slow_downs > 0 || pressure->successes > 0 ||
	    pressure->pause_ms > 0)
		fake->told_count++;
	fake->told.slow_downs += pressure->slow_downs;
	fake->told.successes += pressure->successes;
	fake->told.pause_ms += pressure->pause_ms;
}

int agent_presign(struct agent *agent, const struct presign_order *order,
                  struct agent_signed_request *ret_requests,
                  struct agent_pace *ret_pace, struct agent_error *error)
{
	struct fake_presign *fake = (struct fake_presign *)(void *)agent;
	const struct s3_object_request *requests = order->requests;

	fake->calls++;
	if (fake->outcome != AGENT_OK)
		return refuse(fake->outcome, error);
	for (size_t i = 0; i < order->count && fake->refused_key; i++) {
		if (bytes_equal(requests[i].key,
		                bytes_of_text(fake->refused_key)))
			return refuse(AGENT_E_POLICY, error);
	}
	note_pressure(fake, &order->pressure);
	for (size_t i = 0; i < order->count; i++) {
		int rc;

		note(fake, &requests[i]);
		rc = presign(fake, &requests[i], &ret_requests[i]);
		if (rc < 0)
			return rc;
	}
	*ret_pace = fake->pace;
	return AGENT_OK;
}
