#include "client/nixconf/netrc_edit.h"
#include "client/nixconf/nix_conf_line.h"

#include <errno.h>
#include <string.h>

#define TEXT_MAX (NETRC_FILE_MAX + (size_t)1024)

bool netrc_password_is_valid(const char *password)
{
	size_t len = strlen(password);

	for (size_t i = 0; i < len; i++) {
		if (password[i] <= ' ' || password[i] > '~' ||
		    strchr("\"'\\", password[i]))
			return false;
	}
	return len > 0 && len <= NETRC_PASSWORD_MAX && password[0] != '#';
}

static bool machine_is_valid(const char *machine)
{
	size_t len = strlen(machine);

	for (size_t i = 0; i < len; i++) {
		if (machine[i] <= ' ' || machine[i] > '~')
			return false;
	}
	return len > 0 && len <= NETRC_MACHINE_MAX;
}

static bool next_is(struct bytes *rest, const char *text)
{
	struct bytes word;

	return nix_conf_next_word(rest, &word) &&
	       bytes_equal(word, bytes_of_text(text));
}

/* machine M login nixcache password P, and nothing more on the line. */
static bool is_ours(struct bytes line, const char *machine)
{
	struct bytes word;

	return next_is(&line, "machine") && nix_conf_next_word(&line, &word) &&
	       (!machine || bytes_equal(word, bytes_of_text(machine))) &&
	       next_is(&line, "login") && next_is(&line, "nixcache") &&
	       next_is(&line, "password") && nix_conf_next_word(&line, &word) &&
	       !nix_conf_next_word(&line, &word);
}

/* Words may stand on any line; a comment goes to the end of its own. */
static bool has_entry(struct bytes text, const char *machine)
{
	struct bytes line, word;
	bool is_name = false;

	while (nix_conf_next_line(&text, &line)) {
		while (nix_conf_next_word(&line, &word) &&
		       word.data[0] != '#') {
			if (is_name &&
			    bytes_equal(word, bytes_of_text(machine)))
				return true;
			is_name = bytes_equal(word, bytes_of_text("machine"));
		}
	}
	return false;
}

static void append_others(struct bytes text, const char *machine,
                          struct buffer *out)
{
	struct bytes line;

	while (nix_conf_next_line(&text, &line)) {
		size_t len = (size_t)(text.data - line.data);

		if (!is_ours(line, machine))
			buffer_append(out, line.data, len);
	}
}

static int finish(struct buffer *out, struct buffer *ret_text)
{
	int rc = buffer_end(out);

	if (rc < 0) {
		buffer_clear(out);
		return rc;
	}
	*ret_text = *out;
	return 0;
}

int netrc_edit_add(struct bytes text, const char *machine, const char *password,
                   struct buffer *ret_text)
{
	struct buffer out;
	size_t own_len;

	if (!machine_is_valid(machine) || !netrc_password_is_valid(password))
		return -EINVAL;
	buffer_init(&out, TEXT_MAX);
	buffer_append_text(&out, "machine ");
	buffer_append_text(&out, machine);
	buffer_append_text(&out, " login nixcache password ");
	buffer_append_text(&out, password);
	buffer_append_char(&out, '\n');
	own_len = out.len;
	append_others(text, machine, &out);
	if (!out.error &&
	    has_entry((struct bytes){ out.data + own_len, out.len - own_len },
	              machine)) {
		buffer_clear(&out);
		return NETRC_TAKEN;
	}
	return finish(&out, ret_text);
}

int netrc_edit_remove(struct bytes text, const char *machine,
                      struct buffer *ret_text)
{
	struct buffer out;

	buffer_init(&out, TEXT_MAX);
	append_others(text, machine, &out);
	return finish(&out, ret_text);
}
