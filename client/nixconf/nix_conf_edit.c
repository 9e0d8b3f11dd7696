#include "client/nixconf/nix_conf_edit.h"
#include "client/nixconf/nix_conf.h"
#include "client/nixconf/nix_conf_line.h"

#include <errno.h>
#include <string.h>

/* Nix takes everything from # on as a comment, so the mark goes with its line
 * wherever somebody moves it. */
static const char mark[] = "# nixcache use ";

/* On the first of our lines, when what was there did not end in a newline. */
static const char joined_mark[] = " (and the line break before)";

#define TEXT_MAX (NIX_CONF_FILE_MAX + 64 * NIX_CONF_WORD_MAX)
#define NOWHERE  SIZE_MAX

/* What is left of a text without our lines. */
struct stripped {
	struct buffer text; /* owned */
	size_t at;          /* where the first of them stood, or NOWHERE */
	size_t joined;      /* length of the line break that goes as well */
};

struct own_line {
	bool is_joined;
	size_t newline_len;
};

static struct bytes part(const uint8_t *begin, const uint8_t *end)
{
	return (struct bytes){ begin, (size_t)(end - begin) };
}

static bool starts_with(struct bytes text, struct bytes prefix)
{
	return text.len >= prefix.len &&
	       memcmp(text.data, prefix.data, prefix.len) == 0;
}

/* A label ends at the next space, or with the line. */
static bool names_label(struct bytes comment, const char *label,
                        struct own_line *ret_line)
{
	struct bytes prefix = bytes_of_text(mark), word, joined;

	if (!starts_with(comment, prefix))
		return false;
	comment.data += prefix.len;
	comment.len -= prefix.len;
	joined = comment;
	if (!nix_conf_next_word(&joined, &word) || word.data != comment.data)
		return false;
	if (label && !bytes_equal(word, bytes_of_text(label)))
		return false;
	while (joined.len > 0 && joined.data[joined.len - 1] == '\r')
		joined.len--;
	ret_line->is_joined = bytes_equal(joined, bytes_of_text(joined_mark));
	return ret_line->is_joined || joined.len == 0;
}

/* line without its newline.  Only what we would write is ours: a line that
 * somebody turned into a comment, or uses for another setting, is not. */
static bool is_ours(struct bytes line, const char *label,
                    struct own_line *ret_line)
{
	struct nix_conf_line cut = nix_conf_line_cut(line);
	const uint8_t *hash = NULL;

	if (cut.kind != NIX_CONF_SETTING || cut.name == NIX_CONF_OTHER)
		return false;
	if (line.len > 0)
		hash = memchr(line.data, '#', line.len);
	if (!hash ||
	    !names_label(part(hash, line.data + line.len), label, ret_line))
		return false;
	ret_line->newline_len = line.data[line.len - 1] == '\r' ? 2 : 1;
	return true;
}

static int strip(struct bytes text, const char *label, struct stripped *s)
{
	struct bytes rest = text, line;
	struct own_line own;

	buffer_init(&s->text, TEXT_MAX);
	s->at = NOWHERE;
	s->joined = 0;
	while (nix_conf_next_line(&rest, &line)) {
		if (!is_ours(line, label, &own)) {
			buffer_append_bytes(&s->text,
			                    part(line.data, rest.data));
			s->joined = 0;
			continue;
		}
		if (s->at == NOWHERE)
			s->at = s->text.len;
		if (own.is_joined)
			s->joined = own.newline_len;
	}
	if (s->joined > 0 && s->joined <= s->text.len)
		s->text.len -= s->joined;
	if (s->at != NOWHERE && s->at > s->text.len)
		s->at = s->text.len;
	return buffer_end(&s->text);
}

/* Whether the lines of others say it already, after all that they take back. */
static bool is_said(struct bytes text, enum nix_conf_name name,
                    const char *value)
{
	struct bytes line, word;
	struct own_line own;
	bool said = false;

	while (nix_conf_next_line(&text, &line)) {
		struct nix_conf_line cut = nix_conf_line_cut(line);

		if (cut.kind != NIX_CONF_SETTING || cut.name != name ||
		    is_ours(line, NULL, &own))
			continue;
		if (!cut.is_extra)
			said = false;
		while (nix_conf_next_word(&cut.words, &word)) {
			if (bytes_equal(word, bytes_of_text(value)))
				said = true;
		}
	}
	return said;
}

/* Whether something below takes back what would be said above it. */
static bool is_taken_back(struct bytes text)
{
	struct bytes line;

	while (nix_conf_next_line(&text, &line)) {
		struct nix_conf_line cut = nix_conf_line_cut(line);

		if (cut.kind == NIX_CONF_SETTING && !cut.is_extra &&
		    cut.name != NIX_CONF_OTHER &&
		    cut.name != NIX_CONF_TRUSTED_SUBSTITUTERS)
			return true;
	}
	return false;
}

