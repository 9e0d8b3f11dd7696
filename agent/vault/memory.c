#include "agent/vault/memory.h"

#include "agent/vault/keyring.h"
#include "agent/vault/vault.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* The usual sizes, and those for a place (a container) that lets a process
 * lock 64 KiB.  The deepest use of the stack is a presigned URL with a session
 * token, 18 KiB (measured). */
struct plan {
	size_t stack;
	size_t intake;
	size_t replies;
};

static const struct plan plans[] = {
	{ 64UL * 1024, VAULT_INTAKE_MAX, 2UL * VAULT_REPLY_MAX },
	{ 32UL * 1024, 8UL * 1024, VAULT_REPLY_MAX },
};

#define LINE 64UL /* what each part is aligned to */
/* A public key and its certificate. */
#define LOADED_REPLY_SLOT \
	(2 + 2 + KEY_PUBLIC_TEXT_SIZE + 2 + KEY_SIGNATURE_TEXT_SIZE)

static size_t align(size_t size)
{
	return (size + LINE - 1) / LINE * LINE;
}

/* VAULT_LOADED says every public key in one frame, and certifies by it. */
static size_t replies_size(const struct plan *plan, const struct config *config)
{
	size_t loaded = WIRE_HEADER_LEN + 2 + 2 +
	                config->slot_count * LOADED_REPLY_SLOT;

	return align(plan->replies > loaded ? plan->replies : loaded);
}

/* The stack lies lowest, so that an overrun meets the guard below it and not
 * a neighbour. */
static int map_secret(const struct plan *plan, const struct config *config,
                      enum secret_memory_demand demand, struct report *report,
                      struct vault_memory *memory)
{
	const size_t keyring = align(keyring_size(config));
	const size_t audit_key = align(sizeof(struct audit_key));
	const size_t replies = replies_size(plan, config);
	uint8_t *at;
	int rc;

	rc = secret_memory_map(plan->stack + keyring + audit_key +
	                               plan->intake + replies,
	                       demand, report, &memory->whole);
	if (rc < 0)
		return rc;

	at = memory->whole.at;
	memory->stack = (struct secret_memory){
		.at = at,
		.size = plan->stack,
		.is_memfd_secret = memory->whole.is_memfd_secret,
	};
	memory->keyring = at + plan->stack;
	memory->audit_key =
		(struct audit_key *)(void *)(memory->keyring + keyring);
	memory->intake = memory->keyring + keyring + audit_key;
	memory->intake_size = plan->intake;
	memory->replies = memory->intake + plan->intake;
	memory->replies_size = replies;
	return 0;
}

static void *map_plain(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* Every reference of a request, with the store directory before each. */
static size_t fingerprint_max(const struct config *config)
{
	size_t dir = 0;

	for (size_t i = 0; i < config->cache_count; i++) {
		size_t len = strlen(config->caches[i].store_dir);

		dir = len > dir ? len : dir;
	}
	return (size_t)WIRE_FRAME_MAX + (WIRE_REFERENCES_MAX + 2) * (dir + 2);
}

static int map_public(const struct config *config, struct vault_memory *memory)
{
	memory->fingerprint_size = fingerprint_max(config);
	memory->fingerprint = map_plain(memory->fingerprint_size);
	memory->requests = map_plain((size_t)WIRE_FRAME_MAX);
	memory->references =
		map_plain(WIRE_REFERENCES_MAX * sizeof(struct bytes));
	return memory->fingerprint && memory->requests && memory->references
	               ? 0
	               : -ENOMEM;
}

static bool is_short(int rc)
{
	return rc == -EAGAIN || rc == -ENOMEM;
}

int vault_memory_map(const struct config *config, struct report *report,
                     struct vault_memory *ret_memory)
{
	struct vault_memory memory = { 0 };
	int rc = -EAGAIN;

	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		rc = map_secret(&plans[i], config, SECRET_MEMORY_LOCKED, report,
		                &memory);
		if (!is_short(rc))
			break;
	}
	if (is_short(rc) && config->is_weak_memory_allowed) {
		rc = map_secret(&plans[0], config, SECRET_MEMORY_ANY, report,
		                &memory);
	}
	if (rc < 0)
		return rc;

	rc = map_public(config, &memory);
	if (rc < 0)
		return rc;

	*ret_memory = memory;
	return 0;
}
