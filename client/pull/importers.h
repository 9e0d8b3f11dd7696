/* importers.h - threads that put paths into the local store
 *
 * Each has a connection to the daemon of its own.  A task is lent by
 * importers_submit() and comes back, done or failed, from importers_next().
 */
#pragma once

#include "client/pipe/conduit.h"
#include "protocol/nix/path_info.h"

#define IMPORTERS_MAX    64
#define IMPORTER_WHY_MAX 768

enum import_kind {
	IMPORT_NAR,    /* what the conduit brings, as the path that info says */
	IMPORT_ENSURE, /* Nix's own substituters are to bring the path */
};

struct import {
	enum import_kind kind;
	size_t index;     /* the caller's */
	const char *base; /* borrowed, as the others */
	const struct path_info *info;
	const char *compression;
	struct conduit *in; /* abandoned after a failure */
	int rc;             /* 0 or -errno with why */
	char why[IMPORTER_WHY_MAX];
	struct import *next;
};

struct importers;

/* store: see daemon_open(); borrowed.  count up to IMPORTERS_MAX, 0: chosen.
 * The threads connect at once, so that the first task need not wait for it. */
must_check int importers_open(const char *store, unsigned count,
                              struct importers **ret_importers);

/* Calls off what goes on.  0; -EBUSY: a thread waits for its daemon and is
 * left behind until the program ends: what tasks and store borrow must stay. */
must_check int importers_close(struct importers *pool);

void importers_submit(struct importers *pool, struct import *task);

/* An eventfd: readable when a task has come back. */
int importers_fd(const struct importers *pool);

/* NULL: none for now. */
struct import *importers_next(struct importers *pool);

/* Of all NARs so far, uncompressed. */
uint64_t importers_nar_bytes(const struct importers *pool);
