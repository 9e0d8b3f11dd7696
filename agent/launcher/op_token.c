#include "agent/launcher/op_token.h"

#include "protocol/base/env.h"

#include <errno.h>
#include <string.h>

#define TOKEN_MAX 4096

int op_token_take(enum secret_memory_demand demand, struct op_token *ret_token)
{
	const char *value = env_find(OP_TOKEN_NAME);
	struct op_token token = { .variable = NULL };
	struct report unused = { .process = "launcher" };
	const size_t name_len = strlen(OP_TOKEN_NAME "=");
	int rc;

	*ret_token = token;
	if (!value)
		return 0;
	if (strlen(value) > TOKEN_MAX)
		return -EMSGSIZE;

	rc = secret_memory_map(name_len + TOKEN_MAX + 1, demand, &unused,
	                       &token.memory);
	if (rc < 0)
		return rc;
	memcpy(token.memory.at, OP_TOKEN_NAME "=", name_len);
	memcpy(token.memory.at + name_len, value, strlen(value) + 1);
	token.variable = (const char *)token.memory.at;
	env_wipe(OP_TOKEN_NAME);
	*ret_token = token;
	return 0;
}

void op_token_clear(struct op_token *token)
{
	if (token->variable)
		secret_memory_unmap(&token->memory);
	token->variable = NULL;
}
