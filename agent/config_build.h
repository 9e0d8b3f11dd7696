/* config_build.h - what the readers of a configuration share while building it
 *
 * The first error ends the reading; its sentence is in why.
 */
#pragma once

#include "agent/config.h"

#define CONFIG_FILE_MAX     262144
#define CONFIG_LINE_MAX     4096
#define CONFIG_UPSTREAM_MAX 16

/* What a section has been told, so that nothing is told twice. */
struct config_section {
	uint32_t seen; /* bits of enum config_key, or of enum socket_key */
	int line;      /* of its heading */
	bool no_upstream;
};

struct config_build {
	struct config *config;
	const char *file; /* NULL: the environment */
	int line;         /* being read, 0: none */
	char *why;
	size_t why_size;
	bool failed;
	int section; /* below, or an index of caches */
	struct config_section agent;
	struct config_section caches[AGENT_CACHES_MAX];
	struct config_section sockets[CONFIG_SOCKETS_MAX];
};

enum {
	SECTION_SOCKET = -3, /* the last of the sockets */
	SECTION_NONE = -2,
	SECTION_AGENT = -1,
};

enum config_key {
	CONFIG_IDLE,
	CONFIG_LIFETIME,
	CONFIG_OP,
	CONFIG_OP_TIMEOUT,
	CONFIG_STORE,
	CONFIG_STORE_DIR,
	CONFIG_PUBLIC_KEY,
	CONFIG_SIGNING_KEY,
	CONFIG_ACCESS_KEY_ID,
	CONFIG_SECRET_ACCESS_KEY,
	CONFIG_SESSION_TOKEN,
	CONFIG_COMPRESSION,
	CONFIG_COMPRESSION_LEVEL,
	CONFIG_UPSTREAM_KEY,
	CONFIG_NIX_STORE,
	CONFIG_AUDIT,
	CONFIG_AUDIT_MAX_SIZE,
	CONFIG_CONFIRM_WINDOW,
	CONFIG_CONFIRM_TIMEOUT,
	CONFIG_SIGN_POLICY,
	CONFIG_CONFIRM,
};

/* Writes the sentence, with file:line before it, unless one is there already.
 * Returns -EINVAL, for "return config_error(...)". */
printf_like(2, 3) int config_error(struct config_build *build,
                                   const char *format, ...);

/* A copy of value.  0 or -ENOMEM. */
must_check int config_set_text(char **slot, const char *value);

/* config_ini.c: the whole file, already open, into the build. */
must_check int config_read_ini(struct config_build *build, int fd);

/* config_env.c: the cache "default".  -ENOENT: the environment names none. */
must_check int config_read_environment(struct config_build *build);

/* config_keys.c */
must_check int config_begin_section(struct config_build *build,
                                    const char *name);
must_check int config_set(struct config_build *build, const char *name,
                          const char *value);

/* config_cache.c: caches and their secrets. */
must_check int config_add_cache(struct config_build *build, const char *name);
must_check int config_set_cache(struct config_build *build,
                                struct config_cache *cache, enum config_key key,
                                const char *value);
must_check int config_add_slot(struct config_build *build,
                               enum secret_kind kind, const char *value);
/* What names a section: letters, digits, '-', '_' and '.'. */
bool config_name_is_valid(const char *name);

/* config_socket.c: further sockets, and what they may be asked for. */
must_check int config_add_socket(struct config_build *build, const char *name);
must_check int config_set_socket(struct config_build *build, const char *name,
                                 const char *value);
/* When all caches are known. */
must_check int config_complete_sockets(struct config_build *build);

/* config_custody.c: what the agent asks, and writes, before it uses a secret. */
must_check int config_set_custody(struct config_build *build,
                                  enum config_key key, const char *value);
must_check int config_set_cache_custody(struct config_build *build,
                                        struct config_cache *cache,
                                        enum config_key key, const char *value);
/* Where the log is if nobody says. */
must_check int config_complete_custody(struct config_build *build);

/* What only the whole can show: stores, credentials, defaults. */
must_check int config_complete(struct config_build *build);

const char *secret_kind_name(enum secret_kind kind);

/* config_source.c: reads "op://...", "env:NAME" and the like into slot->source
 * and slot->spec.  On -EINVAL *ret_problem says what is wrong without the
 * value, which may be a secret pasted by mistake. */
must_check int secret_source_parse(const char *text, struct secret_slot *slot,
                                   const char **ret_problem);

/* Lets inih take lines of CONFIG_LINE_MAX where it can be told at run time;
 * its usual limit is 200 bytes. */
void config_allow_long_lines(void);
