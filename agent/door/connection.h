/* connection.h - one client: its bytes in, its replies out, its call under way
 *
 * Calls of one connection are answered strictly in order (varlink has no
 * multiplexing): while one is under way nothing more is read.
 */
#pragma once

#include "agent/door/peer.h"
#include "agent/door/scope/scope.h"
#include "agent/door/witness/witness.h"
#include "agent/wire.h"
#include "protocol/varlink/agent_presign.h"
#include "protocol/varlink/agent_sign.h"
#include "protocol/varlink/frame.h"

#define CONNECTIONS_MAX              64
#define CONNECTIONS_PER_PEER_MAX     16
#define CONNECTIONS_PER_STRANGER_MAX 32    /* a user that is not ours or root */
#define CONNECTIONS_STRANGERS_MAX    48    /* all of them */
#define CONNECTIONS_PER_LISTENER_MAX 48    /* where there are several */
#define CONNECTION_FIRST_MS          30000 /* to the first byte */
#define CONNECTION_MESSAGE_MS        10000 /* to finish a message, or take a reply */
#define CONNECTION_OUT_MAX           (2UL * 1024 * 1024)

enum work_state {
	WORK_NONE,
	WORK_NEEDS_PEER,     /* waits to know who asks */
	WORK_NEEDS_WITNESS,  /* waits for the Nix daemon */
	WORK_NEEDS_APPROVAL, /* waits for a person */
	WORK_NEEDS_UNLOCK,   /* waits for the secrets */
	WORK_NEEDS_ROOM,     /* waits until the vault's queue is shorter */
	WORK_AT_VAULT,       /* waits for answers */
	WORK_NEEDS_LOCK,     /* Lock: waits for the fresh vault */
};

/* The call that is being answered. */
struct work {
	enum work_state state;
	enum agent_method method;
	bool is_oneway;
	bool wants_more;
	size_t out_mark; /* its reply begins there in the output */
	uint64_t id;     /* of this call; in every frame's tag */
	uint16_t cache;  /* index in the configuration */
	struct sign_call sign;
	struct presign_call presign;
	size_t submitted; /* items that the vault was asked for */
	size_t answered;  /* of which the answers stand in the output */
	size_t gate;      /* the next one to pass */
};

struct connection {
	int fd;      /* owned; -1: free */
	uint64_t id; /* no other connection has or had it */
	size_t listener;
	struct peer peer;
	struct scope scope;
	struct witness_memory *attested; /* owned, by way of the witness */
	struct frame_reader in;
	struct buffer out;
	size_t out_done;
	long long deadline_ms; /* 0: none */
	long long spent_ns;    /* see share.h */
	bool has_more;         /* there may be whole messages in the input */
	bool has_spoken;       /* a whole message has come */
	bool is_receiving;     /* part of a message has, and its time runs */
	bool is_ending;        /* close when the output is out */
	struct work work;
};

void connection_open(struct connection *c, int owned_fd,
                     const struct peer *peer);
void connection_close(struct connection *c);

/* Reads what is there.  0; -errno or -ECONNRESET: close it. */
must_check int connection_receive(struct connection *c);

/* Writes what it takes of whole messages.  0; -errno: close it. */
must_check int connection_flush(struct connection *c);

/* Of whole messages. */
bool connection_has_output(const struct connection *c);
bool connection_is_late(const struct connection *c, long long now_ms);

/* Ends the work.  Its reply, in the output, is now a whole message. */
void work_clear(struct work *work);
size_t work_item_count(const struct work *work);
