#include "agent/launcher/audit_end.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define CUT_MAX    3 /* lines one after the other that a crash has cut */
#define WINDOW_MAX ((CUT_MAX + 1) * AUDIT_LINE_MAX)

static const char beginning[] = "{\"seq\":";
static const char last_member[] = ",\"prev\":\"";
#define BEGINNING_LEN (sizeof(beginning) - 1)
#define ENDING_LEN    (sizeof(last_member) - 1 + 2UL * DIGEST_SHA256_LEN + 2)

/* A whole line, as the door writes it.  0 or -EBADMSG. */
static int read_sequence(struct bytes line, uint64_t *ret_sequence)
{
	const char *text = (const char *)line.data;
	uint64_t sequence = 0;
	size_t i = BEGINNING_LEN;

	if (line.len < BEGINNING_LEN + ENDING_LEN ||
	    memcmp(text, beginning, BEGINNING_LEN) != 0 ||
	    memcmp(text + line.len - ENDING_LEN, last_member,
	           sizeof(last_member) - 1) != 0 ||
	    memcmp(text + line.len - 2, "\"}", 2) != 0)
		return -EBADMSG;
	for (; text[i] >= '0' && text[i] <= '9'; i++) {
		if (__builtin_mul_overflow(sequence, 10, &sequence) ||
		    __builtin_add_overflow(sequence, text[i] - '0', &sequence))
			return -EBADMSG;
	}
	if (sequence == 0 || sequence == UINT64_MAX || text[i] != ',')
		return -EBADMSG;
	*ret_sequence = sequence;
	return 0;
}

/* The beginning of a line; or zeroes, which some file systems leave after a
 * loss of power. */
static bool may_be_cut(struct bytes line)
{
	size_t zeroes = 0;

	while (zeroes < line.len && line.data[zeroes] == '\0')
		zeroes++;
	return line.len > 0 &&
	       (zeroes == line.len ||
	        memcmp(line.data, beginning,
	               line.len < BEGINNING_LEN ? line.len : BEGINNING_LEN) ==
	                0);
}

/* The last line of text, which loses it and the newline before it. */
static struct bytes take_last(struct bytes *text)
{
	const uint8_t *newline =
		text->len > 0 ? memrchr(text->data, '\n', text->len) : NULL;
	size_t before = newline ? (size_t)(newline - text->data) : 0;
	struct bytes line = *text;

	if (newline) {
		line.data += before + 1;
		line.len -= before + 1;
	}
	text->len = before;
	return line;
}

/* is_whole: text is the whole file, and not its last bytes. */
static int find(struct bytes text, bool is_whole, struct audit_end *end)
{
	struct bytes line = take_last(&text);
	uint64_t sequence = end->sequence, cut = 0;

	if (digest_sha256(line, end->head) < 0)
		return -EIO;
	while (read_sequence(line, &sequence) < 0) {
		if (!may_be_cut(line) || ++cut > CUT_MAX)
			return -EBADMSG;
		if (text.len == 0 && !is_whole)
			return -EBADMSG;
		if (text.len == 0)
			break;
		line = take_last(&text);
	}
	end->sequence = sequence + cut;
	return 0;
}

static int read_end(int fd, uint64_t size, uint8_t *out, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, out + done, len - done,
		                  (off_t)(size - len + done));

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

int audit_end_find(int fd, struct audit_end *end)
{
	cleanup_free uint8_t *window = NULL;
	struct audit_end found = *end;
	struct bytes text;
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return -errno;
	found.size = (uint64_t)st.st_size;
	found.is_cut = false;
	if (found.size == 0) {
		*end = found;
		return 0;
	}
	text.len = found.size < WINDOW_MAX ? found.size : WINDOW_MAX;
	window = malloc(text.len);
	if (!window)
		return -ENOMEM;
	rc = read_end(fd, found.size, window, text.len);
	if (rc < 0)
		return rc;

	text.data = window;
	found.is_cut = window[text.len - 1] != '\n';
	text.len -= found.is_cut ? 0 : 1;
	rc = find(text, found.size <= WINDOW_MAX, &found);
	if (rc == 0)
		*end = found;
	return rc;
}
