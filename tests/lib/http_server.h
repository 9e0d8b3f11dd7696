/* http_server.h - a scripted HTTP server on loopback, for tests
 *
 * Each request takes the first reply of the script that matches it and has not
 * been taken, so that requests in flight together may come in any order.  What
 * came in may be read once the server has stopped.
 */
#pragma once

#include "protocol/base/bytes.h"

struct http_reply {
	const char *match;   /* somewhere in the request line; NULL: any */
	const char *answer;  /* sent as it is; NULL: closed without an answer;
	                     * "": neither answered nor closed */
	bool is_before_body; /* answered and closed without reading the body */
	bool is_last; /* closed after the answer; as "Connection: close" */
};

struct http_server;

/* replies are borrowed until the server is freed.  NULL: no such luck. */
struct http_server *http_server_start(const struct http_reply *replies,
                                      size_t count);
unsigned http_server_port(const struct http_server *server);
void http_server_stop(struct http_server *server);
void http_server_free(struct http_server *server);

/* Of the stopped server, in the order of arrival. */
size_t http_server_count(const struct http_server *server);
/* The request line and headers, each line ended by CR LF. */
const char *http_server_head(const struct http_server *server, size_t index);
struct bytes http_server_body(const struct http_server *server, size_t index);
/* Which connection brought it, counted from 0. */
unsigned http_server_connection(const struct http_server *server, size_t index);
