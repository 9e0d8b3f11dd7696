/* keygen.h - the conductor of keygen: a new key pair, and where its halves go */
#pragma once

struct keygen_request {
	const char *name;
	const char *item;  /* the title of a new item; NULL: standard output */
	const char *vault; /* NULL: op's usual one */
	const char *field; /* of the item, for the secret key */
};

/* An exit status.  The secret key goes to 1Password and the public key to
 * standard output; or the secret to standard output, which must be a pipe or a
 * socket, and the public key to standard error. */
int keygen_run(const struct keygen_request *request);
