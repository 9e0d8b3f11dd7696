#include "client/cmd/operands.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int read_lines(struct strings *lines)
{
	cleanup_free char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, stdin)) >= 0) {
		int rc;

		while (len > 0 &&
		       (line[len - 1] == '\n' || line[len - 1] == '\r'))
			len--;
		rc = len > 0 ? strings_add(lines, line, (size_t)len) : 0;
		if (rc < 0)
			return rc;
	}
	return ferror(stdin) ? -EIO : 0;
}

int operands_collect(int count, char **words, bool reads_stdin,
                     struct strings *ret_operands)
{
	int rc = 0;

	for (int i = 0; i < count && rc == 0; i++)
		rc = strings_add(ret_operands, words[i], strlen(words[i]));
	if (rc == 0 && reads_stdin)
		rc = read_lines(ret_operands);
	return rc;
}
