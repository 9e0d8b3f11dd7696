/* flow.h - takes every path of a plan into the cache, all at once and in order
 *
 * "In order" is the reader's: a narinfo is there only after its NAR and after
 * the narinfos that it refers to.
 */
#pragma once

#include "client/push/link.h"
#include "client/push/plan.h"
#include "client/push/upload.h"
#include "client/ui/progress.h"

struct flow_request {
	struct agent *agent;
	const struct agent_cache *cache_config;
	struct plan *plan;
	struct upload_context context;
	struct progress *progress;
};

struct flow_result {
	size_t pushed;
	size_t failed;
	bool has_multipart; /* some path went as a multipart upload */
	struct link_meter link;
	uint64_t packed_nar_bytes;  /* of those that were pushed, and were */
	uint64_t packed_file_bytes; /* packed from their beginnings */
	int exit_status;
};

/* Always fills in the result; failures have been told to the progress. */
void flow_run(const struct flow_request *request,
              struct flow_result *ret_result);
