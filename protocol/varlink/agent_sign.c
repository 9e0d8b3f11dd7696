#include "protocol/varlink/agent_sign.h"

#include "protocol/nix/key.h"
#include "protocol/varlink/interface.h"
#include "protocol/varlink/json_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAR_SIZE_MAX 999999999999999999 /* what SCAN_DIGITS_MAX can say */

void sign_call_clear(struct sign_call *sign)
{
	free(sign->paths);
	free((void *)sign->references);
	json_tree_put(sign->texts);
	*sign = (struct sign_call){ .paths = NULL };
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted and without repeats, as most senders send them. */
static void put_in_order(struct strings *list)
{
	size_t kept = 0, i = 1;

	while (i < list->count &&
	       strcmp(list->items[i - 1], list->items[i]) < 0)
		i++;
	if (i >= list->count)
		return;
	qsort((void *)list->items, list->count, sizeof(*list->items), compare);
	for (i = 1; i < list->count; i++) {
		if (strcmp(list->items[kept], list->items[i]) != 0)
			list->items[++kept] = list->items[i];
	}
	list->count = kept + 1;
}

/* On failure record says why.  references: room for all. */
static int decode_path(const struct json_value *object, struct record *record,
                       struct sign_path *path, char **references)
{
	struct bytes hash;

	record_read(record, &shape_path_info, object, RECORD_STRICT);
	path->store_path = record_chars(record, PATH_INFO_FIELD_STORE_PATH,
	                                STORE_PATH_MAX);
	hash = record_text(record, PATH_INFO_FIELD_NAR_HASH,
	                   NIX_HASH_TEXT_SIZE - 1);
	/* Of the forms that Nix reads, only sha256:<nix32> has this length. */
	if (!record->error && (hash.len != NIX_HASH_TEXT_SIZE - 1 ||
	                       nix_hash_parse((const char *)hash.data, hash.len,
	                                      &path->nar_hash) < 0))
		record_refuse(record, PATH_INFO_FIELD_NAR_HASH);
	path->nar_size = (uint64_t)record_int(record, PATH_INFO_FIELD_NAR_SIZE,
	                                      1, NAR_SIZE_MAX, 0);
	path->references.items = references;
	path->references.count = record_list_chars(
		record, PATH_INFO_FIELD_REFERENCES, STORE_PATH_MAX, references);
	path->references.capacity = path->references.count;
	put_in_order(&path->references);
	return record_end(record);
}

/* values: how many there are in the call. */
static int decode_paths(struct record *batch, struct record *item,
                        size_t values, struct sign_call *sign)
{
	size_t count = record_list(batch, BATCH_FIELD_ITEMS, AGENT_BATCH_MAX);
	size_t used = 0;

	if (count == 0) {
		record_refuse(batch, BATCH_FIELD_ITEMS);
		return record_end(batch);
	}
	sign->paths = calloc(count, sizeof(*sign->paths));
	sign->references = (char **)calloc(values, sizeof(*sign->references));
	if (!sign->paths || !sign->references)
		return -ENOMEM;

	for (size_t i = 0; i < count; i++) {
		const struct json_value *object =
			record_item(batch, BATCH_FIELD_ITEMS, i);
		int rc;

		if (!object)
			return record_end(batch);
		sign->count = i + 1;
		rc = decode_path(object, item, &sign->paths[i],
		                 sign->references + used);
		if (rc < 0)
			return rc;
		used += sign->paths[i].references.count;
	}
	return 0;
}

int sign_call_decode(const struct varlink_call *call,
                     struct sign_call *ret_sign, struct error_reply *ret_error)
{
	struct sign_call sign = { .paths = NULL };
	struct record batch, item = { .bad = NULL };
	int rc;

	record_read(&batch, &interface_method(AGENT_METHOD_SIGN)->call,
	            call->parameters, RECORD_STRICT);
	record_copy_text(&batch, BATCH_FIELD_CACHE, sign.cache,
	                 sizeof(sign.cache));
	rc = record_end(&batch);
	if (rc == 0)
		rc = decode_paths(&batch, &item, call->parameters->size, &sign);
	if (rc == 0) {
		sign.texts = json_tree_get(call->tree);
		/* gcc's analyzer does not see a pointer move with a struct. */
		*ret_sign = sign;
		ret_sign->paths = sign.paths;
		return CALL_OK;
	}

	sign_call_clear(&sign);
	if (rc != -EINVAL)
		return rc;
	*ret_error = error_reply_make(ERROR_INVALID_PARAMETER,
	                              batch.bad ? batch.bad : item.bad);
	return CALL_E_REFUSED;
}

static void put_store_path(struct buffer *out, const char *store_dir,
                           const char *base)
{
	char path[STORE_PATH_SIZE];
	struct buffer text;

	buffer_wrap(&text, path, sizeof(path));
	buffer_append_text(&text, store_dir);
	buffer_append_char(&text, '/');
	buffer_append_text(&text, base);
	if (buffer_end(&text) < 0)
		out->error = -EMSGSIZE;
	json_put_text(out, buffer_bytes(&text));
}

static void put_path_info(struct buffer *out, const char *store_dir,
                          const struct path_info *path)
{
	char hash[NIX_HASH_TEXT_SIZE];

	nix_hash_format(&path->nar_hash, hash);
	buffer_append_char(out, '{');
	json_put_key(out, "storePath");
	put_store_path(out, store_dir, path->base);
	json_put_text_member(out, "narHash", bytes_of_text(hash));
	json_put_int_member(out, "narSize", (int64_t)path->nar_size);
	json_put_key(out, "references");
	buffer_append_char(out, '[');
	for (size_t i = 0; i < path->references.count; i++) {
		json_put_next(out);
		put_store_path(out, store_dir, path->references.items[i]);
	}
	buffer_append_text(out, "]}");
}

int sign_call_encode(const char *cache, const char *store_dir,
                     const struct path_info *const *paths, size_t count,
                     struct buffer *out)
{
	size_t mark =
		call_begin(out, agent_method_name(AGENT_METHOD_SIGN), false);

	json_put_text_member(out, "cache", bytes_of_text(cache));
	json_put_key(out, "paths");
	buffer_append_char(out, '[');
	for (size_t i = 0; i < count; i++) {
		json_put_next(out);
		put_path_info(out, store_dir, paths[i]);
	}
	buffer_append_char(out, ']');
	return call_end(out, mark);
}

size_t sign_reply_begin(struct buffer *out)
{
	size_t mark = call_begin_reply(out, false);

	json_put_key(out, "signatures");
	buffer_append_char(out, '[');
	return mark;
}

void sign_reply_add(struct buffer *out, const char *store_path,
                    const struct bytes *signatures, size_t count)
{
	json_put_next(out);
	buffer_append_char(out, '{');
	json_put_text_member(out, "storePath", bytes_of_text(store_path));
	json_put_key(out, "signatures");
	buffer_append_char(out, '[');
	for (size_t i = 0; i < count; i++) {
		json_put_next(out);
		json_put_text(out, signatures[i]);
	}
	buffer_append_text(out, "]}");
}

int sign_reply_end(struct buffer *out, size_t mark)
{
	buffer_append_char(out, ']');
	return call_end(out, mark);
}

int sign_reply_encode(const struct sign_call *sign,
                      const struct strings *signatures, struct buffer *out)
{
	size_t mark = sign_reply_begin(out);

	for (size_t i = 0; i < sign->count; i++) {
		struct bytes texts[AGENT_KEYS_MAX];
		size_t count = signatures[i].count;

		if (count > AGENT_KEYS_MAX)
			count = AGENT_KEYS_MAX;
		for (size_t k = 0; k < count; k++)
			texts[k] = bytes_of_text(signatures[i].items[k]);
		sign_reply_add(out, sign->paths[i].store_path, texts, count);
	}
	return sign_reply_end(out, mark);
}

/* True for exactly store_dir, a slash and base. */
static bool is_store_path(struct bytes text, const char *store_dir,
                          const char *base)
{
	size_t dir_len = strlen(store_dir);

	return text.len == dir_len + 1 + strlen(base) &&
	       memcmp(text.data, store_dir, dir_len) == 0 &&
	       text.data[dir_len] == '/' &&
	       memcmp(text.data + dir_len + 1, base, strlen(base)) == 0;
}

/* 0, -ENOMEM, -EINVAL. */
static int decode_signatures(const struct json_value *object,
                             const char *store_dir,
                             const struct path_info *path,
                             struct strings *signatures)
{
	struct record record;
	struct bytes store_path;

	record_read(&record, &shape_path_signatures, object, RECORD_LENIENT);
	if (record_list(&record, PATH_SIGNATURES_FIELD_SIGNATURES,
	                AGENT_KEYS_MAX) == 0)
		record_refuse(&record, PATH_SIGNATURES_FIELD_SIGNATURES);
	store_path = record_text(&record, PATH_SIGNATURES_FIELD_STORE_PATH,
	                         STORE_PATH_MAX);
	if (!record.error && !is_store_path(store_path, store_dir, path->base))
		record_refuse(&record, PATH_SIGNATURES_FIELD_STORE_PATH);
	record_add_texts(&record, PATH_SIGNATURES_FIELD_SIGNATURES,
	                 KEY_SIGNATURE_TEXT_SIZE - 1, signatures);

	for (size_t i = 0; i < signatures->count && !record.error; i++) {
		const char *text = signatures->items[i];
		struct signature signature;

		if (signature_parse(text, strlen(text), &signature) < 0) {
			record_refuse(&record,
			              PATH_SIGNATURES_FIELD_SIGNATURES);
		}
	}
	return record_end(&record);
}

int sign_reply_decode(const struct varlink_reply *reply, const char *store_dir,
                      const struct path_info *const *paths, size_t count,
                      struct strings *ret_signatures)
{
	struct record record;
	int rc;

	for (size_t i = 0; i < count; i++)
		ret_signatures[i] = (struct strings){ .items = NULL };
	record_read(&record, &interface_method(AGENT_METHOD_SIGN)->reply,
	            reply->parameters, RECORD_LENIENT);
	if (record_list(&record, 0, count) != count)
		record_refuse(&record, 0);
	rc = record_end(&record);

	for (size_t i = 0; i < count && rc == 0; i++) {
		const struct json_value *item = record_item(&record, 0, i);

		rc = item ? decode_signatures(item, store_dir, paths[i],
		                              &ret_signatures[i])
		          : record_end(&record);
	}
	if (rc < 0) {
		for (size_t i = 0; i < count; i++)
			strings_clear(&ret_signatures[i]);
	}
	return rc == -EINVAL ? -EBADMSG : rc;
}
