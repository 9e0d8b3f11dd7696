#include "agent/launcher/pty.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

int pty_open(int *ret_master, char name[PTY_NAME_SIZE])
{
	const struct winsize size = { .ws_row = 24, .ws_col = 80 };
	cleanup_close int master = -1;
	int rc;

	/* Not posix_openpt(): it takes no O_CLOEXEC everywhere. */
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (master < 0)
		return -errno;
	if (unlockpt(master) < 0)
		return -errno;
	rc = ptsname_r(master, name, PTY_NAME_SIZE);
	if (rc != 0)
		return -rc;
	(void)ioctl(master, TIOCSWINSZ, &size);

	*ret_master = take_fd(&master);
	return 0;
}
