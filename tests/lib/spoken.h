/* spoken.h - what a function that exits says before it does */
#pragma once

#include <stdbool.h>

#define SPOKEN_MAX 16384

struct spoken {
	int exit_status; /* minus the signal that ended it */
	char out[SPOKEN_MAX];
	char err[SPOKEN_MAX];
};

/* Between the two a forked child runs with its standard output and standard
 * error in files.  True in the child, which must end in spoken_end(). */
bool spoken_begin(struct spoken *spoken);

/* Ends the child with a status that nobody else uses: it has come through. */
#define SPOKEN_CAME_THROUGH 99
_Noreturn void spoken_end(void);
