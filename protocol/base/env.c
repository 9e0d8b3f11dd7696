#include "protocol/base/env.h"

#include "protocol/base/text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where programs are that only root can put there, NixOS's wrappers first:
 * they carry the setgid bits. */
#define SAFE_PATH                                            \
	"PATH=/run/wrappers/bin:/run/current-system/sw/bin:" \
	"/nix/var/nix/profiles/default/bin:/usr/local/bin:/usr/bin:/bin"

/* No LD_*, GODEBUG, SSL_* or proxies: they would change what the child does
 * with a secret. */
static const char *const child_names[] = {
	"HOME",
	"USER",
	"LOGNAME",
	"LANG",
	"LC_ALL",
	"TERM",
	"XDG_RUNTIME_DIR",
	"XDG_CONFIG_HOME",
	"DBUS_SESSION_BUS_ADDRESS",
	"DISPLAY",
	"WAYLAND_DISPLAY",
	"XAUTHORITY",
};

/* Not OP_CONNECT_*: they take precedence over everything else.  Not OP_FORMAT:
 * it changes the output. */
static const char *const op_names[] = {
	"OP_ACCOUNT",
	"OP_DEVICE",
};

/* Not NIX_REMOTE: who runs a daemon names its store. */
static const char *const nix_names[] = {
	"NIX_BIN_DIR",         "NIX_CONFIG",     "NIX_CONF_DIR",
	"NIX_DATA_DIR",        "NIX_LOG_DIR",    "NIX_STATE_DIR",
	"NIX_STORE_DIR",       "XDG_DATA_HOME",  "XDG_STATE_HOME",
	"NIX_USER_CONF_FILES", "XDG_CACHE_HOME",
};

static bool has_name(const char *entry, const char *name)
{
	size_t len = strlen(name);

	return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

const char *env_find(const char *name)
{
	const char *value = getenv(name);

	return value && *value != '\0' ? value : NULL;
}

void env_wipe(const char *name)
{
	char **to = environ;

	for (char **from = environ; from && *from; from++) {
		if (has_name(*from, name)) {
			explicit_bzero(*from, strlen(*from));
		} else {
			*to++ = *from;
		}
	}
	if (to)
		*to = NULL;
}

static void add(struct env *env, const char *entry)
{
	if (env->count < ENV_MAX)
		env->entries[env->count++] = entry;
}

static void add_named(struct env *env, const char *name)
{
	for (char **entry = environ; entry && *entry; entry++) {
		if (has_name(*entry, name)) {
			add(env, *entry);
			return;
		}
	}
}

void env_init_child(struct env *env)
{
	*env = (struct env){ .count = 0 };
	add(env, SAFE_PATH);
	for (size_t i = 0; i < sizeof(child_names) / sizeof(*child_names); i++)
		add_named(env, child_names[i]);
}

void env_add_op(struct env *env, const char *token)
{
	/* With a cache, op leaves a daemon behind that holds our pipe open. */
	add(env, "OP_CACHE=false");
	if (token) {
		add(env, token);
		add(env, "OP_BIOMETRIC_UNLOCK_ENABLED=false");
		add(env, "OP_LOAD_DESKTOP_APP_SETTINGS=false");
		return;
	}
	for (size_t i = 0; i < sizeof(op_names) / sizeof(*op_names); i++)
		add_named(env, op_names[i]);
	add_named(env, "OP_BIOMETRIC_UNLOCK_ENABLED");
	for (char **entry = environ; entry && *entry; entry++) {
		if (text_has_prefix(*entry, "OP_SESSION_"))
			add(env, *entry);
	}
}

void env_add_askpass(struct env *env)
{
	add(env, "SSH_ASKPASS_PROMPT=confirm"); /* ssh(1) */
}

void env_add_nix(struct env *env)
{
	for (size_t i = 0; i < sizeof(nix_names) / sizeof(*nix_names); i++)
		add_named(env, nix_names[i]);
}
