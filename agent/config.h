/* config.h - the configuration: caches, where their secrets come from, limits
 *
 * Read once by main, before the roles are forked; no secret is in it.
 */
#pragma once

#include "agent/grant.h"
#include "agent/wire.h"
#include "protocol/nix/store_uri.h"

#define CONFIG_IDLE_USUAL            (15 * 60)
#define CONFIG_LIFETIME_USUAL        (12 * 60 * 60)
#define CONFIG_AUDIT_SIZE_USUAL      (64ULL << 20)
#define CONFIG_CONFIRM_WINDOW_USUAL  120
#define CONFIG_CONFIRM_TIMEOUT_USUAL 60
#define CONFIG_SOURCE_MAX            1024
#define CONFIG_SOCKETS_MAX           8
#define CONFIG_PEERS_MAX             32 /* uids, and gids, of one socket */

enum secret_source_kind {
	SECRET_OP,         /* op://vault/item/field */
	SECRET_ENV,        /* env:NAME, taken once */
	SECRET_FD,         /* fd:N, taken once */
	SECRET_CREDENTIAL, /* credential:NAME, below $CREDENTIALS_DIRECTORY */
	SECRET_COMMAND,    /* command:TEXT, run by /bin/sh -c */
	SECRET_FILE,       /* file:PATH, only 0600 and own */
};

enum secret_kind {
	SECRET_SIGNING_KEY,
	SECRET_ACCESS_KEY_ID,
	SECRET_SECRET_ACCESS_KEY,
	SECRET_SESSION_TOKEN,
};

/* One secret that must be fetched; its index in config.slots is its name. */
struct secret_slot {
	char *spec; /* owned: the whole op:// reference, or what follows "env:" */
	enum secret_kind kind;
	enum secret_source_kind source;
	int line; /* of the configuration file, 0: none */
	uint16_t cache;
};

struct config_cache {
	char *name;
	char *store_text; /* as configured */
	struct store_uri store;
	char *store_dir;
	char *compression;
	int compression_level; /* -1: usual */
	int priority;          /* -1: not said */
	struct public_key public_keys[AGENT_KEYS_MAX];
	size_t public_key_count;
	struct strings upstream_keys; /* name:base64 */
	enum sign_policy sign_policy;
	uint32_t confirm; /* bits of enum confirmation */
};

/* A [socket NAME] section. */
struct config_socket {
	char *name;
	char *path;    /* NULL: --socket or the service manager says it */
	unsigned mode; /* of the socket file; 0600 */
	bool has_gid;
	gid_t gid; /* of the socket file */
	struct grant grant;
	struct strings cache_names;   /* of grant.caches; empty: all */
	uid_t uids[CONFIG_PEERS_MAX]; /* none of both: our own and root */
	size_t uid_count;
	gid_t gids[CONFIG_PEERS_MAX];
	size_t gid_count;
};

struct config {
	char *path;    /* the file, or NULL when made from the environment */
	char *op;      /* configured path of op, or NULL */
	uint32_t idle; /* seconds, 0: none */
	uint32_t lifetime;           /* seconds, 0: none */
	bool is_lifetime_said;       /* by the file */
	uint32_t op_timeout;         /* seconds to wait for a secret source */
	bool is_weak_memory_allowed; /* by the command line; in no file */
	char *nix_store;          /* as nixcache --store takes it; NULL: auto */
	char *audit;              /* path of the log; NULL: none is kept */
	bool is_audit_usual;      /* nobody has said where */
	uint64_t audit_max_size;  /* bytes; then another file is begun */
	uint32_t confirm_window;  /* seconds that an approval is good for */
	uint32_t confirm_timeout; /* seconds that a person is waited for */
	struct config_socket *sockets;
	size_t socket_count;
	struct config_cache *caches;
	size_t cache_count;
	struct secret_slot *slots;
	size_t slot_count;
};

/* Reads path, or without one the first of $NIXCACHE_CONFIG,
 * $XDG_CONFIG_HOME/nixcache/nixcache.conf (~/.config), and
 * /etc/nixcache/nixcache.conf; with no file at all, makes the cache "default"
 * from NIXCACHE_STORE and its companions in the environment.  On failure
 * (-errno, -EINVAL) why is a sentence that begins with file:line where there
 * is one. */
must_check int config_load(const char *path, struct config **ret_config,
                           char *why, size_t why_size);
void config_free(struct config *config);

/* Whether a socket can have that scope: a plain one, or a section's name. */
bool config_has_scope(const struct config *config, const char *scope);

/* True if a secret can be had only once (env:, fd:). */
bool config_has_spent_source(const struct config *config);

/* The name of a secret for a person: "cache ai-dev-env: signing-key". */
void config_describe_slot(const struct config *config, size_t slot, char *out,
                          size_t size);
