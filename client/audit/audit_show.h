/* audit_show.h - prints an audit log, and what comes to it */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct audit_show_request {
	const char *path; /* NULL: as place_find() */
	bool is_json;     /* the lines as they are */
	bool follows;     /* until SIGINT or SIGTERM */
	int64_t line_max; /* only the last ones; -1: all */
	int64_t since_s;  /* seconds since 1970; 0: from the beginning */
};

/* Returns an exit status; failures have been told. */
int audit_show_run(const struct audit_show_request *request);
