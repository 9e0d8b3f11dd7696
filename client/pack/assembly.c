#include "client/pack/assembly.h"

#include "protocol/base/cleanup.h"

#include <errno.h>

/* What a pack_part really is. */
struct part {
	struct pack_part part; /* first: see pack_part_free() */
	struct region bytes;
};

void pack_part_free(struct pack_part *part)
{
	struct part *whole = (struct part *)part;

	if (!part)
		return;
	budget_unhold(whole->bytes.budget, whole->bytes.charge);
	region_clear(&whole->bytes);
	free(whole);
}

int assembly_init(struct assembly *assembly, const struct pack_start *start)
{
	bool has_start = start->parts > 0;
	struct assembly a = {
		.file_sha256 = has_start ? NULL : digest_new_sha256(),
		.total = start->bytes,
		.blocks = start->blocks,
		.parts = start->parts,
	};

	if (!has_start && !a.file_sha256)
		return -ENOMEM;
	*assembly = a;
	return 0;
}

void assembly_clear(struct assembly *assembly)
{
	digest_free(assembly->file_sha256);
	region_clear(&assembly->gathered);
	*assembly = (struct assembly){ .total = 0 };
}

/* Makes a part of what is gathered. */
static int give_part(struct assembly *a, bool is_last, struct notes *parts)
{
	cleanup_free struct note *note = NULL;
	cleanup_free struct part *part = NULL;
	int rc;

	if (a->parts == ASSEMBLY_PARTS_MAX)
		return -EFBIG;

	note = calloc(1, sizeof(*note));
	part = calloc(1, sizeof(*part));
	if (!note || !part)
		return -ENOMEM;
	rc = region_fit(&a->gathered);
	if (rc < 0)
		return rc;

	part->bytes = a->gathered;
	budget_hold(part->bytes.budget, part->bytes.charge);
	a->gathered = (struct region){ .data = NULL };
	part->part.data = part->bytes.data;
	part->part.len = part->bytes.len;
	part->part.number = ++a->parts;
	part->part.blocks = a->blocks;
	part->part.so_far = a->so_far;
	part->part.is_last = is_last;
	note->event.type = PACK_PART;
	note->event.part = &take_ptr(part)->part;
	notes_add(parts, take_ptr(note));
	return 0;
}

static bool is_complete(const struct assembly *a, uint64_t total)
{
	return (a->parts > 0 || total > PACK_SINGLE_MAX) &&
	       a->gathered.len >= PACK_PART_MIN;
}

static int add_bytes(struct assembly *a, const struct assembly_block *block)
{
	struct region *bytes = block->bytes;
	int rc = 0;

	if (a->file_sha256)
		rc = digest_update(a->file_sha256, bytes->data, bytes->len);
	if (rc < 0)
		return rc;
	a->total += bytes->len;
	a->blocks++;
	a->so_far = *block->so_far;
	return region_append(&a->gathered, bytes);
}

int assembly_add(struct assembly *assembly, const struct assembly_block *block,
                 struct notes *ret_parts)
{
	int rc = 0;

	/* What is gathered can go without what comes now: neither a part nor
	 * a copy need be larger than they must. */
	if (is_complete(assembly, assembly->total + block->bytes->len))
		rc = give_part(assembly, false, ret_parts);
	if (rc == 0)
		rc = add_bytes(assembly, block);
	if (rc < 0)
		return rc;

	/* A block that is not the last is followed by one that has at least a
	 * byte: the last part is never empty. */
	if (block->is_last || is_complete(assembly, assembly->total))
		rc = give_part(assembly, block->is_last, ret_parts);
	return rc;
}

int assembly_end(struct assembly *assembly, struct pack_event *ret_done)
{
	struct nix_hash hash = { { 0 } };
	int rc = 0;

	if (assembly->file_sha256)
		rc = digest_final(assembly->file_sha256, hash.sha256);
	if (rc < 0)
		return rc;
	ret_done->has_file_hash = assembly->file_sha256 != NULL;
	ret_done->file_hash = hash;
	ret_done->file_size = assembly->total;
	return 0;
}
