#include "agent/launcher/audit_file.h"

#include <unistd.h>

void audit_file_open(struct audit_file *file, const char *path)
{
	(void)path;
	file->fd = -1;
}

void audit_file_close(struct audit_file *file)
{
	if (file->fd >= 0)
		(void)close(file->fd);
	file->fd = -1;
}

struct audit_start audit_file_start(const struct audit_file *file,
                                    const struct config *config)
{
	(void)file;
	(void)config;
	return (struct audit_start){ .fd = -1 };
}

void audit_file_rotate(struct audit_file *file, uint64_t last,
                       struct errand *ret_done)
{
	(void)file;
	(void)last;
	ret_done->end = ERRAND_FAILED;
}
