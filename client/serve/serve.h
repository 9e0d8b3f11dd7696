/* serve.h - caches offered to stock Nix over HTTP on this machine */
#pragma once

#include "protocol/base/strings.h"

#include <stdbool.h>
#include <stdint.h>

#define SERVE_PORT_USUAL 7757

struct serve_request {
	const struct strings *caches; /* names or URIs; none: all of the agent */
	const char *listen;           /* "127.0.0.1:7757", "[::1]:0" */
	const struct strings *users;  /* names or uids; none: see man page */
	const char *password_file;    /* NULL: no password */
	int priority;                 /* of nix-cache-info; -1: the cache's */
	bool allow_push;
	bool proxy; /* NARs through us instead of 307 */
};

/* Until a signal ends it; returns an exit status, failures have been told. */
int serve_run(const struct serve_request *request);
