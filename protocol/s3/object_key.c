#include "protocol/s3/object_key.h"

#include "protocol/nix/nix32.h"
#include "protocol/nix/store_path.h"

#include <string.h>

/* Theory of operation: a key is a row of pieces.  Walking a text along a row
 * ends in one of three ways: it fits, it is a leading part of something that
 * fits, or it does neither.  The first answers "is this a key", the first two
 * answer "may this be listed". */

enum piece_kind {
	PIECE_END,
	PIECE_TEXT,   /* the bytes of .text */
	PIECE_NIX32,  /* .count digits */
	PIECE_HEX,    /* .count lower-case digits */
	PIECE_SUFFIX, /* one of .choices, to the end of the key */
	PIECE_DRV,    /* base name of a derivation, up to '/' or the end */
	PIECE_OUTPUT, /* output name, then .text to the end of the key */
};

struct piece {
	enum piece_kind kind;
	const char *text;
	size_t count;
	const char *const *choices; /* ends with NULL */
};

/* What a piece says of the text before it. */
enum fit {
	FIT_NONE,
	FIT_PART, /* the text ended inside the piece */
	FIT_WHOLE,
};

#define PIECES_MAX 4

static const char *const nar_suffixes[] = {
	".nar",     ".nar.xz", ".nar.bz2", ".nar.zst", ".nar.lzip",
	".nar.lz4", ".nar.br", ".nar.gz",  NULL,
};
static const char *const debug_suffixes[] = { "", ".debug", NULL };

static const struct {
	enum object_key_kind kind;
	struct piece pieces[PIECES_MAX + 1];
} rows[] = {
	{ OBJECT_KEY_CACHE_INFO,
	  { { .kind = PIECE_TEXT, .text = "nix-cache-info" } } },
	{ OBJECT_KEY_NARINFO,
	  { { .kind = PIECE_NIX32, .count = STORE_PATH_HASH_LEN },
	    { .kind = PIECE_TEXT, .text = ".narinfo" } } },
	{ OBJECT_KEY_LISTING,
	  { { .kind = PIECE_NIX32, .count = STORE_PATH_HASH_LEN },
	    { .kind = PIECE_TEXT, .text = ".ls" } } },
	{ OBJECT_KEY_NAR,
	  { { .kind = PIECE_TEXT, .text = "nar/" },
	    { .kind = PIECE_NIX32, .count = NIX32_LEN(32) },
	    { .kind = PIECE_SUFFIX, .choices = nar_suffixes } } },
	{ OBJECT_KEY_LOG,
	  { { .kind = PIECE_TEXT, .text = "log/" }, { .kind = PIECE_DRV } } },
	{ OBJECT_KEY_DEBUG_INFO,
	  { { .kind = PIECE_TEXT, .text = "debuginfo/" },
	    { .kind = PIECE_HEX, .count = 40 },
	    { .kind = PIECE_SUFFIX, .choices = debug_suffixes } } },
	{ OBJECT_KEY_REALISATION,
	  { { .kind = PIECE_TEXT, .text = "realisations/sha256:" },
	    { .kind = PIECE_HEX, .count = 64 },
	    { .kind = PIECE_TEXT, .text = "!" },
	    { .kind = PIECE_OUTPUT, .text = ".doi" } } },
	{ OBJECT_KEY_BUILD_TRACE,
	  { { .kind = PIECE_TEXT, .text = "build-trace-v2/" },
	    { .kind = PIECE_DRV },
	    { .kind = PIECE_TEXT, .text = "/" },
	    { .kind = PIECE_OUTPUT, .text = ".doi" } } },
};

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static enum fit fit_text(const char *want, const char *at, size_t left,
                         size_t *ret_used)
{
	size_t len = strlen(want);

	if (left < len)
		return memcmp(want, at, left) == 0 ? FIT_PART : FIT_NONE;
	if (memcmp(want, at, len) != 0)
		return FIT_NONE;
	*ret_used = len;
	return FIT_WHOLE;
}

static enum fit fit_digits(const struct piece *piece, const char *at,
                           size_t left, size_t *ret_used)
{
	for (size_t i = 0; i < piece->count; i++) {
		if (i == left)
			return FIT_PART;
		if (piece->kind == PIECE_HEX ? !is_hex(at[i])
		                             : !nix32_is_digit(at[i]))
			return FIT_NONE;
	}
	*ret_used = piece->count;
	return FIT_WHOLE;
}

