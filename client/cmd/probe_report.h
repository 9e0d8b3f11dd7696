/* probe_report.h - what info prints, for a person or for a program */
#pragma once

#include "client/survey/probe.h"
#include "client/survey/walk.h"

/* What the cache's listing adds up to. */
struct contents {
	bool is_known;
	char why[WALK_WHY_MAX]; /* not known */
	uint64_t path_count;
	uint64_t object_count;
	uint64_t byte_count;
};

void probe_report_print(const struct agent_cache *cache,
                        const struct probe *probe);
void probe_report_print_contents(const struct contents *contents);

/* One object, a line.  0 or -errno. */
must_check int probe_report_print_json(const struct agent_cache *cache,
                                       const struct probe *probe,
                                       const struct contents *contents);
