#include "client/nixconf/nix_conf_line.h"

#include <string.h>

/* Settings and the names that they had before Nix 2.0, which still count. */
static const struct {
	const char *text;
	enum nix_conf_name name;
} names[] = {
	{ "substituters", NIX_CONF_SUBSTITUTERS },
	{ "binary-caches", NIX_CONF_SUBSTITUTERS },
	{ "trusted-substituters", NIX_CONF_TRUSTED_SUBSTITUTERS },
	{ "trusted-binary-caches", NIX_CONF_TRUSTED_SUBSTITUTERS },
	{ "trusted-public-keys", NIX_CONF_PUBLIC_KEYS },
	{ "binary-cache-public-keys", NIX_CONF_PUBLIC_KEYS },
	{ "netrc-file", NIX_CONF_NETRC_FILE },
};

static const char extra[] = "extra-";

static struct bytes skip(struct bytes b, size_t len)
{
	return (struct bytes){ b.data + len, b.len - len };
}

bool nix_conf_next_line(struct bytes *rest, struct bytes *ret_line)
{
	const uint8_t *end;
	size_t len;

	if (rest->len == 0)
		return false;
	end = memchr(rest->data, '\n', rest->len);
	len = end ? (size_t)(end - rest->data) : rest->len;
	*ret_line = (struct bytes){ rest->data, len };
	*rest = skip(*rest, end ? len + 1 : len);
	return true;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool nix_conf_next_word(struct bytes *rest, struct bytes *ret_word)
{
	size_t begin = 0, end;

	while (begin < rest->len && is_space(rest->data[begin]))
		begin++;
	end = begin;
	while (end < rest->len && !is_space(rest->data[end]))
		end++;
	if (begin == end)
		return false;
	*ret_word = (struct bytes){ rest->data + begin, end - begin };
	*rest = skip(*rest, end);
	return true;
}

static bool is_text(struct bytes word, const char *text)
{
	return bytes_equal(word, bytes_of_text(text));
}

static void name_of(struct bytes word, struct nix_conf_line *line)
{
	size_t extra_len = sizeof(extra) - 1;

	if (word.len > extra_len && memcmp(word.data, extra, extra_len) == 0) {
		line->is_extra = true;
		word = skip(word, extra_len);
	}
	line->name = NIX_CONF_OTHER;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (is_text(word, names[i].text))
			line->name = names[i].name;
	}
	/* A path cannot be added to: Nix knows no such setting. */
	if (line->name == NIX_CONF_NETRC_FILE && line->is_extra)
		line->name = NIX_CONF_OTHER;
}

static struct nix_conf_line cut_include(struct bytes rest, bool if_there)
{
	struct nix_conf_line line = {
		.kind = if_there ? NIX_CONF_INCLUDE_IF_THERE : NIX_CONF_INCLUDE,
	};
	struct bytes further;

	if (!nix_conf_next_word(&rest, &line.words) ||
	    nix_conf_next_word(&rest, &further))
		line.kind = NIX_CONF_WRONG;
	return line;
}

struct nix_conf_line nix_conf_line_cut(struct bytes line)
{
	struct nix_conf_line cut = { .kind = NIX_CONF_EMPTY };
	const uint8_t *comment = NULL;
	struct bytes first, equals;

	if (line.len > 0)
		comment = memchr(line.data, '#', line.len);
	if (comment)
		line.len = (size_t)(comment - line.data);
	if (!nix_conf_next_word(&line, &first))
		return cut;
	if (is_text(first, "include"))
		return cut_include(line, false);
	if (is_text(first, "!include"))
		return cut_include(line, true);

	cut.kind = NIX_CONF_WRONG;
	if (!nix_conf_next_word(&line, &equals) || !is_text(equals, "="))
		return cut;
	cut.kind = NIX_CONF_SETTING;
	name_of(first, &cut);
	cut.words = line;
	return cut;
}
