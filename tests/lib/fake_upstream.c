#include "tests/lib/fake_upstream.h"

#include "protocol/base/exit_status.h"
#include "protocol/nix/key.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BODY_MAX ((size_t)256 * 1024 * 1024)
#define PIECE    ((size_t)100 * 1000)

struct order *order_new(enum order_type type, void *owner)
{
	struct order *order = calloc(1, sizeof(*order));

	if (!order)
		abort();
	order->type = type;
	order->owner = owner;
	return order;
}

void order_free(struct order *order)
{
	buffer_clear(&order->result.response);
	free(order->url);
	strings_clear(&order->signatures);
	free(order);
}

struct upstream *fake_upstream_new(void)
{
	struct upstream *u = calloc(1, sizeof(*u));

	if (!u)
		abort();
	u->random = 88172645U;
	u->exit_status = EXIT_FAILED;
	return u;
}

void fake_upstream_free(struct upstream *upstream)
{
	struct order *next;

	for (struct order *o = upstream->first; o; o = next) {
		next = o->next;
		order_free(o);
	}
	for (size_t i = 0; i < FAKE_OBJECTS_MAX; i++)
		buffer_clear(&upstream->objects[i].body);
	for (size_t i = 0; i < FAKE_UPLOADS_MAX; i++)
		buffer_clear(&upstream->uploads[i].body);
	free(upstream);
}

/* Marsaglia's xorshift. */
unsigned fake_upstream_random(struct upstream *upstream, unsigned below)
{
	unsigned *state = &upstream->random;

	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % below;
}

void upstream_submit(struct upstream *upstream, struct order *order)
{
	order->next = NULL;
	if (upstream->last) {
		upstream->last->next = order;
	} else {
		upstream->first = order;
	}
	upstream->last = order;
}

size_t fake_upstream_waiting(const struct upstream *upstream)
{
	size_t count = 0;

	for (const struct order *o = upstream->first; o; o = o->next)
		count++;
	return count;
}

static struct order *take_waiting(struct upstream *u, size_t at)
{
	struct order *before = NULL;
	struct order *order = u->first;

	for (; order && at > 0; at--) {
		before = order;
		order = order->next;
	}
	if (!order)
		return NULL;
	if (before) {
		before->next = order->next;
	} else {
		u->first = order->next;
	}
	if (u->last == order)
		u->last = before;
	return order;
}

static struct fake_object *find(struct upstream *u, const char *key)
{
	for (size_t i = 0; i < FAKE_OBJECTS_MAX; i++) {
		if (strcmp(u->objects[i].key, key) == 0)
			return &u->objects[i];
	}
	return NULL;
}

const struct fake_object *fake_upstream_find(const struct upstream *upstream,
                                             const char *key)
{
	for (size_t i = 0; i < FAKE_OBJECTS_MAX; i++) {
		if (strcmp(upstream->objects[i].key, key) == 0)
			return &upstream->objects[i];
	}
	return NULL;
}

void fake_upstream_empty(struct upstream *upstream)
{
	for (size_t i = 0; i < FAKE_OBJECTS_MAX; i++) {
		buffer_clear(&upstream->objects[i].body);
		upstream->objects[i].key[0] = '\0';
	}
}

void fake_upstream_add(struct upstream *upstream, const char *key,
                       struct bytes body)
{
	struct fake_object *object = find(upstream, key);

	if (!object)
		object = find(upstream, "");
	if (!object)
		abort();
	(void)snprintf(object->key, sizeof(object->key), "%s", key);
	buffer_clear(&object->body);
	buffer_init(&object->body, BODY_MAX);
	buffer_append_bytes(&object->body, body);
}

size_t fake_upstream_objects(const struct upstream *upstream)
{
	size_t count = 0;

	for (size_t i = 0; i < FAKE_OBJECTS_MAX; i++)
		count += upstream->objects[i].key[0] != '\0';
	return count;
}

size_t fake_upstream_uploads(const struct upstream *upstream)
{
	size_t count = 0;

	for (size_t i = 0; i < FAKE_UPLOADS_MAX; i++)
		count += upstream->uploads[i].id[0] != '\0';
	return count;
}

static struct fake_upload *find_upload(struct upstream *u, const char *id)
{
	for (size_t i = 0; i < FAKE_UPLOADS_MAX; i++) {
		if (strcmp(u->uploads[i].id, id) == 0)
			return &u->uploads[i];
	}
	return NULL;
}

static void begin(struct upstream *u, struct order *order)
{
	struct fake_upload *upload = find_upload(u, "");

	if (!upload)
		abort();
	(void)snprintf(upload->id, sizeof(upload->id), "id-%u",
	               ++u->upload_count);
	(void)snprintf(upload->key, sizeof(upload->key), "%s", order->step.key);
	upload->parts = 0;
	buffer_init(&upload->body, BODY_MAX);
	(void)snprintf(order->result.text, sizeof(order->result.text), "%s",
	               upload->id);
}

static void drop(struct fake_upload *upload)
{
	buffer_clear(&upload->body);
	upload->id[0] = '\0';
}

static void part(struct upstream *u, struct order *order)
{
	struct fake_upload *upload = find_upload(u, order->step.upload_id);

	if (!upload || strcmp(upload->key, order->step.key) != 0 ||
	    order->step.part_number != ++upload->parts)
		abort();
	if (order->step.body_len > u->largest_part)
		u->largest_part = order->step.body_len;
	buffer_append(&upload->body, order->step.body, order->step.body_len);
	(void)snprintf(order->result.text, sizeof(order->result.text),
	               "etag-%u", upload->parts);
}

