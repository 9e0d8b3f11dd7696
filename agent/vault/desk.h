/* desk.h - what lies in reach while a request is answered */
#pragma once

#include "agent/vault/audit_key.h"
#include "agent/vault/keyring.h"

struct desk {
	const struct config *config; /* borrowed, as all here */
	struct keyring *keyring;
	struct audit_key *audit_key;
	struct bytes *references; /* WIRE_REFERENCES_MAX */
	uint8_t *fingerprint;
	size_t fingerprint_size;
};
