#include "agent/door/submit.h"

#include "protocol/base/cursor.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

uint64_t submit_work_id(uint64_t tag)
{
	return tag >> SUBMIT_ITEM_BITS;
}

static uint64_t tag_of(const struct work *work, size_t item)
{
	return work->id << SUBMIT_ITEM_BITS | item;
}

/* "/nix/store/abc-x" without "/nix/store/"; both were checked before. */
static struct bytes base_of(const struct config_cache *cache, const char *path)
{
	return bytes_of_text(path + strlen(cache->store_dir) + 1);
}

const char *submit_base_of(const struct config_cache *cache,
                           const struct sign_path *path)
{
	return path->store_path + strlen(cache->store_dir) + 1;
}

static bool has_signing_key(const struct config *config, uint16_t cache)
{
	for (size_t i = 0; i < config->slot_count; i++) {
		if (config->slots[i].cache == cache &&
		    config->slots[i].kind == SECRET_SIGNING_KEY)
			return true;
	}
	return false;
}

static int not_supported(const struct config_cache *cache, const char *reason,
                         struct error_reply *ret_error)
{
	*ret_error = error_reply_make(ERROR_NOT_SUPPORTED, reason);
	(void)snprintf(ret_error->cache, sizeof(ret_error->cache), "%s",
	               cache->name);
	return CALL_E_REFUSED;
}

static int invalid(const char *parameter, struct error_reply *ret_error)
{
	*ret_error = error_reply_make(ERROR_INVALID_PARAMETER, parameter);
	return CALL_E_REFUSED;
}

static int check_path(const struct config_cache *cache,
                      const struct sign_path *path,
                      struct error_reply *ret_error)
{
	char base[STORE_PATH_BASE_SIZE];

	if (store_path_parse(cache->store_dir, path->store_path,
	                     strlen(path->store_path), base) < 0)
		return invalid("storePath", ret_error);
	if (path->references.count > WIRE_REFERENCES_MAX)
		return invalid("references", ret_error);
	for (size_t i = 0; i < path->references.count; i++) {
		const char *reference = path->references.items[i];

		if (store_path_parse(cache->store_dir, reference,
		                     strlen(reference), base) < 0)
			return invalid("references", ret_error);
	}
	return CALL_OK;
}

int submit_check_sign(const struct door *door, const struct work *work,
                      struct error_reply *ret_error)
{
	const struct config_cache *cache = &door->config->caches[work->cache];
	int rc = CALL_OK;

	if (!has_signing_key(door->config, work->cache)) {
		return not_supported(cache, "the cache has no signing-key",
		                     ret_error);
	}
	for (size_t i = 0; i < work->sign.count && rc == CALL_OK; i++)
		rc = check_path(cache, &work->sign.paths[i], ret_error);
	return rc;
}

int submit_check_presign(const struct door *door, const struct work *work,
                         struct error_reply *ret_error)
{
	const struct config_cache *cache = &door->config->caches[work->cache];

	if (cache->store.kind != STORE_URI_S3) {
		return not_supported(cache,
		                     "the cache is a folder, not a bucket",
		                     ret_error);
	}
	for (size_t i = 0; i < work->presign.count; i++) {
		const char *field =
			s3_object_request_check(&work->presign.requests[i]);

		if (field)
			return invalid(field, ret_error);
	}
	return CALL_OK;
}

static void submit_path(struct door *door, const struct work *work, size_t item)
{
	const struct config_cache *cache = &door->config->caches[work->cache];
	const struct sign_path *path = &work->sign.paths[item];
	const struct vault_sign sign = {
		.cache = work->cache,
		.base = base_of(cache, path->store_path),
		.nar_hash = path->nar_hash,
		.nar_size = path->nar_size,
		.references = door->references,
		.reference_count = path->references.count,
	};

	for (size_t i = 0; i < path->references.count; i++)
		door->references[i] = base_of(cache, path->references.items[i]);
	wire_put_sign(&door->vault.out, tag_of(work, item), &sign);
}

