#include "tests/bench/ssh_client.h"

#include "protocol/base/cursor.h"
#include "protocol/base/fd.h"
#include "tests/bench/connect.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define REQUEST_IDENTITIES 11
#define IDENTITIES_ANSWER  12
#define SIGN_REQUEST       13
#define SIGN_RESPONSE      14
#define LENGTH_LEN         4

static struct bytes get_string(struct cursor *c)
{
	uint32_t len = cursor_get_u32(c);

	return cursor_get_raw(c, len <= SSH_CLIENT_MESSAGE_MAX ? len : 0);
}

static void put_string(struct buffer *out, struct bytes bytes)
{
	buffer_put_u32(out, (uint32_t)bytes.len);
	buffer_append_bytes(out, bytes);
}

/* Sends the message, which gets its length here, and reads the answer. */
static int exchange(struct ssh_client *client, struct bytes message,
                    struct cursor *ret_answer)
{
	uint8_t request[SSH_CLIENT_MESSAGE_MAX];
	struct buffer out;
	struct cursor c;
	uint32_t len;
	int rc;

	buffer_wrap(&out, request, sizeof(request));
	put_string(&out, message);
	rc = buffer_end(&out);
	if (rc == 0)
		rc = fd_write_full(client->fd, out.data, out.len);
	if (rc < 0)
		return rc;

	if (fd_read_full(client->fd, client->answer, LENGTH_LEN) != LENGTH_LEN)
		return -EPIPE;
	cursor_init(&c, (struct bytes){ client->answer, LENGTH_LEN });
	len = cursor_get_u32(&c);
	if (len == 0 || len > SSH_CLIENT_MESSAGE_MAX)
		return -EBADMSG;
	if (fd_read_full(client->fd, client->answer, len) != (ssize_t)len)
		return -EPIPE;
	cursor_init(ret_answer, (struct bytes){ client->answer, len });
	return 0;
}

static int find_key(struct ssh_client *client)
{
	static const uint8_t request[] = { REQUEST_IDENTITIES };
	struct cursor answer;
	struct bytes key;
	int rc = exchange(client, (struct bytes){ request, sizeof(request) },
	                  &answer);

	if (rc < 0)
		return rc;
	if (cursor_get_u8(&answer) != IDENTITIES_ANSWER ||
	    cursor_get_u32(&answer) == 0)
		return -ENOKEY;
	key = get_string(&answer);
	if (answer.failed || key.len > sizeof(client->key))
		return -EBADMSG;
	memcpy(client->key, key.data, key.len);
	client->key_len = key.len;
	return 0;
}

int ssh_client_open(struct ssh_client *client, const char *socket_path)
{
	int rc;

	*client = (struct ssh_client){ .fd = -1 };
	rc = connect_unix(socket_path, &client->fd);
	return rc < 0 ? rc : find_key(client);
}

void ssh_client_close(struct ssh_client *client)
{
	if (client->fd >= 0)
		(void)close(client->fd);
	client->fd = -1;
}

int ssh_client_sign(struct ssh_client *client, struct bytes text)
{
	uint8_t request[SSH_CLIENT_MESSAGE_MAX];
	struct cursor answer;
	struct buffer out;
	int rc;

	buffer_wrap(&out, request, sizeof(request));
	buffer_put_u8(&out, SIGN_REQUEST);
	put_string(&out, (struct bytes){ client->key, client->key_len });
	put_string(&out, text);
	buffer_put_u32(&out, 0); /* flags */
	rc = buffer_end(&out);
	if (rc == 0)
		rc = exchange(client, buffer_bytes(&out), &answer);
	if (rc < 0)
		return rc;
	return cursor_get_u8(&answer) == SIGN_RESPONSE ? 0 : -EACCES;
}
