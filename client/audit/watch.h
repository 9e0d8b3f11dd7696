/* watch.h - waits until a log may have grown, or the person has had enough */
#pragma once

#include "protocol/base/attributes.h"

#include <stddef.h>

struct watch {
	int signals; /* SIGINT, SIGTERM */
	int changes; /* in the folder of the log; -1: they cannot be watched */
};

/* From now on the two signals no longer end the program.  0 or -errno. */
must_check int watch_open(struct watch *watch, const char *path);
void watch_close(struct watch *watch);

enum watch_outcome {
	WATCH_CHANGED = 0, /* or some time has passed */
	WATCH_ENDED = 1,   /* by a signal */
};

/* WATCH_CHANGED, WATCH_ENDED, -errno. */
must_check int watch_wait(struct watch *watch);
