/* What `nix copy --to http://...` sends to serve: a byte that picks the
 * compression, one that picks what comes, a narinfo's text up to a NUL, and the
 * bytes of a NAR.  The cache is in memory.
 *
 * Nothing may be stored that was not understood: a narinfo is read back with
 * the name, hash and size of the NAR that is there. */
#include "tests/fuzz/fuzz.h"

#include "client/cache/names.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/digest.h"
#include "protocol/nix/narinfo.h"
#include "tests/lib/receive_stage.h"

#define STORE_DIR "/nix/store"
#define HASH_PART "9fhyh8jdbc21397haahysjjxqgdywc39"
#define ZEROES    "00000000000000000000000000000000"
#define NAR_MAX   ((size_t)65536)

/* Of each compression. */
static const char *const suffixes[] = {
	"", ".xz", ".zst", ".bz2", ".gz", ".br"
};
#define FORMAT_COUNT (sizeof(suffixes) / sizeof(suffixes[0]))

static const char *const encodings[] = { NULL, "gzip", "br", "zstd", "odd" };

static void check_status(unsigned status, const char *text)
{
	MUST(status == 200 || status == 201 ||
	     (status >= 400 && status <= 599));
	MUST(text[0] != '\0');
	fuzz_check_printable(text, RECEIVE_STAGE_TEXT);
}

/* Under its own hash, or nothing of it is there. */
static bool put_nar(struct receive_stage *stage, struct bytes nar,
                    unsigned format, char key[NAMES_NAR_SIZE])
{
	char text[RECEIVE_STAGE_TEXT];
	struct nix_hash hash;
	unsigned status;

	MUST(digest_sha256(nar, hash.sha256) == 0);
	names_format_nar(&hash, suffixes[format], key);
	status = receive_stage_put(stage, key, NULL, nar, text);
	check_status(status, text);
	MUST((status < 300) ==
	     (fake_upstream_find(stage->upstream, key) != NULL));
	MUST(fake_upstream_uploads(stage->upstream) == 0);
	return status < 300;
}

static void check_narinfo(const struct receive_stage *stage,
                          const struct fake_object *object, struct bytes nar,
                          const char *nar_key)
{
	struct narinfo info;
	struct nix_hash hash;
	size_t line;

	MUST(narinfo_parse(buffer_bytes(&object->body), STORE_DIR, &info,
	                   &line) == 0);
	MUST(strncmp(info.path.base, HASH_PART, STORE_PATH_HASH_LEN) == 0);
	MUST(strcmp(info.url, nar_key) == 0);
	MUST(digest_sha256(nar, hash.sha256) == 0);
	MUST(!info.has_file_hash || nix_hash_equal(&info.file_hash, &hash));
	MUST(!info.has_file_hash || info.file_size == nar.len);
	MUST(info.path.signatures.count > 0 && stage->upstream->signed_count);
	MUST(strcmp(stage->upstream->last_signed.base, info.path.base) == 0);
	MUST(nix_hash_equal(&stage->upstream->last_signed.nar_hash,
	                    &info.path.nar_hash));
	MUST(stage->upstream->last_signed.nar_size == info.path.nar_size);
	if (strcmp(info.compression, "none") == 0) {
		MUST(nix_hash_equal(&info.path.nar_hash, &hash));
		MUST(info.path.nar_size == nar.len);
	}
	narinfo_clear(&info);
}

/* The marks that the text may have for what was not known when it was made. */
static void put_text(struct buffer *out, struct bytes text, struct bytes nar,
                     const char *nar_key)
{
	char hash_text[NIX_HASH_TEXT_SIZE];
	struct nix_hash hash;

	MUST(digest_sha256(nar, hash.sha256) == 0);
	nix_hash_format(&hash, hash_text);
	for (size_t i = 0; i < text.len; i++) {
		switch (text.data[i]) {
		case 1:
			buffer_append_text(out, nar_key);
			break;
		case 2:
			buffer_append_text(out, hash_text);
			break;
		case 3:
			buffer_append_u64(out, nar.len);
			break;
		default:
			buffer_append_char(out, (char)text.data[i]);
		}
	}
	MUST(buffer_end(out) == 0);
}

static void put_narinfo(struct receive_stage *stage, struct bytes text,
                        struct bytes nar, const char *nar_key,
                        const char *encoding)
{
	static const char key[] = HASH_PART ".narinfo";
	char said[RECEIVE_STAGE_TEXT];
	cleanup_buffer struct buffer body;
	const struct fake_object *stored;
	unsigned status;

	buffer_init(&body, 64 * NAR_MAX);
	put_text(&body, text, nar, nar_key);
	status = receive_stage_put(stage, key, encoding, buffer_bytes(&body),
	                           said);
	check_status(status, said);
	stored = fake_upstream_find(stage->upstream, key);
	MUST((status < 300) == (stored != NULL));
	if (stored)
		check_narinfo(stage, stored, nar, nar_key);
}

static void put_small(struct receive_stage *stage, struct bytes text,
                      const char *encoding)
{
	static const char *const keys[] = {
		HASH_PART ".ls",
		"nix-cache-info",
		"log/" HASH_PART "-a.drv",
		"realisations/sha256:" ZEROES ZEROES "!out.doi",
	};
	char said[RECEIVE_STAGE_TEXT];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		check_status(receive_stage_put(stage, keys[i], encoding, text,
		                               said),
		             said);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *encoding;
	struct receive_stage stage;
	struct bytes text, nar;
	char key[NAMES_NAR_SIZE];
	const uint8_t *end;

	if (len < 3 || len > NAR_MAX)
		return 0;
	encoding = encodings[bytes[1] / 2 % 5];
	end = memchr(bytes + 2, '\0', len - 2);
	text = (struct bytes){ bytes + 2,
		               end ? (size_t)(end - bytes) - 2 : len - 2 };
	nar = (struct bytes){ text.data + text.len, len - 2 - text.len };
	if (end) {
		nar.data++;
		nar.len--;
	}
	receive_stage_set_up(&stage);
	if (bytes[1] & 1) {
		put_small(&stage, text, encoding);
	} else if (put_nar(&stage, nar, bytes[0] % FORMAT_COUNT, key)) {
		put_narinfo(&stage, text, nar, key, encoding);
	}
	receive_stage_tear_down(&stage);
	return 0;
}
