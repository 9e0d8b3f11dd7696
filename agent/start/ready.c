#include "agent/start/ready.h"

#include "protocol/base/exit_status.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#include <stdio.h>
#include <unistd.h>

void ready_tell(int *fd, int exit_status, const char *error)
{
	struct ready ready = { .exit_status = exit_status };

	if (*fd < 0)
		return;
	(void)snprintf(ready.error, sizeof(ready.error), "%s", error);
	if (fd_write_full(*fd, &ready, sizeof(ready)) < 0)
		log_debug("nobody waits for the start");
	(void)close(*fd);
	*fd = -1;
}

int ready_wait(int fd, struct ready *ret_ready)
{
	ssize_t n = fd_read_full(fd, ret_ready, sizeof(*ret_ready));

	if (n < 0)
		return (int)n;
	if ((size_t)n < sizeof(*ret_ready)) {
		*ret_ready = (struct ready){
			.exit_status = EXIT_FAILED,
			.error = "the agent ended while it started",
		};
	}
	return 0;
}
