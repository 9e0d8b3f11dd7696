/* op_token.h - a service account's token, kept where no other process reads */
#pragma once

#include "agent/seal/secret_memory.h"

struct op_token {
	struct secret_memory memory;
	const char *variable; /* "OP_SERVICE_ACCOUNT_TOKEN=...", NULL: none */
};

#define OP_TOKEN_NAME "OP_SERVICE_ACCOUNT_TOKEN"

/* Moves the token out of the environment, if it is there.  0 or -errno;
 * -EMSGSIZE when it is too long to be one.  There is no row for this memory:
 * what keeps it from being locked keeps the vault's, and the vault says so. */
must_check int op_token_take(enum secret_memory_demand demand,
                             struct op_token *ret_token);
void op_token_clear(struct op_token *token);
