/* ssh_client.h - asks an ssh-agent for signatures, one after the other
 *
 * The protocol is draft-miller-ssh-agent: u32 length, u8 type, body.
 */
#pragma once

#include "protocol/base/bytes.h"

#define SSH_CLIENT_MESSAGE_MAX 4096

struct ssh_client {
	int fd;
	uint8_t key[256]; /* the agent's first one, as it names it */
	size_t key_len;
	uint8_t answer[SSH_CLIENT_MESSAGE_MAX];
};

/* Connects and asks which key there is.  0 or -errno. */
must_check int ssh_client_open(struct ssh_client *client,
                               const char *socket_path);
void ssh_client_close(struct ssh_client *client);

/* Has the text signed.  0 or -errno; -EACCES if the agent will not. */
must_check int ssh_client_sign(struct ssh_client *client, struct bytes text);
