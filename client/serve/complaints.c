#include "client/serve/complaints.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

bool complaints_admit(struct complaints *complaints, const char *text,
                      long long now_ms)
{
	size_t oldest = 0;

	for (size_t i = 0; i < COMPLAINTS_MAX; i++) {
		if (complaints->said[i].said_ms > 0 &&
		    strncmp(complaints->said[i].text, text,
		            COMPLAINTS_TEXT_MAX - 1) == 0) {
			if (now_ms - complaints->said[i].said_ms <
			    COMPLAINTS_REST_MS)
				return false;
			oldest = i;
			break;
		}
		if (complaints->said[i].said_ms <
		    complaints->said[oldest].said_ms)
			oldest = i;
	}
	(void)snprintf(complaints->said[oldest].text, COMPLAINTS_TEXT_MAX, "%s",
	               text);
	complaints->said[oldest].said_ms = now_ms;
	return true;
}
