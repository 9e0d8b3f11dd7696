/* audit_start.h - where the audit log stands when a door begins to write it */
#pragma once

#include "protocol/base/digest.h"

#include <stdint.h>

/* The launcher opens the file and finds its end, the door writes it. */
struct audit_start {
	const char *path;  /* borrowed; NULL: none is kept */
	int fd;            /* to append; -1 with a path: it cannot be opened */
	const char *why;   /* ... and this is why; borrowed */
	uint64_t sequence; /* of the last record, 0: none */
	uint8_t head[DIGEST_SHA256_LEN]; /* of the last line; zeroes: none */
	uint64_t size;                   /* bytes */
	uint64_t size_max;               /* then another file is begun */
};
