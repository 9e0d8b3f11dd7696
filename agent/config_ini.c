#include "agent/config_build.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/base/text.h"

#include <ini.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Theory of operation
 *
 * inih splits "key = value", strips blanks and drops comments.  What it would
 * do wrong in silence is kept away from it by the reader below, which hands it
 * one line at a time:
 *   - a line longer than its buffer would be cut in two: refused here;
 *   - an indented line would go on the value before it, also "  idle = 1h":
 *     leading blanks are dropped, so that each line stands for itself;
 *   - it cuts the name of a section at 49 bytes and tells nobody of an empty
 *     section: headings are read here;
 *   - " ;" begins a comment even inside a shell command: refused there;
 *   - it gives no line number: counted here. */

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct ini_input {
	struct config_build *build;
	struct bytes left;
	const char *line; /* being read; not terminated */
	size_t line_len;
	int rc;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next line without its end and its leading blanks; false at the end. */
static bool next_line(struct ini_input *in)
{
	const uint8_t *end;
	size_t len;

	if (in->left.len == 0)
		return false;
	end = memchr(in->left.data, '\n', in->left.len);
	len = end ? (size_t)(end - in->left.data) : in->left.len;
	in->line = (const char *)in->left.data;
	in->line_len = len;
	in->left.data += end ? len + 1 : len;
	in->left.len -= end ? len + 1 : len;
	in->build->line++;

	while (in->line_len > 0 && is_blank(in->line[0])) {
		in->line++;
		in->line_len--;
	}
	while (in->line_len > 0 &&
	       isspace((unsigned char)in->line[in->line_len - 1]))
		in->line_len--;
	return true;
}

static int read_heading(struct ini_input *in)
{
	char name[CONFIG_LINE_MAX];
	const char *end = memchr(in->line, ']', in->line_len);
	const char *limit = in->line + in->line_len;
	size_t len;

	if (!end)
		return config_error(in->build, "a section has no ']'");
	len = (size_t)(end - in->line) - 1;
	memcpy(name, in->line + 1, len);
	name[len] = '\0';

	for (end++; end < limit && is_blank(*end);)
		end++;
	if (end < limit && *end != ';' && *end != '#')
		return config_error(in->build, "something stands after ']'");
	return config_begin_section(in->build, name);
}

static int check_line(struct ini_input *in, size_t max)
{
	for (size_t i = 0; i < in->line_len; i++) {
		unsigned char c = (unsigned char)in->line[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			return config_error(in->build,
			                    "a control character in the line");
		}
	}
	if (in->line_len > max) {
		return config_error(in->build,
		                    "the line is too long (at most %zu bytes)",
		                    max);
	}
	if (in->line_len > 0 && in->line[0] == '[')
		return read_heading(in);
	return 0;
}

/* fgets() for inih.  A refused line is handed on as an empty one. */
static char *read_line(char *out, int size, void *stream)
{
	struct ini_input *in = stream;
	size_t max = size > 3 ? (size_t)size - 3 : 0;

	if (in->rc < 0 || !next_line(in))
		return NULL;
	if (max > CONFIG_LINE_MAX - 1)
		max = CONFIG_LINE_MAX - 1;

	in->rc = check_line(in, max);
	if (in->rc < 0)
		return NULL;
	memcpy(out, in->line, in->line_len);
	out[in->line_len] = '\n';
	out[in->line_len + 1] = '\0';
	return out;
}

static bool has_inline_comment(const struct ini_input *in)
{
	for (size_t i = 1; i < in->line_len; i++) {
		if (in->line[i] == ';' && is_blank(in->line[i - 1]))
			return true;
	}
	return false;
}

/* Nothing is known of the name yet. */
static int refuse_cut_command(struct config_build *build, const char *name)
{
	char shown[64];

	text_printable(name, strlen(name), shown, sizeof(shown));
	return config_error(build,
	                    "%s: ' ;' begins a comment and would cut the "
	                    "command; write ';' without a blank before it",
	                    shown);
}

static int take_pair(void *user, const char *section, const char *name,
                     const char *value)
{
	struct ini_input *in = user;

	(void)section;
	if (in->rc < 0)
		return 0;
	if (text_has_prefix(value, "command:") && has_inline_comment(in)) {
		in->rc = refuse_cut_command(in->build, name);
		return 0;
	}
	in->rc = config_set(in->build, name, value);
	return in->rc == 0;
}

int config_read_ini(struct config_build *build, int fd)
{
	cleanup_buffer struct buffer text;
	struct ini_input in = { .build = build };
	uint8_t *at;
	ssize_t len;
	int rc;

	buffer_init(&text, CONFIG_FILE_MAX + 1);
	at = buffer_reserve(&text, CONFIG_FILE_MAX + 1);
	if (!at)
		return buffer_end(&text);
	len = fd_read_full(fd, at, CONFIG_FILE_MAX + 1);
	if (len < 0) {
		return config_error(build, "cannot be read: %s",
		                    strerrordesc_np((int)-len));
	}
	if (len > CONFIG_FILE_MAX) {
		return config_error(build, "is longer than %d bytes",
		                    CONFIG_FILE_MAX);
	}

	in.left = (struct bytes){ at, (size_t)len };
	if (len >= 3 && memcmp(at, BYTE_ORDER_MARK, 3) == 0)
		in.left = (struct bytes){ at + 3, (size_t)len - 3 };
	config_allow_long_lines();
	rc = ini_parse_stream(read_line, &in, take_pair, &in);
	if (in.rc < 0)
		return in.rc;
	if (rc == 0)
		return 0;

	build->line = rc;
	return config_error(build, "is neither [section] nor key = value");
}