static void complete(struct upstream *u, const struct order *order)
{
	struct fake_upload *upload = find_upload(u, order->step.upload_id);
	char etag[32];

	if (!upload || order->step.etags->count != upload->parts)
		abort();
	for (unsigned i = 0; i < upload->parts; i++) {
		(void)snprintf(etag, sizeof(etag), "etag-%u", i + 1);
		if (strcmp(order->step.etags->items[i], etag) != 0)
			abort();
	}
	fake_upstream_add(u, order->step.key, buffer_bytes(&upload->body));
	drop(upload);
}

static void abort_upload(struct upstream *u, const struct order *order)
{
	struct fake_upload *upload = find_upload(u, order->step.upload_id);

	if (!upload)
		abort();
	drop(upload);
}

static void get(struct upstream *u, struct order *order)
{
	const struct fake_object *object = find(u, order->step.key);

	if (!object) {
		order->result.outcome = CACHE_MISSING;
		return;
	}
	buffer_init(&order->result.response, BODY_MAX);
	buffer_append_bytes(&order->result.response,
	                    buffer_bytes(&object->body));
}

/* True if it was taken; false if its reader has gone. */
static bool pour(struct conduit *sink, struct bytes bytes)
{
	struct pollfd wake = { .events = POLLIN };
	uint64_t count;
	int rc = 0;

	wake.fd = eventfd(0, EFD_CLOEXEC);
	conduit_wake_writer(sink, wake.fd);
	while (bytes.len > 0 && rc == 0) {
		size_t len = bytes.len < PIECE ? bytes.len : PIECE;

		rc = conduit_put(sink, (struct bytes){ bytes.data, len });
		if (rc == -EAGAIN && poll(&wake, 1, -1) == 1 &&
		    read(wake.fd, &count, sizeof(count)) == sizeof(count)) {
			rc = 0;
			continue;
		}
		bytes.data += len;
		bytes.len -= len;
	}
	conduit_wake_writer(sink, -1);
	(void)close(wake.fd);
	return rc == 0;
}

static void fetch(struct upstream *u, struct order *order)
{
	const struct fake_object *object = find(u, order->step.key);

	if (!object) {
		order->result.outcome = CACHE_MISSING;
		conduit_end(order->step.sink, -ENOENT, "not there");
	} else if (pour(order->step.sink, buffer_bytes(&object->body))) {
		conduit_end(order->step.sink, 0, NULL);
	} else {
		order->result.outcome = CACHE_FAILED;
		order->result.exit_status = EXIT_FAILED;
		(void)snprintf(order->result.error, sizeof(order->result.error),
		               "its reader has gone");
	}
}

static void fail(struct upstream *u, struct order *order)
{
	order->result.outcome = CACHE_FAILED;
	order->result.exit_status = u->exit_status;
	(void)snprintf(order->result.error, sizeof(order->result.error),
	               "said a test");
	if (order->type == ORDER_STEP && order->step.sink)
		conduit_end(order->step.sink, -EIO, "said a test");
}

static void sign(struct upstream *u, struct order *order)
{
	static const char text[] = "our-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
				   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
				   "AAAAAAA==";

	if (u->refuses_to_sign) {
		fail(u, order);
		return;
	}
	u->signed_count++;
	u->last_signed = (struct path_info){
		.nar_hash = order->path->nar_hash,
		.nar_size = order->path->nar_size,
	};
	memcpy(u->last_signed.base, order->path->base,
	       sizeof(u->last_signed.base));
	if (strings_add(&order->signatures, text, strlen(text)) < 0)
		abort();
}

static void carry_out(struct upstream *u, struct order *order)
{
	const struct cache_step *step = &order->step;

	switch (step->type) {
	case CACHE_CHECK:
		order->result.outcome = find(u, step->key) ? CACHE_OK
		                                           : CACHE_MISSING;
		break;
	case CACHE_GET:
		get(u, order);
		break;
	case CACHE_FETCH:
		fetch(u, order);
		break;
	case CACHE_PUT:
		fake_upstream_add(u, step->key,
		                  (struct bytes){ step->body, step->body_len });
		break;
	case CACHE_BEGIN:
		begin(u, order);
		break;
	case CACHE_PART:
		if (u->loses_parts) {
			order->result.outcome = CACHE_MISSING;
		} else {
			part(u, order);
		}
		break;
	case CACHE_COMPLETE:
		complete(u, order);
		break;
	case CACHE_ABORT:
		abort_upload(u, order);
		break;
	case CACHE_FIND_UPLOAD:
	case CACHE_LIST:
	case CACHE_DELETE:
		abort();
	}
}

static bool is_to_fail(struct upstream *u, const struct order *order)
{
	if (order->step.type == CACHE_ABORT)
		return false;
	if (u->fails && order->step.type == u->failing)
		return true;
	return u->fail_percent > 0 &&
	       fake_upstream_random(u, 100) < u->fail_percent;
}

struct order *fake_upstream_step(struct upstream *upstream, size_t at)
{
	struct order *order = take_waiting(upstream, at);

	if (!order)
		return NULL;
	order->result.type = order->step.type;
	order->result.tag = order->step.tag;
	if (order->type == ORDER_SIGN) {
		sign(upstream, order);
		return order;
	}
	upstream->counts[order->step.type]++;
	if (is_to_fail(upstream, order)) {
		fail(upstream, order);
	} else {
		carry_out(upstream, order);
	}
	return order;
}
