#include "agent/start/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MODE_USUAL 0600

static int check_scope(const struct config *config, const char *scope,
                       const char *of, char *why, size_t why_size)
{
	if (config_has_scope(config, scope))
		return 0;
	(void)snprintf(
		why, why_size,
		"%s: there is no scope \"%s\": owner, push, pull, or the "
		"name of a [socket] section",
		of, scope);
	return -EINVAL;
}

static const struct config_socket *find_section(const struct config *config,
                                                const char *name)
{
	for (size_t i = 0; i < config->socket_count; i++) {
		if (strcmp(config->sockets[i].name, name) == 0)
			return &config->sockets[i];
	}
	return NULL;
}

/* A section says who may connect, also where an option says the path. */
static struct listen_extra extra_of(const struct config *config,
                                    const char *scope, const char *path)
{
	const struct config_socket *section = find_section(config, scope);
	struct listen_extra extra = {
		.path = path,
		.scope = scope,
		.file = { .mode = MODE_USUAL },
	};

	if (section) {
		extra.file = (struct listen_file){
			.mode = section->mode,
			.has_gid = section->has_gid,
			.gid = section->gid,
		};
	}
	return extra;
}

static int open_one(struct sockets *sockets, const struct listen_extra *extra,
                    char *why, size_t why_size)
{
	int rc;

	if (sockets->count == LISTEN_SOCKETS_MAX) {
		(void)snprintf(why, why_size, "%s: more than %d sockets",
		               extra->path, LISTEN_SOCKETS_MAX);
		return -E2BIG;
	}
	rc = listen_open_extra(extra, &sockets->items[sockets->count], why,
	                       why_size);
	if (rc == 0)
		sockets->count++;
	return rc;
}

/* "push:/run/push.sock", as options.c lets it through. */
static int open_option(struct sockets *sockets, const struct config *config,
                       const char *value, char *why, size_t why_size)
{
	size_t len = strcspn(value, ":");
	char scope[LISTEN_SCOPE_SIZE];
	struct listen_extra extra;
	int rc;

	(void)snprintf(scope, sizeof(scope), "%.*s", (int)len, value);
	rc = len < sizeof(scope)
	             ? check_scope(config, scope, value, why, why_size)
	             : check_scope(config, value, value, why, why_size);
	if (rc < 0)
		return rc;
	extra = extra_of(config, scope, value + len + 1);
	return open_one(sockets, &extra, why, why_size);
}

static bool is_inherited(const struct sockets *sockets, size_t count,
                         const char *scope)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(sockets->items[i].scope, scope) == 0)
			return true;
	}
	return false;
}

int sockets_open_extra(struct sockets *sockets, const struct options *options,
                       const struct config *config, char *why, size_t why_size)
{
	size_t first = sockets->count;
	int rc = options->scope ? check_scope(config, options->scope, "--scope",
	                                      why, why_size)
	                        : 0;

	for (size_t i = 0; i < first && rc == 0; i++) {
		rc = check_scope(config, sockets->items[i].scope,
		                 sockets->items[i].path, why, why_size);
	}
	for (size_t i = 0; i < options->socket_count && rc == 0; i++) {
		rc = open_option(sockets, config, options->sockets[i], why,
		                 why_size);
	}
	for (size_t i = 0; i < config->socket_count && rc == 0; i++) {
		const struct config_socket *section = &config->sockets[i];
		const struct listen_extra extra =
			extra_of(config, section->name, section->path);

		if (!section->path || options->command ||
		    is_inherited(sockets, first, section->name))
			continue;
		rc = open_one(sockets, &extra, why, why_size);
	}
	return rc;
}

void sockets_remove(const struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->count; i++)
		listen_remove(&sockets->items[i]);
}
