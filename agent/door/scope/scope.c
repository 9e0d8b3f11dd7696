#include "agent/door/scope/scope.h"

#include <stdio.h>

bool scope_table_allows(enum scope_base base, enum permission permission,
                        enum object_key_kind kind)
{
	(void)permission;
	(void)kind;
	return base == SCOPE_OWNER;
}

enum gate_outcome scope_decide(const struct scope *scope,
                               const struct scope_item *item, int64_t now_s,
                               struct error_reply *ret_error)
{
	(void)now_s;
	if (scope_table_allows(scope->socket->base, item->permission,
	                       OBJECT_KEY_INVALID))
		return GATE_PASSED;
	*ret_error = error_reply_make(ERROR_PERMISSION_DENIED, NULL);
	return GATE_REFUSED;
}

enum gate_outcome scope_charge(struct scope *scope, uint64_t count,
                               uint64_t bytes, struct error_reply *ret_error)
{
	(void)ret_error;
	scope->socket_use->count += count;
	scope->socket_use->bytes += bytes;
	return GATE_PASSED;
}

int scope_narrow(struct scope *scope, const struct config *config,
                 const struct narrow_call *narrow,
                 struct error_reply *ret_error)
{
	(void)scope;
	(void)config;
	(void)narrow;
	*ret_error = error_reply_make(ERROR_PERMISSION_DENIED, NULL);
	return CALL_E_REFUSED;
}

void scope_clear(struct scope *scope)
{
	for (size_t i = 0; i < scope->narrowed_count; i++)
		grant_clear(&scope->narrowed[i]);
	scope->narrowed_count = 0;
}

void scope_describe(const struct scope *scope, char *out, size_t size)
{
	(void)snprintf(out, size, "%s%s", scope->name,
	               scope->narrowed_count > 0 ? ", narrowed" : "");
}
