/* Reads a folder of documents: y_* must be read as json-c reads them, n_* must be
 * refused. */
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/text.h"
#include "tests/lib/json_same.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOCUMENT_MAX 65536

static struct bytes read_document(const char *folder, const char *name,
                                  uint8_t *out)
{
	char path[4096];
	ssize_t len = -1;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		len = fd_read_full(fd, out, DOCUMENT_MAX);
		(void)close(fd);
	}
	return (struct bytes){ out, len < 0 ? 0 : (size_t)len };
}

/* What ends before its last brace is no document.  The copy has exactly the
 * bytes, so that the sanitizer sees a read beyond them. */
static bool truncations_are_refused(struct bytes text)
{
	const uint8_t *last = memrchr(text.data, '}', text.len);

	for (size_t len = 0; len < (size_t)(last - text.data); len++) {
		uint8_t *copy = malloc(len > 0 ? len : 1);
		bool refused;

		if (!copy)
			return false;
		memcpy(copy, text.data, len);
		refused = json_check((struct bytes){ copy, len }) < 0;
		free(copy);
		if (!refused)
			return false;
	}
	return true;
}

static bool holds(const char *folder, const char *name)
{
	static uint8_t document[DOCUMENT_MAX];
	struct bytes text = read_document(folder, name, document);

	if (name[0] == 'n')
		return json_check(text) < 0;
	return json_same(text) && truncations_are_refused(text);
}

static int is_document(const struct dirent *entry)
{
	return text_has_suffix(entry->d_name, ".json");
}

int main(int argc, char **argv)
{
	struct dirent **entries = NULL;
	int count, failed = 0;

	if (argc != 2)
		return 2;
	count = scandir(argv[1], &entries, is_document, alphasort);
	if (count < 100) {
		(void)printf(
			"1..0\nBail out! %s: the documents are not there\n",
			argv[1]);
		return 1;
	}

	(void)printf("1..%d\n", count);
	for (int i = 0; i < count; i++) {
		bool ok = holds(argv[1], entries[i]->d_name);

		failed += ok ? 0 : 1;
		(void)printf("%s %d - %s\n", ok ? "ok" : "not ok", i + 1,
		             entries[i]->d_name);
		free(entries[i]);
	}
	free((void *)entries);
	return failed > 0 ? 1 : 0;
}
