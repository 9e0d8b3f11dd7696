#include "protocol/nix/key.h"
#include "protocol/nix/worker_field.h"

#include <errno.h>
#include <string.h>

#define TIME_MAX     UINT64_MAX
#define HASH_HEX_LEN ((size_t)2 * NIX_HASH_LEN)

static int get_signatures(struct reader *r, struct strings *signatures)
{
	uint64_t count = reader_get_number(r, WORKER_SIGNATURES_MAX);

	for (uint64_t i = 0; i < count; i++) {
		struct bytes text = reader_get_string(r, WORKER_STRING_MAX);
		struct signature signature;
		int rc;

		if (reader_failed(r))
			return 0;
		if (signature_parse((const char *)text.data, text.len,
		                    &signature) < 0)
			continue;
		rc = strings_add(signatures, (const char *)text.data, text.len);
		if (rc < 0)
			return rc;
	}
	strings_sort(signatures);
	return 0;
}

static int get_content_address(struct reader *r, char **ret_address)
{
	struct bytes text = reader_get_string(r, WORKER_STRING_MAX);

	if (reader_failed(r) || text.len == 0)
		return 0;
	if (memchr(text.data, '\0', text.len)) {
		r->bad = true;
		return 0;
	}
	*ret_address = strndup((const char *)text.data, text.len);
	return *ret_address ? 0 : -ENOMEM;
}

static void get_deriver(struct reader *r, const char *store_dir,
                        char deriver[STORE_PATH_BASE_SIZE])
{
	struct bytes text = reader_get_string(r, WORKER_STRING_MAX);

	if (reader_failed(r) || text.len == 0)
		return;
	if (store_path_parse(store_dir, (const char *)text.data, text.len,
	                     deriver) < 0)
		r->bad = true;
}

static int get_valid_info(struct reader *r, const char *store_dir,
                          struct path_info *info)
{
	struct bytes hash;
	int rc;

	get_deriver(r, store_dir, info->deriver);
	hash = reader_get_string(r, HASH_HEX_LEN);
	if (!reader_failed(r) &&
	    nix_hash_parse_hex((const char *)hash.data, hash.len,
	                       &info->nar_hash) < 0)
		r->bad = true;

	rc = reader_get_paths(r, store_dir, WORKER_REFERENCES_MAX,
	                      &info->references);
	if (rc < 0)
		return rc;

	(void)reader_get_number(r, TIME_MAX); /* registration time */
	info->nar_size = reader_get_number(r, UINT64_MAX);
	info->is_ultimate = reader_get_number(r, 1) == 1;
	rc = get_signatures(r, &info->signatures);
	if (rc < 0)
		return rc;

	return get_content_address(r, &info->content_address);
}

int worker_get_path_info(struct bytes in, const char *store_dir,
                         size_t *ret_used, struct path_info *ret_info)
{
	struct path_info info = { .nar_size = 0 };
	struct reader r;
	bool is_valid;
	int rc;

	reader_init(&r, in);
	is_valid = reader_get_number(&r, 1) == 1;
	if (!is_valid) {
		rc = reader_end(&r, ret_used);
		return rc == 0 ? WORKER_NOT_VALID : rc;
	}

	rc = get_valid_info(&r, store_dir, &info);
	if (rc == 0)
		rc = reader_end(&r, ret_used);
	if (rc != 0) {
		path_info_clear(&info);
		return rc;
	}
	*ret_info = info;
	return 0;
}

int worker_get_valid(struct bytes in, const char *store_dir, size_t *ret_used,
                     struct strings *ret_bases)
{
	struct strings bases = { .items = NULL };
	struct reader r;
	int rc;

	reader_init(&r, in);
	rc = reader_get_paths(&r, store_dir, WORKER_VALID_MAX, &bases);
	if (rc == 0)
		rc = reader_end(&r, ret_used);
	if (rc != 0) {
		strings_clear(&bases);
		return rc;
	}
	*ret_bases = bases;
	return 0;
}
