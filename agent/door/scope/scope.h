/* scope.h - the one place that decides who may ask for what
 *
 * A connection has layers of grants: its socket's, and one for each time it has
 * narrowed itself.  Every layer must allow a thing; what none names is refused.
 */
#pragma once

#include "agent/config.h"
#include "agent/door/gate.h"
#include "protocol/s3/object_key.h"
#include "protocol/varlink/agent_narrow.h"

#define SCOPE_LAYERS_MAX 8
#define SCOPE_NO_CACHE   UINT16_MAX

/* What has been used of one grant. */
struct scope_use {
	uint64_t count;
	uint64_t bytes;
};

struct scope {
	const struct grant *socket;   /* borrowed from the configuration */
	struct scope_use *socket_use; /* shared by the socket's connections */
	const char *name;             /* of the socket's scope; borrowed */
	struct grant narrowed[SCOPE_LAYERS_MAX - 1]; /* owned */
	struct scope_use narrowed_use[SCOPE_LAYERS_MAX - 1];
	size_t narrowed_count;
};

/* One thing that is asked for. */
struct scope_item {
	enum permission permission;
	uint16_t cache;         /* or SCOPE_NO_CACHE */
	const char *cache_name; /* for the rule; borrowed */
	struct bytes key;       /* an object's key, or a listing's prefix */
	const char *store_path; /* the name below the store, of a Sign */
	uint64_t bytes;         /* of the archive, or of the body to be sent */
	uint32_t expires;       /* of a URL, seconds; 0: the usual */
};

/* The allow-table itself: whether base gives that permission for keys of that
 * kind at all.  Permissions that have no key have OBJECT_KEY_INVALID; a listing
 * has the kind of nothing either. */
bool scope_table_allows(enum scope_base base, enum permission permission,
                        enum object_key_kind kind);
/* Somebody has decided that cell.  For tests: it is true of all. */
bool scope_table_is_decided(enum permission permission,
                            enum object_key_kind kind);

/* Whether each layer gives PutObject for some NARs of that cache. */
bool scope_may_put(const struct scope *scope, uint16_t cache);

/* How long a URL lasts whose request does not say: S3_EXPIRES_USUAL, or less
 * where a layer gives less. */
uint32_t scope_expires(const struct scope *scope);

/* Every layer, without counting anything.  GATE_PASSED, or GATE_REFUSED with
 * PolicyDenied whose rule names the scope and what it lacks, or
 * PermissionDenied where the method itself is not given. */
must_check enum gate_outcome scope_decide(const struct scope *scope,
                                          const struct scope_item *item,
                                          int64_t now_s,
                                          struct error_reply *ret_error);

/* Counts a whole call against every layer, or refuses it and counts nothing. */
must_check enum gate_outcome scope_charge(struct scope *scope, uint64_t count,
                                          uint64_t bytes,
                                          struct error_reply *ret_error);

/* Adds a layer.  CALL_OK; CALL_E_REFUSED with the reply (an unknown scope or
 * cache, too many layers, a pattern that matches nothing): the connection must
 * then be ended; -ENOMEM: likewise. */
must_check int scope_narrow(struct scope *scope, const struct config *config,
                            const struct narrow_call *narrow,
                            struct error_reply *ret_error);

void scope_clear(struct scope *scope);

/* What a connection's scope is called: "owner", "ci", "push, narrowed". */
void scope_describe(const struct scope *scope, char *out, size_t size);