static enum fit fit_suffix(const char *const *choices, const char *at,
                           size_t left, size_t *ret_used)
{
	enum fit best = FIT_NONE;

	for (; *choices; choices++) {
		size_t used = 0;
		enum fit fit = fit_text(*choices, at, left, &used);

		if (fit == FIT_WHOLE && used == left) {
			*ret_used = used;
			return FIT_WHOLE;
		}
		if (fit == FIT_PART)
			best = FIT_PART;
	}
	return best;
}

/* A leading part of "<hash>-<name>.drv". */
static bool is_drv_part(const char *at, size_t left)
{
	if (left > STORE_PATH_BASE_MAX)
		return false;
	for (size_t i = 0; i < left; i++) {
		if (i < STORE_PATH_HASH_LEN ? !nix32_is_digit(at[i])
		    : i == STORE_PATH_HASH_LEN
		            ? at[i] != '-'
		            : !store_path_is_name_char(at[i]))
			return false;
	}
	return true;
}

static enum fit fit_drv(const char *at, size_t left, size_t *ret_used)
{
	static const char suffix[] = ".drv";
	const char *slash = memchr(at, '/', left);
	size_t len = slash ? (size_t)(slash - at) : left;

	if (len > strlen(suffix) &&
	    memcmp(at + len - strlen(suffix), suffix, strlen(suffix)) == 0 &&
	    store_path_base_is_valid(at, len)) {
		*ret_used = len;
		return FIT_WHOLE;
	}
	return !slash && is_drv_part(at, left) ? FIT_PART : FIT_NONE;
}

static enum fit fit_output(const char *suffix, const char *at, size_t left,
                           size_t *ret_used)
{
	size_t tail = strlen(suffix);

	if (left > STORE_PATH_NAME_MAX + tail)
		return FIT_NONE;
	for (size_t i = 0; i < left; i++) {
		if (!store_path_is_name_char(at[i]))
			return FIT_NONE;
	}
	if (left <= tail || memcmp(at + left - tail, suffix, tail) != 0)
		return FIT_PART;
	*ret_used = left;
	return FIT_WHOLE;
}

static enum fit fit_piece(const struct piece *piece, const char *at,
                          size_t left, size_t *ret_used)
{
	switch (piece->kind) {
	case PIECE_TEXT:
		return fit_text(piece->text, at, left, ret_used);
	case PIECE_NIX32:
	case PIECE_HEX:
		return fit_digits(piece, at, left, ret_used);
	case PIECE_SUFFIX:
		return fit_suffix(piece->choices, at, left, ret_used);
	case PIECE_DRV:
		return fit_drv(at, left, ret_used);
	case PIECE_OUTPUT:
		return fit_output(piece->text, at, left, ret_used);
	case PIECE_END:
		break;
	}
	return FIT_NONE;
}

static enum fit fit_row(const struct piece *piece, const char *at, size_t left)
{
	for (; piece->kind != PIECE_END; piece++) {
		size_t used = 0;
		enum fit fit = fit_piece(piece, at, left, &used);

		if (fit != FIT_WHOLE)
			return fit;
		at += used;
		left -= used;
	}
	return left == 0 ? FIT_WHOLE : FIT_NONE;
}

/* Store path names may hold "..", but no key of ours may: a server or proxy
 * that normalises paths would turn it into another key. */
static bool is_plausible(const char *text, size_t len)
{
	return len <= OBJECT_KEY_MAX && !memmem(text, len, "..", 2);
}

enum object_key_kind object_key_kind(const char *key, size_t len)
{
	if (len == 0 || !is_plausible(key, len))
		return OBJECT_KEY_INVALID;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (fit_row(rows[i].pieces, key, len) == FIT_WHOLE)
			return rows[i].kind;
	}
	return OBJECT_KEY_INVALID;
}

bool object_key_prefix_is_valid(const char *prefix, size_t len)
{
	if (len == 0)
		return true;
	if (!is_plausible(prefix, len))
		return false;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (fit_row(rows[i].pieces, prefix, len) != FIT_NONE)
			return true;
	}
	return false;
}
