/* complaints.h - whether a line of the log was said only just now
 *
 * Fifty requests that meet the same trouble are one line.
 */
#pragma once

#include <stdbool.h>

#define COMPLAINTS_MAX      8
#define COMPLAINTS_TEXT_MAX 768
#define COMPLAINTS_REST_MS  30000LL

struct complaints {
	struct {
		char text[COMPLAINTS_TEXT_MAX];
		long long said_ms; /* 0: never */
	} said[COMPLAINTS_MAX];
};

/* True if it is to be said now, which is then remembered. */
bool complaints_admit(struct complaints *complaints, const char *text,
                      long long now_ms);