/* How our lines are put down, one after the other. */
struct pen {
	struct buffer *out;
	const char *label;
	const char *newline;
	bool joins; /* the next is the first, and joins an unfinished line */
};

static void begin_line(struct pen *pen, const char *name)
{
	if (pen->joins)
		buffer_append_text(pen->out, pen->newline);
	buffer_append_text(pen->out, name);
	buffer_append_text(pen->out, " =");
}

static void end_line(struct pen *pen)
{
	buffer_append_char(pen->out, ' ');
	buffer_append_text(pen->out, mark);
	buffer_append_text(pen->out, pen->label);
	if (pen->joins)
		buffer_append_text(pen->out, joined_mark);
	buffer_append_text(pen->out, pen->newline);
	pen->joins = false;
}

static void put_list(struct pen *pen, const char *setting,
                     enum nix_conf_name name, const struct strings *list,
                     struct bytes others)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (is_said(others, name, list->items[i]))
			continue;
		if (count++ == 0)
			begin_line(pen, setting);
		buffer_append_char(pen->out, ' ');
		buffer_append_text(pen->out, list->items[i]);
	}
	if (count > 0)
		end_line(pen);
}

static void put_addition(struct pen *pen,
                         const struct nix_conf_addition *addition,
                         struct bytes others)
{
	put_list(pen, "extra-substituters", NIX_CONF_SUBSTITUTERS,
	         &addition->substituters, others);
	put_list(pen, "extra-trusted-public-keys", NIX_CONF_PUBLIC_KEYS,
	         &addition->public_keys, others);
	if (addition->netrc_file &&
	    !is_said(others, NIX_CONF_NETRC_FILE, addition->netrc_file)) {
		begin_line(pen, "netrc-file");
		buffer_append_char(pen->out, ' ');
		buffer_append_text(pen->out, addition->netrc_file);
		end_line(pen);
	}
}

bool nix_conf_word_is_valid(const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < len; i++) {
		if (word[i] <= ' ' || word[i] > '~' || word[i] == '#')
			return false;
	}
	return len > 0 && len <= NIX_CONF_WORD_MAX;
}

static bool all_are_valid(const struct strings *words)
{
	for (size_t i = 0; i < words->count; i++) {
		if (!nix_conf_word_is_valid(words->items[i]))
			return false;
	}
	return true;
}

/* The line ends that the file has, by its first. */
static const char *newline_of(struct bytes text)
{
	const uint8_t *end = text.len > 0 ? memchr(text.data, '\n', text.len)
	                                  : NULL;

	return end && end > text.data && end[-1] == '\r' ? "\r\n" : "\n";
}

static int insert(struct stripped *s, const struct nix_conf_addition *addition,
                  struct buffer *ret_text)
{
	/* An empty buffer has no memory that one could point into. */
	struct bytes old = s->text.len > 0 ? buffer_bytes(&s->text)
	                                   : bytes_of_text("");
	size_t at = s->at;
	struct pen pen = {
		.out = ret_text,
		.label = addition->label,
		.newline = newline_of(old),
	};

	/* Where they were, so that nothing moves; but the last word counts. */
	if (at == NOWHERE ||
	    is_taken_back(part(old.data + at, old.data + old.len)))
		at = old.len;
	pen.joins = at > 0 && at == old.len && old.data[at - 1] != '\n';
	buffer_append(ret_text, old.data, at);
	put_addition(&pen, addition, old);
	buffer_append(ret_text, old.data + at, old.len - at);
	return buffer_end(ret_text);
}

int nix_conf_edit_add(struct bytes text,
                      const struct nix_conf_addition *addition,
                      struct buffer *ret_text)
{
	struct stripped s;
	struct buffer out;
	int rc;

	if (!nix_conf_word_is_valid(addition->label) ||
	    !all_are_valid(&addition->substituters) ||
	    !all_are_valid(&addition->public_keys) ||
	    (addition->netrc_file &&
	     !nix_conf_word_is_valid(addition->netrc_file)))
		return -EINVAL;

	buffer_init(&out, TEXT_MAX);
	rc = strip(text, addition->label, &s);
	if (rc == 0)
		rc = insert(&s, addition, &out);
	buffer_clear(&s.text);
	if (rc < 0) {
		buffer_clear(&out);
		return rc;
	}
	*ret_text = out;
	return 0;
}

int nix_conf_edit_print(const struct nix_conf_addition *addition,
                        struct buffer *ret_text)
{
	return nix_conf_edit_add((struct bytes){ NULL, 0 }, addition, ret_text);
}

int nix_conf_edit_remove(struct bytes text, const char *label,
                         struct buffer *ret_text)
{
	struct stripped s;
	int rc;

	rc = strip(text, label, &s);
	if (rc < 0) {
		buffer_clear(&s.text);
		return rc;
	}
	*ret_text = s.text;
	return 0;
}
