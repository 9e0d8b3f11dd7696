/* append.h - appends to a file whole lines or nothing */
#pragma once

#include "protocol/base/bytes.h"

#include <sys/types.h>

struct append_file {
	int fd;       /* owned; -1: none */
	bool is_torn; /* a piece that could not be taken back stands at the end */
	off_t torn_at;
};

/* 0, or -errno: the file is as it was, or the next call sees to that first. */
must_check int append_line(struct append_file *file, struct bytes line);
