#include "client/cmd/operands.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

static int collect(const struct cli *cli, bool reads_stdin,
                   struct strings *operands)
{
	int rc = 0;

	for (int i = cli->operand; i < cli->argc && rc == 0; i++)
		rc = strings_add(operands, cli->argv[i], strlen(cli->argv[i]));
	if (rc == 0 && reads_stdin)
		rc = read_lines(operands);
	return rc;
}

void operands_read(const struct cli *cli, bool reads_stdin,
                   struct strings *ret_operands)
{
	int rc = collect(cli, reads_stdin, ret_operands);

	if (rc == 0)
		return;
	log_error("%s: read paths: %s", cli->argv[0], strerror(-rc));
	exit(EXIT_FAILED);
}

void operands_read_paths(const struct usage *usage, const struct cli *cli,
                         bool reads_stdin, struct strings *ret_paths)
{
	char what[80];

	operands_read(cli, reads_stdin, ret_paths);
	if (ret_paths->count > 0 || reads_stdin)
		return;
	(void)snprintf(what, sizeof(what), "%s: say which paths, or --stdin",
	               cli->argv[0]);
	usage_wrong(usage, what);
}
