#include "client/nixconf/substituter.h"
#include "protocol/base/text.h"
#include "protocol/s3/uri_encode.h"

#include <errno.h>
#include <string.h>

#define URL_MAX ((size_t)4 * STORE_URI_MAX)

static void append_bucket(struct buffer *url, const struct store_uri *uri)
{
	buffer_append_text(url, uri->is_plain_http ? "http://" : "https://");
	if (uri->addressing == ADDRESSING_VIRTUAL) {
		buffer_append_text(url, uri->bucket);
		buffer_append_char(url, '.');
	}
	buffer_append_text(url, uri->endpoint);
	if (uri->addressing == ADDRESSING_PATH) {
		buffer_append_char(url, '/');
		uri_encode_path(url, bytes_of_text(uri->bucket));
	}
	if (uri->prefix[0]) {
		buffer_append_char(url, '/');
		uri_encode_path(url, bytes_of_text(uri->prefix));
	}
}

int substituter_of_store(const struct store_uri *uri, char **ret_url)
{
	cleanup_buffer struct buffer url;
	const char *text;

	buffer_init(&url, URL_MAX);
	switch (uri->kind) {
	case STORE_URI_S3:
		append_bucket(&url, uri);
		break;
	case STORE_URI_FILE:
		buffer_append_text(&url, "file://");
		uri_encode_path(&url, bytes_of_text(uri->path));
		break;
	}
	text = buffer_text(&url);
	if (!text)
		return buffer_end(&url);
	*ret_url = strdup(text);
	return *ret_url ? 0 : -ENOMEM;
}

int substituter_machine(const char *url, char *ret_machine, size_t size)
{
	const char *host, *end;
	size_t len;

	if (!text_has_prefix(url, "http://") &&
	    !text_has_prefix(url, "https://"))
		return -EINVAL;
	host = strstr(url, "://") + 3;
	len = strcspn(host, "/?#");
	if (memchr(host, '@', len))
		return -EINVAL;
	end = host + len;
	if (*host == '[') {
		host++;
		end = memchr(host, ']', (size_t)(end - host));
	} else {
		const char *port = memchr(host, ':', len);

		end = port ? port : end;
	}
	if (!end || end == host || (size_t)(end - host) >= size)
		return -EINVAL;
	len = (size_t)(end - host);
	memcpy(ret_machine, host, len);
	ret_machine[len] = '\0';
	return 0;
}
