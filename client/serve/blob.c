#include "client/serve/blob.h"

#include <stdlib.h>
#include <string.h>

struct blob *blob_new(struct bytes bytes)
{
	struct blob *blob = malloc(sizeof(*blob) + bytes.len);

	if (!blob)
		return NULL;
	blob->shares = 1;
	blob->url_at = 0;
	blob->len = bytes.len;
	if (bytes.len > 0)
		memcpy(blob->bytes, bytes.data, bytes.len);
	return blob;
}

struct blob *blob_of_text(const char *text)
{
	return blob_new(bytes_of_text(text));
}

struct blob *blob_share(struct blob *blob)
{
	blob->shares++;
	return blob;
}

void blob_release(struct blob *blob)
{
	if (blob && --blob->shares == 0)
		free(blob);
}
