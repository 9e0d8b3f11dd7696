/* outcome.h - tells what a verification has found, as lines or as JSON */
#pragma once

#include "client/audit/trail.h"
#include "protocol/audit/audit_chain.h"

struct outcome {
	bool is_json;
	bool has_keys; /* certificates could be checked */
	size_t finding_count;
};

void outcome_tell(struct outcome *outcome, const struct audit_finding *finding,
                  const struct trail_line *line);
void outcome_finish(const struct outcome *outcome, const char *path,
                    const struct audit_summary *summary);
