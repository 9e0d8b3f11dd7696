/* audit_start.h - where the audit log stands when a door begins to write it */
#pragma once

#include "protocol/base/boot.h"
#include "protocol/base/digest.h"

#include <stdint.h>
#include <sys/types.h>

#define AUDIT_LINE_MAX   (256UL << 10) /* with its newline */
#define AUDIT_DIGITS     12            /* behind the name of a former file */
#define AUDIT_FORMER_MAX 255           /* a file name */

/* The launcher opens the file and finds its end, the door writes it. */
struct audit_start {
	const char *path;  /* borrowed; NULL: none is kept */
	int fd;            /* to append; -1 with a path: it cannot be opened */
	const char *why;   /* ... and this is why; borrowed */
	uint64_t sequence; /* of the last record, 0: none */
	uint8_t head[DIGEST_SHA256_LEN]; /* of the last line; zeroes: none */
	uint64_t size;                   /* bytes */
	const char *former; /* borrowed; NULL: none.  Where the last record is,
	                     * when this file has none yet */
	uint64_t size_max;  /* then another file is begun */
	pid_t pid;          /* of the agent */
	char boot[BOOT_ID_SIZE]; /* or empty */
};
