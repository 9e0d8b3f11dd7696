/* transfer_stage.h - a transfer and a scripted server for it */
#pragma once

#include "tests/lib/http_server.h"

#include "client/transfer/transfer.h"

#define TRANSFER_STAGE_SECRET "X-Amz-Signature=5ec5e7"
#define TRANSFER_STAGE_OK     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

struct transfer_stage {
	struct http_server *server;
	struct transfer *transfer;
	struct agent_signed_request target; /* of the last request made */
	char url[512];                      /* of the target */
};

/* 8 connections, and patience of a second; replies are borrowed. */
void transfer_stage_set_up(struct transfer_stage *stage,
                           const struct http_reply *replies, size_t count);
void transfer_stage_tear_down(struct transfer_stage *stage);

/* With the tag 7, to the server; the target is the stage's. */
struct transfer_request transfer_stage_request(struct transfer_stage *stage,
                                               const char *method,
                                               const char *path);

/* Waits for the next result. */
struct transfer_result transfer_stage_take(struct transfer_stage *stage);
struct transfer_result
transfer_stage_run(struct transfer_stage *stage,
                   const struct transfer_request *request);
