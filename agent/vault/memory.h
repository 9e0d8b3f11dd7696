/* memory.h - every byte the vault will ever use, mapped before it is sealed
 *
 * Secret: the stack, the keyring, the seal key, the intake and the replies (a
 * presigned URL is a bearer token).  Ordinary: requests and fingerprints, which are public.
 * Never given back: the sealed vault has no call for that, and its end takes
 * everything.
 */
#pragma once

#include "agent/config.h"
#include "agent/seal/secret_memory.h"
#include "agent/vault/audit_key.h"

/* Room for one reply: the longest URL, and what stands beside it while it is
 * made. */
#define VAULT_REPLY_MAX (AGENT_URL_MAX + SIGV4_SLACK + 64)

struct vault_memory {
	struct secret_memory whole; /* the next six lie in it */
	struct secret_memory stack;
	uint8_t *keyring;
	struct audit_key *audit_key;
	uint8_t *intake;
	size_t intake_size;
	uint8_t *replies;
	size_t replies_size;

	uint8_t *requests;        /* WIRE_FRAME_MAX */
	struct bytes *references; /* WIRE_REFERENCES_MAX */
	uint8_t *fingerprint;
	size_t fingerprint_size;
};

/* 0; -EAGAIN or -ENOMEM when RLIMIT_MEMLOCK leaves too little and weaker memory
 * is not allowed; -errno.  Adds the row of the secret memory. */
must_check int vault_memory_map(const struct config *config,
                                struct report *report,
                                struct vault_memory *ret_memory);
