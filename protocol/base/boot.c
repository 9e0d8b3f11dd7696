#include "protocol/base/boot.h"

#include "protocol/base/cleanup.h"

#include <fcntl.h>
#include <string.h>

void boot_read_id(char ret_id[BOOT_ID_SIZE])
{
	cleanup_close int fd =
		open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, ret_id, BOOT_ID_SIZE - 1);

	ret_id[n > 0 ? n : 0] = '\0';
	ret_id[strcspn(ret_id, "\n")] = '\0';
}
