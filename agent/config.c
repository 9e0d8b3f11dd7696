#include "agent/config.h"

#include "agent/config_build.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define OP_TIMEOUT_USUAL 120
#define SYSTEM_FILE      "/etc/nixcache/nixcache.conf"
#define FILE_IN_HOME     "nixcache/nixcache.conf"

DEFINE_CLEANUP(struct config *, config_free)

int config_error(struct config_build *build, const char *format, ...)
{
	char where[PATH_MAX + 16] = "";
	char what[512];
	va_list args;

	if (build->failed)
		return -EINVAL;
	build->failed = true;

	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (build->file) {
		char shown[PATH_MAX];

		text_printable(build->file, strlen(build->file), shown,
		               sizeof(shown));
		if (build->line > 0) {
			(void)snprintf(where, sizeof(where), "%s:%d: ", shown,
			               build->line);
		} else {
			(void)snprintf(where, sizeof(where), "%s: ", shown);
		}
	}
	(void)snprintf(build->why, build->why_size, "%s%s", where, what);
	return -EINVAL;
}

int config_set_text(char **slot, const char *value)
{
	cleanup_free char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	*slot = take_ptr(copy);
	return 0;
}

/* The file says which program is op and which commands run: like ssh's
 * configuration, it must be nobody else's to write. */
static int check_file(struct config_build *build, int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		return config_error(build, "is a directory");
	if (status.st_uid != 0 && status.st_uid != geteuid())
		return config_error(build, "belongs to another user");
	if (status.st_mode & S_IWOTH)
		return config_error(build, "can be written by everybody");
	return 0;
}

/* -ENOENT only if there is no such file. */
static int load_file(struct config_build *build, const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return -ENOENT;
	build->file = path;
	if (fd < 0)
		return config_error(build, "%s", strerrordesc_np(errno));

	rc = check_file(build, fd);
	if (rc == 0)
		rc = config_read_ini(build, fd);
	if (rc < 0)
		return rc;

	return config_set_text(&build->config->path, path);
}

static int load_named(struct config_build *build, const char *path)
{
	int rc = load_file(build, path);

	if (rc == -ENOENT) {
		build->file = path;
		(void)config_error(build, "there is no such file");
	}
	return rc;
}

/* $XDG_CONFIG_HOME/nixcache/nixcache.conf; empty if there is no home. */
static void path_in_home(char path[PATH_MAX])
{
	const char *base = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	int len = 0;

	/* The XDG specification: a relative path counts as unset. */
	if (base && base[0] == '/') {
		len = snprintf(path, PATH_MAX, "%s/" FILE_IN_HOME, base);
	} else if (home && home[0] == '/') {
		len = snprintf(path, PATH_MAX, "%s/.config/" FILE_IN_HOME,
		               home);
	}
	if (len <= 0 || len >= PATH_MAX)
		path[0] = '\0';
}

/* Leaves nothing of path behind in the build. */
static int load_from_home(struct config_build *build, const char *path)
{
	int rc = path[0] != '\0' ? load_file(build, path) : -ENOENT;

	build->file = NULL;
	return rc;
}

static int load_usual(struct config_build *build)
{
	const char *named = getenv("NIXCACHE_CONFIG");
	char path[PATH_MAX];
	int rc;

	if (named && named[0] != '\0')
		return load_named(build, named);

	path_in_home(path);
	rc = load_from_home(build, path);
	if (rc == -ENOENT)
		rc = load_file(build, SYSTEM_FILE);
	if (rc == -ENOENT)
		rc = config_read_environment(build);
	if (rc == -ENOENT) {
		(void)config_error(
			build,
			"no configuration: neither %s nor " SYSTEM_FILE
			" nor $NIXCACHE_STORE",
			path[0] != '\0' ? path : "a home directory");
	}
	return rc;
}

int config_load(const char *path, struct config **ret_config, char *why,
                size_t why_size)
{
	cleanup(config_free_at) struct config *config =
		calloc(1, sizeof(*config));
	struct config_build build = {
		.config = config,
		.section = SECTION_NONE,
		.why = why,
		.why_size = why_size,
	};
	int rc;

	(void)snprintf(why, why_size, "out of memory");
	if (!config)
		return -ENOMEM;

	config->idle = CONFIG_IDLE_USUAL;
	config->lifetime = CONFIG_LIFETIME_USUAL;
	config->op_timeout = OP_TIMEOUT_USUAL;
	config->audit_max_size = CONFIG_AUDIT_SIZE_USUAL;
	config->confirm_window = CONFIG_CONFIRM_WINDOW_USUAL;
	config->confirm_timeout = CONFIG_CONFIRM_TIMEOUT_USUAL;
	rc = path ? load_named(&build, path) : load_usual(&build);
	if (rc < 0)
		return rc;
	build.file = config->path;
	rc = config_complete(&build);
	if (rc < 0)
		return rc;

	*ret_config = take_ptr(config);
	return 0;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->cache_count; i++) {
		struct config_cache *cache = &config->caches[i];

		free(cache->name);
		free(cache->store_text);
		free(cache->store_dir);
		free(cache->compression);
		strings_clear(&cache->upstream_keys);
	}
	for (size_t i = 0; i < config->slot_count; i++)
		free(config->slots[i].spec);
	for (size_t i = 0; i < config->socket_count; i++) {
		struct config_socket *socket = &config->sockets[i];

		free(socket->name);
		free(socket->path);
		grant_clear(&socket->grant);
		strings_clear(&socket->cache_names);
	}
	free(config->sockets);
	free(config->nix_store);
	free(config->audit);
	free(config->caches);
	free(config->slots);
	free(config->path);
	free(config->op);
	free(config);
}

bool config_has_scope(const struct config *config, const char *scope)
{
	enum scope_base base;

	for (size_t i = 0; i < config->socket_count; i++) {
		if (strcmp(config->sockets[i].name, scope) == 0)
			return true;
	}
	return scope_base_parse(scope, &base) == 0;
}

bool config_has_spent_source(const struct config *config)
{
	for (size_t i = 0; i < config->slot_count; i++) {
		if (config->slots[i].source == SECRET_ENV ||
		    config->slots[i].source == SECRET_FD)
			return true;
	}
	return false;
}

void config_describe_slot(const struct config *config, size_t slot, char *out,
                          size_t size)
{
	const struct secret_slot *s;

	if (slot >= config->slot_count) {
		(void)snprintf(out, size, "a secret");
		return;
	}
	s = &config->slots[slot];
	(void)snprintf(out, size, "cache %s: %s", config->caches[s->cache].name,
	               secret_kind_name(s->kind));
}
