/* http_head.h - the head of an HTTP/1.1 request, as far as a test needs it */
#pragma once

#include "protocol/base/bytes.h"

#define HTTP_HEAD_MAX ((size_t)32 * 1024)

struct http_head {
	char method[8];
	char path[1024];  /* without the slash it begins with */
	char query[8192]; /* without the question mark, or empty */
	uint64_t content_length;
	bool expects_continue;
	bool is_last; /* the client will close */
	size_t len;   /* of the whole head */
};

/* 1: *ret_head is the first request's; 0: more bytes are needed; -EBADMSG. */
must_check int http_head_parse(struct bytes bytes, struct http_head *ret_head);

/* True if the query has that parameter; value, if it is not NULL, gets what
 * stands behind it, not decoded and cut if it is long. */
bool http_head_query(const struct http_head *head, const char *name,
                     char *value, size_t value_size);

/* Takes the percent-encoding out of a value, in place. */
void http_decode(char *value);
