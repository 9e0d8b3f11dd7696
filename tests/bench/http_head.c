#include "tests/bench/http_head.h"

#include "protocol/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAD_END "\r\n\r\n"

/* What stands behind "\r\nName:", or NULL. */
static const char *find_header(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = strstr(text, "\r\n"); line;
	     line = strstr(line + 2, "\r\n")) {
		if (strncasecmp(line + 2, name, len) == 0 &&
		    line[2 + len] == ':')
			return line + 2 + len + 1;
	}
	return NULL;
}

static int copy(const char *from, size_t len, char *out, size_t size)
{
	if (len >= size)
		return -EBADMSG;
	memcpy(out, from, len);
	out[len] = '\0';
	return 0;
}

static int parse_line(const char *line, struct http_head *head)
{
	size_t method_len = strcspn(line, " \r");
	const char *target = line + method_len + 1;
	size_t path_len, query_len = 0;
	const char *query;
	int rc;

	if (line[method_len] != ' ' || target[0] != '/')
		return -EBADMSG;
	target++;
	path_len = strcspn(target, "? \r");
	query = target + path_len;
	if (*query == '?')
		query_len = strcspn(++query, " \r");
	rc = copy(line, method_len, head->method, sizeof(head->method));
	if (rc == 0)
		rc = copy(target, path_len, head->path, sizeof(head->path));
	return rc == 0 ? copy(query, query_len, head->query,
	                      sizeof(head->query))
	               : rc;
}

int http_head_parse(struct bytes bytes, struct http_head *ret_head)
{
	const uint8_t *end = bytes.len > 0 ? memmem(bytes.data, bytes.len,
	                                            HEAD_END, strlen(HEAD_END))
	                                   : NULL;
	char text[HTTP_HEAD_MAX / 4];
	const char *value;
	int rc;

	if (!end)
		return bytes.len >= HTTP_HEAD_MAX ? -EBADMSG : 0;
	*ret_head = (struct http_head){
		.len = (size_t)(end - bytes.data) + strlen(HEAD_END),
	};
	rc = copy((const char *)bytes.data, ret_head->len, text, sizeof(text));
	if (rc == 0)
		rc = parse_line(text, ret_head);
	if (rc < 0)
		return rc;

	value = find_header(text, "Content-Length");
	if (value)
		ret_head->content_length = strtoull(value, NULL, 10);
	value = find_header(text, "Expect");
	ret_head->expects_continue = value && strcasestr(value, "100-");
	value = find_header(text, "Connection");
	ret_head->is_last = value && strncasecmp(value, " close\r",
	                                         strlen(" close\r")) == 0;
	return find_header(text, "Transfer-Encoding") ? -EBADMSG : 1;
}

bool http_head_query(const struct http_head *head, const char *name,
                     char *value, size_t value_size)
{
	size_t len = strlen(name);

	for (const char *at = head->query; *at;
	     at += strcspn(at, "&"), at += *at == '&') {
		if (strncmp(at, name, len) != 0 ||
		    (at[len] != '=' && at[len] != '&' && at[len] != '\0'))
			continue;
		at += len + (at[len] == '=' ? 1 : 0);
		if (value) {
			(void)snprintf(value, value_size, "%.*s",
			               (int)strcspn(at, "&"), at);
		}
		return true;
	}
	return false;
}

void http_decode(char *value)
{
	char *out = value;

	while (*value) {
		uint8_t byte;

		if (*value == '%' && strlen(value) > 2 &&
		    text_unhex(value + 1, 2, &byte, 1) == 0) {
			*out++ = (char)byte;
			value += 3;
		} else {
			*out++ = *value++;
		}
	}
	*out = '\0';
}
