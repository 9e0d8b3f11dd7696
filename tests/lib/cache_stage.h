/* cache_stage.h - a cache whose server is scripted and whose agent is a fake */
#pragma once

#include "tests/lib/fake_presign.h"
#include "tests/lib/http_server.h"

#include "client/cache/cache.h"

#define STAGE_OK           "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define STAGE_STATUS(line) "HTTP/1.1 " line "\r\nContent-Length: 0\r\n\r\n"
#define STAGE_BODY(line, body) \
	"HTTP/1.1 " line "\r\nConnection: close\r\n\r\n" body
#define STAGE_ERROR(code) "<Error><Code>" code "</Code></Error>"
#define STAGE_NAR         "nar/0000000000000000000000000000000000000000000000000001.nar"
#define STAGE_COMPLETED                         \
	"<CompleteMultipartUploadResult><Key/>" \
	"</CompleteMultipartUploadResult>"

/* The cache "mine" in s3://bucket/nix/cache. */
struct stage {
	struct http_server *server;
	struct fake_presign *fake;
	struct agent_cache config;
	struct cache *cache;
	char name[8];
	char store[128];
};

/* replies are borrowed until stage_tear_down(). */
void stage_set_up(struct stage *stage, const struct http_reply *replies,
                  size_t count, unsigned connections);
void stage_tear_down(struct stage *stage);

/* Sets up, runs one step and stops the server; what server and agent saw is
 * there until stage_tear_down(). */
struct cache_result stage_run(struct stage *stage,
                              const struct http_reply *replies, size_t count,
                              const struct cache_step *step);

/* Waits for all that is under way; results[tag] is the result of that step.
 * How many there were. */
size_t stage_finish(struct stage *stage, struct cache_result *results);
