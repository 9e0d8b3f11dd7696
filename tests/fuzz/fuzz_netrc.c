/* Somebody's netrc, edited: our line comes first, is there once, and taken out
 * again leaves every byte that was there. */
#include "tests/fuzz/fuzz.h"

#include "client/nixconf/netrc_edit.h"
#include "protocol/base/cleanup.h"

#include <errno.h>

#define MACHINE "127.0.0.1"
#define OURS    "machine " MACHINE " login nixcache password "

static size_t count_of(struct bytes text, const char *piece)
{
	size_t count = 0, len = strlen(piece);
	const uint8_t *at;

	while (text.len > 0 && (at = memmem(text.data, text.len, piece, len))) {
		count++;
		text.len -= (size_t)(at - text.data) + len;
		text.data = at + len;
	}
	return count;
}

static void check_first_line(const struct buffer *text, const char *password)
{
	cleanup_buffer struct buffer line;

	buffer_init(&line, 1024);
	buffer_append_text(&line, OURS);
	buffer_append_text(&line, password);
	buffer_append_char(&line, '\n');
	MUST(buffer_end(&line) == 0 && text->len >= line.len);
	MUST(memcmp(text->data, line.data, line.len) == 0);
}

static void edit(struct bytes text, const char *password)
{
	cleanup_buffer struct buffer added, twice, removed, before;
	int rc;

	buffer_init(&added, 0);
	buffer_init(&twice, 0);
	buffer_init(&removed, 0);
	buffer_init(&before, 0);
	MUST(netrc_edit_remove(text, MACHINE, &before) == 0);
	if (count_of(text, "nixcache") == 0)
		MUST(bytes_equal(buffer_bytes(&before), text));
	rc = netrc_edit_add(text, MACHINE, password, &added);
	MUST(rc == 0 || rc == NETRC_TAKEN || rc == -EINVAL);
	MUST((rc == -EINVAL) == !netrc_password_is_valid(password));
	if (rc == NETRC_TAKEN)
		MUST(count_of(buffer_bytes(&before), MACHINE) > 0);
	if (rc != 0)
		return;
	check_first_line(&added, password);
	MUST(netrc_edit_add(buffer_bytes(&added), MACHINE, password, &twice) ==
	     0);
	MUST(bytes_equal(buffer_bytes(&added), buffer_bytes(&twice)));
	MUST(netrc_edit_remove(buffer_bytes(&added), MACHINE, &removed) == 0);
	MUST(bytes_equal(buffer_bytes(&before), buffer_bytes(&removed)));
}

/* A password, a NUL, and the file. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	cleanup_free char *copy = fuzz_text(bytes, len);
	size_t password = strlen(copy);
	struct bytes text = { bytes, len };

	if (len > NETRC_FILE_MAX)
		return 0;
	if (password < len) {
		text.data += password + 1;
		text.len -= password + 1;
		edit(text, copy);
	}
	edit(text, "a-password");
	return 0;
}