int submit_work(struct door *door, struct work *work, size_t max)
{
	const size_t left = work_item_count(work) - work->submitted;
	const size_t end = work->submitted + (left < max ? left : max);

	for (size_t i = work->submitted; i < end; i++) {
		if (work->method == AGENT_METHOD_SIGN) {
			submit_path(door, work, i);
		} else {
			wire_put_presign(&door->vault.out, tag_of(work, i),
			                 work->cache,
			                 &work->presign.requests[i]);
		}
	}
	door->vault.asked += end - work->submitted;
	work->submitted = end;
	return buffer_end(&door->vault.out);
}

static int take_signatures(const struct work *work, size_t item,
                           struct bytes body, struct buffer *out)
{
	struct bytes signatures[AGENT_KEYS_MAX];
	struct cursor c;
	unsigned count;

	cursor_init(&c, body);
	count = cursor_get_u8(&c);
	if (count > AGENT_KEYS_MAX)
		return -EBADMSG;
	for (unsigned i = 0; i < count; i++)
		signatures[i] = cursor_get_bytes(&c, KEY_SIGNATURE_TEXT_SIZE);
	if (cursor_end(&c) < 0)
		return -EBADMSG;
	sign_reply_add(out, work->sign.paths[item].store_path, signatures,
	               count);
	return 0;
}

static void add_header(struct presign_response *response, const char *name,
                       struct bytes value)
{
	response->headers[response->header_count++] =
		(struct presign_header){ name, value };
}

/* The headers that the vault has signed, as the client must send them. */
static void put_response(const struct s3_object_request *request,
                         struct presign_response *response, struct buffer *out)
{
	/* cppcheck-suppress variableScope ; the response points to them */
	char length[24], md5[TEXT_BASE64_SIZE(S3_MD5_LEN)];
	struct buffer text;

	if (request->has_content_length) {
		buffer_wrap(&text, length, sizeof(length));
		buffer_append_u64(&text, request->content_length);
		add_header(response, "content-length", buffer_bytes(&text));
	}
	if (request->has_content_md5) {
		text_base64(request->content_md5, S3_MD5_LEN, md5);
		add_header(response, "content-md5", bytes_of_text(md5));
	}
	if (request->if_none_match)
		add_header(response, "if-none-match", bytes_of_text("*"));
	presign_reply_add(out, response);
}

static int take_url(const struct work *work, size_t item, struct bytes body,
                    struct buffer *out)
{
	const struct s3_object_request *request = &work->presign.requests[item];
	struct presign_response response = {
		.method = s3_operation_method(request->operation),
	};
	struct cursor c;

	cursor_init(&c, body);
	response.expires_at = (int64_t)cursor_get_u64(&c);
	response.url = cursor_get_bytes(&c, AGENT_URL_MAX);
	if (cursor_end(&c) < 0)
		return -EBADMSG;
	put_response(request, &response, out);
	return 0;
}

static void begin_reply(const struct work *work, struct buffer *out)
{
	(void)(work->method == AGENT_METHOD_SIGN ? sign_reply_begin(out)
	                                         : presign_reply_begin(out));
}

/* The vault answers in the order in which it was asked. */
int submit_take_answer(struct work *work, const struct wire_frame *frame,
                       struct buffer *out)
{
	const bool is_sign = work->method == AGENT_METHOD_SIGN;
	size_t item = frame->tag & ((1U << SUBMIT_ITEM_BITS) - 1);
	int rc;

	if (item != work->answered || item >= work_item_count(work) ||
	    frame->type != (is_sign ? VAULT_SIGNED : VAULT_URL))
		return -EBADMSG;
	if (item == 0)
		begin_reply(work, out);
	rc = is_sign ? take_signatures(work, item, frame->body, out)
	             : take_url(work, item, frame->body, out);
	if (rc == 0)
		work->answered++;
	return rc;
}

int submit_end_reply(const struct work *work, const struct agent_pace *pace,
                     struct buffer *out)
{
	return work->method == AGENT_METHOD_SIGN
	               ? sign_reply_end(out, work->out_mark)
	               : presign_reply_end(out, work->out_mark, pace);
}
