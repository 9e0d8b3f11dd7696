/* Somebody's nix.conf, edited: what we put in counts for Nix, is put in once
 * only, and taken out again leaves every byte that was there.  The first byte
 * chooses what is put in. */
#include "tests/fuzz/fuzz.h"

#include "client/nixconf/nix_conf.h"
#include "client/nixconf/nix_conf_edit.h"
#include "client/nixconf/nix_conf_line.h"

#include <errno.h>

#define WORDS_MAX 256

/* NOLINTBEGIN(*-non-const-global-variables): a list owns its texts */
static char serve[] = "http://127.0.0.1:7757";
static char bucket[] = "https://b.example.org/p?x=1";
static char key_a[] = "a-1:7aie8zrakLWKjqNAqbw1zZTIVdx3iQ6Y6wEihi1naKQ=";
static char key_b[] = "b-1:7aie8zrakLWKjqNAqbw1zZTIVdx3iQ6Y6wEihi1naKQ=";
static char *url_items[] = { serve, bucket };
static char *key_items[] = { key_a, key_b };
/* NOLINTEND(*-non-const-global-variables) */

struct words {
	struct bytes items[WORDS_MAX];
	size_t count;
};

/* What Nix makes of it, written without looking at ours: tokens by spaces,
 * tabs and line ends, a comment from # on. */
struct settings {
	struct words substituters;
	struct words keys;
	struct words netrc;
	bool is_wrong; /* Nix would refuse the file, or reads others */
};

static struct words tokens_of(const uint8_t *line, size_t len)
{
	struct words words = { .count = 0 };
	size_t begin = 0;

	for (size_t i = 0; i <= len && words.count < WORDS_MAX; i++) {
		if (i < len && !memchr(" \t\r\n", line[i], 4))
			continue;
		if (i > begin) {
			words.items[words.count++] =
				(struct bytes){ line + begin, i - begin };
		}
		begin = i + 1;
	}
	return words;
}

static bool is_text(struct bytes word, const char *text)
{
	return bytes_equal(word, bytes_of_text(text));
}

static void set(struct words *to, const struct words *line, bool adds)
{
	if (!adds)
		to->count = 0;
	for (size_t i = 2; i < line->count && to->count < WORDS_MAX; i++)
		to->items[to->count++] = line->items[i];
}

static void take(struct settings *s, const struct words *line)
{
	struct bytes name = line->items[0];
	bool adds = name.len > 6 && memcmp(name.data, "extra-", 6) == 0;

	if (line->count < 2 || !is_text(line->items[1], "=")) {
		s->is_wrong = true;
		return;
	}
	if (adds) {
		name.data += 6;
		name.len -= 6;
	}
	if (is_text(name, "substituters") || is_text(name, "binary-caches")) {
		set(&s->substituters, line, adds);
	} else if (is_text(name, "trusted-public-keys") ||
	           is_text(name, "binary-cache-public-keys")) {
		set(&s->keys, line, adds);
	} else if (is_text(name, "netrc-file") && !adds) {
		set(&s->netrc, line, false);
	}
}

static void read_settings(struct bytes text, struct settings *ret)
{
	*ret = (struct settings){ .is_wrong = false };
	while (text.len > 0) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t len = end ? (size_t)(end - text.data) : text.len;
		const uint8_t *hash = memchr(text.data, '#', len);
		struct words words = tokens_of(
			text.data, hash ? (size_t)(hash - text.data) : len);

		if (words.count > 100)
			ret->is_wrong = true;
		if (words.count > 0)
			take(ret, &words);
		text.data += end ? len + 1 : len;
		text.len -= end ? len + 1 : len;
	}
}

static bool has(const struct words *words, const char *text)
{
	for (size_t i = 0; i < words->count; i++) {
		if (is_text(words->items[i], text))
			return true;
	}
	return false;
}

static void check_counts(struct bytes text,
                         const struct nix_conf_addition *addition)
{
	static struct settings s;

	read_settings(text, &s);
	if (s.is_wrong)
		return;
	for (size_t i = 0; i < addition->substituters.count; i++)
		MUST(has(&s.substituters, addition->substituters.items[i]));
	for (size_t i = 0; i < addition->public_keys.count; i++)
		MUST(has(&s.keys, addition->public_keys.items[i]));
	MUST(!addition->netrc_file || has(&s.netrc, addition->netrc_file));
}

static void check_edit(struct bytes text,
                       const struct nix_conf_addition *addition)
{
	cleanup_buffer struct buffer added, twice, removed, before;
	int rc;

	buffer_init(&added, 0);
	buffer_init(&twice, 0);
	buffer_init(&removed, 0);
	buffer_init(&before, 0);
	rc = nix_conf_edit_add(text, addition, &added);
	MUST(rc == 0 || rc == -EMSGSIZE);
	if (rc < 0)
		return;
	check_counts(buffer_bytes(&added), addition);
	MUST(nix_conf_edit_add(buffer_bytes(&added), addition, &twice) == 0);
	MUST(bytes_equal(buffer_bytes(&added), buffer_bytes(&twice)));
	MUST(nix_conf_edit_remove(text, addition->label, &before) == 0);
	MUST(nix_conf_edit_remove(buffer_bytes(&added), addition->label,
	                          &removed) == 0);
	MUST(bytes_equal(buffer_bytes(&before), buffer_bytes(&removed)));
	if (text.len > 0 && !memmem(text.data, text.len, "# nixcache use", 14))
		MUST(bytes_equal(buffer_bytes(&removed), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct nix_conf_addition addition = { .label = "dev" };

	if (len == 0 || len > NIX_CONF_FILE_MAX)
		return 0;
	addition.substituters =
		(struct strings){ .items = url_items, .count = bytes[0] % 3 };
	addition.public_keys = (struct strings){ .items = key_items,
		                                 .count = bytes[0] / 3 % 3 };
	if (bytes[0] & 0x80)
		addition.netrc_file = "/home/u/.config/nix/netrc";
	check_edit((struct bytes){ bytes + 1, len - 1 }, &addition);
	return 0;
}
