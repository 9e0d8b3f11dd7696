/* usage: narinfo_judge FOLDER BASE
 *
 * Ends with 0 when the narinfo of a store path, in a cache that is a folder,
 * and the NAR that it names are what a reader of ours takes; with 1 and a line
 * that says why not.  Signatures do not count.
 */
#include "client/catalog/entry.h"
#include "client/pack/unpack.h"
#include "protocol/base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)4 * 1024 * 1024)

static int refuse(const char *why)
{
	(void)printf("%s\n", why);
	return 1;
}

static int read_file(const char *folder, const char *name, struct buffer *out)
{
	char path[4096];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	buffer_init(out, FILE_MAX);
	if (buffer_reserve(out, FILE_MAX))
		out->len = fread(out->data, 1, FILE_MAX, file);
	(void)fclose(file);
	return buffer_end(out);
}

static int feed(struct conduit *conduit, struct bytes bytes)
{
	int rc = 0;

	while (bytes.len > 0 && rc == 0) {
		size_t len = bytes.len < CONDUIT_PIECE_MAX ? bytes.len
		                                           : CONDUIT_PIECE_MAX;

		rc = conduit_put(conduit, (struct bytes){ bytes.data, len });
		bytes.data += len;
		bytes.len -= len;
	}
	conduit_end(conduit, rc, NULL);
	return rc;
}

static int unpack_all(struct unpack *unpack)
{
	uint8_t piece[4096];
	size_t len = 1;
	int rc = 0;

	while (rc == 0 && len > 0)
		rc = unpack_read(unpack, piece, sizeof(piece), &len);
	return rc;
}

static int judge_nar(const struct narinfo *info, const char *folder)
{
	cleanup_buffer struct buffer file = { .data = NULL };
	cleanup_conduit struct conduit *conduit = NULL;
	cleanup_unpack struct unpack *unpack = NULL;
	char key[OBJECT_KEY_MAX + 1];
	struct unpack_sums sums;

	if (entry_nar_key(info, key) < 0)
		return refuse("URL");
	if (read_file(folder, key, &file) < 0)
		return refuse("no NAR");
	if (conduit_new(FILE_MAX, &conduit) < 0 ||
	    feed(conduit, buffer_bytes(&file)) < 0)
		return refuse("memory");
	if (unpack_open(info->compression, conduit, info->path.nar_size,
	                &unpack) < 0)
		return refuse("compression");
	if (unpack_all(unpack) < 0)
		return refuse(unpack_why(unpack));
	unpack_sums(unpack, &sums);
	if (sums.nar_size != info->path.nar_size)
		return refuse("NarSize");
	if (!nix_hash_equal(&sums.nar_hash, &info->path.nar_hash))
		return refuse("NarHash");
	return 0;
}

static int read_entry(const char *folder, const char *base,
                      struct narinfo *ret_info, char why[ENTRY_WHY_MAX])
{
	const struct entry_question question = {
		.hash_part = base,
		.base = base,
		.store_dir = "/nix/store",
	};
	struct cache_result answer = { .type = CACHE_GET };
	char name[64];
	int rc;

	(void)snprintf(name, sizeof(name), "%.32s.narinfo", base);
	(void)snprintf(why, ENTRY_WHY_MAX, "no %s", name);
	rc = read_file(folder, name, &answer.response);
	if (rc == 0)
		rc = entry_read(&answer, &question, ret_info, why);
	buffer_clear(&answer.response);
	return rc;
}

/* Nix takes a path only after all it refers to. */
static int judge_references(const struct path_info *path, const char *folder)
{
	for (size_t i = 0; i < path->references.count; i++) {
		char why[ENTRY_WHY_MAX];
		struct narinfo info = { .url = NULL };

		if (read_entry(folder, path->references.items[i], &info, why) <
		    0)
			return refuse(why);
		narinfo_clear(&info);
	}
	return 0;
}

int main(int argc, char **argv)
{
	char why[ENTRY_WHY_MAX];
	struct narinfo info = { .url = NULL };
	int result;

	if (argc != 3 || !store_path_base_is_valid(argv[2], strlen(argv[2])))
		return 2;
	if (read_entry(argv[1], argv[2], &info, why) < 0)
		return refuse(why);
	result = judge_references(&info.path, argv[1]);
	if (result == 0)
		result = judge_nar(&info, argv[1]);
	narinfo_clear(&info);
	return result;
}
