/* scope_table.c - the allow-table: which scope gives what, for which objects
 *
 * Every cell is written out, and one that is not stands for nobody: a scope
 * gives only what a person has written here.
 */
#include "agent/door/scope/scope.h"

#include <assert.h>

enum giver {
	NOBODY_YET = 0, /* a cell that was forgotten; a test finds it */
	OWNER = 1U << SCOPE_OWNER,
	PUSH = 1U << SCOPE_PUSH,
	PULL = 1U << SCOPE_PULL,
	NOBODY = 1U << SCOPE_BASE_COUNT,
};

#define A (OWNER | PUSH | PULL) /* all */
#define W (OWNER | PUSH)        /* who writes to caches */
#define O OWNER
#define X NOBODY

/* Exactly one cell for each enum object_key_kind. */
#define ROW(none, info, narinfo, listing, nar, log, debug, realisation, trace) \
	{                                                                      \
		(none), (info), (narinfo), (listing), (nar), (log), (debug),   \
			(realisation), (trace)                                 \
	}

/* clang-format off */
static const uint8_t table[][OBJECT_KEY_KIND_COUNT] = {
	/*                                       no  cache nar-  list-      debug reali- build
	 *                                       key info  info  ing   NAR log info sation trace */
	[PERMIT_UNLOCK]                   = ROW(A,  X,    X,    X,    X,  X,  X,   X,    X),
	[PERMIT_LOCK]                     = ROW(O,  X,    X,    X,    X,  X,  X,   X,    X),
	[PERMIT_QUIT]                     = ROW(O,  X,    X,    X,    X,  X,  X,   X,    X),
	[PERMIT_SIGN]                     = ROW(W,  X,    X,    X,    X,  X,  X,   X,    X),
#define OBJECT(operation) [PERMIT_OBJECT + S3_##operation]
	OBJECT(GET_OBJECT)                = ROW(X,  A,    A,    A,    A,  A,  A,   A,    A),
	OBJECT(HEAD_OBJECT)               = ROW(X,  A,    A,    A,    A,  A,  A,   A,    A),
	OBJECT(PUT_OBJECT)                = ROW(X,  W,    W,    W,    W,  W,  W,   W,    W),
	OBJECT(LIST_OBJECTS_V2)           = ROW(A,  X,    X,    X,    X,  X,  X,   X,    X),
	OBJECT(CREATE_MULTIPART_UPLOAD)   = ROW(X,  O,    O,    W,    W,  W,  W,   O,    O),
	OBJECT(UPLOAD_PART)               = ROW(X,  O,    O,    W,    W,  W,  W,   O,    O),
	OBJECT(COMPLETE_MULTIPART_UPLOAD) = ROW(X,  O,    O,    W,    W,  W,  W,   O,    O),
	OBJECT(ABORT_MULTIPART_UPLOAD)    = ROW(X,  O,    O,    W,    W,  W,  W,   O,    O),
	OBJECT(LIST_PARTS)                = ROW(X,  O,    O,    W,    W,  W,  W,   O,    O),
	OBJECT(LIST_MULTIPART_UPLOADS)    = ROW(W,  X,    X,    X,    X,  X,  X,   X,    X),
	OBJECT(DELETE_OBJECT)             = ROW(X,  O,    O,    O,    O,  O,  O,   O,    O),
};
/* clang-format on */
static_assert(sizeof(table) / sizeof(table[0]) == PERMIT_COUNT,
              "every permission has a row");
static_assert(PERMIT_COUNT == 15 && OBJECT_KEY_KIND_COUNT == 9 &&
                      SCOPE_BASE_COUNT == 3,
              "who adds a permission, a kind or a scope decides its cells");

bool scope_table_allows(enum scope_base base, enum permission permission,
                        enum object_key_kind kind)
{
	return base < SCOPE_BASE_COUNT && permission < PERMIT_COUNT &&
	       kind < OBJECT_KEY_KIND_COUNT &&
	       (table[permission][kind] & (1U << base)) != 0;
}

bool scope_table_is_decided(enum permission permission,
                            enum object_key_kind kind)
{
	return table[permission][kind] != NOBODY_YET;
}
