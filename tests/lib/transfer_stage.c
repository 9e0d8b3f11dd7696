#include "tests/lib/transfer_stage.h"

#include "tests/lib/test.h"

#include <stdlib.h>

void transfer_stage_set_up(struct transfer_stage *stage,
                           const struct http_reply *replies, size_t count)
{
	struct transfer_options options = { .connections = 8,
		                            .stall_timeout_s = 1 };

	*stage = (struct transfer_stage){ .server = http_server_start(replies,
		                                                      count) };
	if (!stage->server || transfer_open(&options, &stage->transfer) < 0) {
		test_fail(__FILE__, __LINE__, "no stage");
		exit(1);
	}
}

void transfer_stage_tear_down(struct transfer_stage *stage)
{
	transfer_close(stage->transfer);
	http_server_free(stage->server);
}

struct transfer_request transfer_stage_request(struct transfer_stage *stage,
                                               const char *method,
                                               const char *path)
{
	(void)snprintf(stage->url, sizeof(stage->url),
	               "http://127.0.0.1:%u%s?" TRANSFER_STAGE_SECRET,
	               http_server_port(stage->server), path);
	(void)snprintf(stage->target.method, sizeof(stage->target.method), "%s",
	               method);
	stage->target.url = stage->url;
	return (struct transfer_request){ .target = &stage->target, .tag = 7 };
}

struct transfer_result transfer_stage_take(struct transfer_stage *stage)
{
	struct transfer *transfer = stage->transfer;
	struct transfer_result result = { .outcome = TRANSFER_FAILED };
	int rc = 0;

	while (rc == 0 && transfer_count(transfer) > 0) {
		rc = transfer_next(transfer, &result);
		if (rc == 0)
			rc = transfer_wait(transfer, NULL, 0, 1000);
	}
	CHECK(rc == 1);
	return result;
}

struct transfer_result
transfer_stage_run(struct transfer_stage *stage,
                   const struct transfer_request *request)
{
	CHECK(transfer_submit(stage->transfer, request) == 0);
	return transfer_stage_take(stage);
}
