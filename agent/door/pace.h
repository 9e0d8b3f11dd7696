/* pace.h - what the server of a cache bears, shared out among its clients
 *
 * A client whose server asks it to slow down says so with its next Presign.
 * The door keeps a limiter for that cache from then on, as each client has one
 * for itself, and tells everybody who asks for URLs of it what part is theirs.
 * After a minute without a plea, or when nothing is left to share out, it is
 * over.
 *
 * What a hostile client can do with it.  It may lie: claim pleas that never
 * were, claim successes, ask for pauses, or not keep to its share.
 *  - Pleas halve what is shared out at most once a second, whoever says them
 *    and however many, and never below PACE_FLOOR requests for each client: so
 *    much everybody has.
 *  - A pause lasts PACE_PAUSE_MAX_MS at most, and none begins before
 *    PACE_PAUSE_EVERY_MS have passed since the last: a quarter of the time.
 *  - Made-up successes widen the shares.  Then each client has what it would
 *    have without an agent: its own limiter.
 *  - Nobody can be made to keep to a share: a URL is good for who has it.
 *  - Only who may put objects into the cache is heard.  Who may only read is
 *    told, and not believed.
 *  - It costs one mark for each place of a connection, and one limiter for each
 *    configured cache; nothing is kept for a client.
 * So a client can slow others down, but not stop them; one that may put objects
 * can do that anyway, by asking too much of the server.
 */
#pragma once

#include "protocol/varlink/agent_api.h"

#define PACE_FLOOR          4U /* requests, for each client */
#define PACE_PAUSE_MAX_MS   5000
#define PACE_PAUSE_EVERY_MS 20000

struct pace_book;

must_check int pace_book_new(struct pace_book **ret_book);
void pace_book_free(struct pace_book *book);

struct pace_client {
	size_t place;   /* of its connection */
	uint16_t cache; /* index in the configuration */
	bool is_heard;  /* what it reports counts */
};

/* A client asks for URLs of a cache, with what it has met there (all 0:
 * nothing).  Times are of clock_boot_ms(). */
void pace_note(struct pace_book *book, const struct pace_client *client,
               const struct agent_pressure *met, long long now_ms);

/* What all clients together may have under way; 0: as much as they like. */
unsigned pace_total(const struct pace_book *book, uint16_t cache,
                    long long now_ms);

/* What each client of the cache should keep to. */
struct agent_pace pace_share(const struct pace_book *book, uint16_t cache,
                             long long now_ms);
