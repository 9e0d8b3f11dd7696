/* config_socket.c - [socket NAME]: another socket, and what it may be asked for
 */
#include "agent/config_build.h"
#include "agent/pattern.h"
#include "protocol/base/number.h"
#include "protocol/base/text.h"
#include "protocol/varlink/agent_narrow.h"
#include "protocol/varlink/words.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>

#define SOCKET_MODE_USUAL 0600U
#define SOCKET_MODE_MAX   0666U
#define RATE_MAX          1000000
#define BETWEEN_WORDS     " \t,"

enum socket_key {
	SOCKET_PATH,
	SOCKET_MODE,
	SOCKET_GROUP,
	SOCKET_SCOPE,
	SOCKET_ALLOW,
	SOCKET_CACHE,
	SOCKET_KEY,
	SOCKET_STORE_PATH,
	SOCKET_MAX_COUNT,
	SOCKET_MAX_BYTES,
	SOCKET_MAX_EXPIRES,
	SOCKET_RATE,
	SOCKET_PEER_UID,
	SOCKET_PEER_GID,
	SOCKET_UNTIL,
};

static const struct {
	const char *name;
	bool may_repeat;
} keys[] = {
	[SOCKET_PATH] = { "path", false },
	[SOCKET_MODE] = { "mode", false },
	[SOCKET_GROUP] = { "group", false },
	[SOCKET_SCOPE] = { "scope", false },
	[SOCKET_ALLOW] = { "allow", false },
	[SOCKET_CACHE] = { "cache", true },
	[SOCKET_KEY] = { "key", true },
	[SOCKET_STORE_PATH] = { "store-path", true },
	[SOCKET_MAX_COUNT] = { "max-count", false },
	[SOCKET_MAX_BYTES] = { "max-bytes", false },
	[SOCKET_MAX_EXPIRES] = { "max-expires", false },
	[SOCKET_RATE] = { "rate", false },
	[SOCKET_PEER_UID] = { "peer-uid", true },
	[SOCKET_PEER_GID] = { "peer-gid", true },
	[SOCKET_UNTIL] = { "until", false },
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

/* "agent" is what the service manager calls the usual socket. */
static bool is_taken_name(const char *name)
{
	enum scope_base base;

	return strcmp(name, "agent") == 0 || scope_base_parse(name, &base) == 0;
}

static int check_name(struct config_build *build, const char *name)
{
	const struct config *config = build->config;

	if (!config_name_is_valid(name)) {
		return config_error(build,
		                    "the name of a socket is 1 to %d letters, "
		                    "digits, '-', '_' and '.'",
		                    AGENT_CACHE_NAME_MAX);
	}
	if (is_taken_name(name)) {
		return config_error(build,
		                    "[socket %s]: that name has a meaning "
		                    "already; choose another",
		                    name);
	}
	for (size_t i = 0; i < config->socket_count; i++) {
		if (strcmp(config->sockets[i].name, name) == 0) {
			return config_error(build,
			                    "[socket %s] is here twice, first "
			                    "in line %d",
			                    name, build->sockets[i].line);
		}
	}
	return 0;
}

int config_add_socket(struct config_build *build, const char *name)
{
	struct config *config = build->config;
	struct config_socket *sockets;
	int rc = check_name(build, name);

	if (rc < 0)
		return rc;
	if (config->socket_count == CONFIG_SOCKETS_MAX) {
		return config_error(build, "more than %d sockets",
		                    CONFIG_SOCKETS_MAX);
	}
	sockets = reallocarray(config->sockets, config->socket_count + 1,
	                       sizeof(*sockets));
	if (!sockets)
		return -ENOMEM;
	config->sockets = sockets;
	sockets += config->socket_count;
	*sockets = (struct config_socket){ .mode = SOCKET_MODE_USUAL };
	grant_init(&sockets->grant, SCOPE_PULL);
	rc = config_set_text(&sockets->name, name);
	if (rc < 0)
		return rc;

	build->sockets[config->socket_count].line = build->line;
	build->section = SECTION_SOCKET;
	config->socket_count++;
	return 0;
}

static int set_path(struct config_build *build, struct config_socket *socket,
                    const char *value)
{
	if (value[0] != '/' || value[strlen(value) - 1] == '/')
		return config_error(build, "path: wants an absolute path");
	if (strlen(value) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return config_error(build, "path: is too long for a socket");
	return config_set_text(&socket->path, value);
}

static int set_mode(struct config_build *build, struct config_socket *socket,
                    const char *value)
{
	char *end;
	unsigned long mode = strtoul(value, &end, 8);

	if (strspn(value, "01234567") != strlen(value) || *end != '\0' ||
	    mode > SOCKET_MODE_MAX || (mode & ~SOCKET_MODE_MAX) != 0 ||
	    (mode & SOCKET_MODE_USUAL) != SOCKET_MODE_USUAL) {
		return config_error(build,
		                    "mode: 0600, 0660, 0666 and the like");
	}
	socket->mode = (unsigned)mode;
	return 0;
}

static int find_group(const char *name, gid_t *ret_gid)
{
	const struct group *group;
	uint64_t number;

	if (number_parse(name, UINT32_MAX - 1, &number) == 0) {
		*ret_gid = (gid_t)number;
		return 0;
	}
	/* cppcheck-suppress getgrnamCalled ; the agent has no threads */
	group = getgrnam(name);
	if (!group)
		return -ENOENT;
	*ret_gid = group->gr_gid;
	return 0;
}

static int find_user(const char *name, uid_t *ret_uid)
{
	const struct passwd *user;
	uint64_t number;

	if (number_parse(name, UINT32_MAX - 1, &number) == 0) {
		*ret_uid = (uid_t)number;
		return 0;
	}
	/* cppcheck-suppress getpwnamCalled ; the agent has no threads */
	user = getpwnam(name);
	if (!user)
		return -ENOENT;
	*ret_uid = user->pw_uid;
	return 0;
}

static int set_group(struct config_build *build, struct config_socket *socket,
                     const char *value)
{
	if (find_group(value, &socket->gid) < 0)
		return config_error(build, "group: there is no such group");
	socket->has_gid = true;
	return 0;
}

static int add_peer_uid(struct config_build *build,
                        struct config_socket *socket, const char *value)
{
	if (socket->uid_count == CONFIG_PEERS_MAX) {
		return config_error(build, "more than %d peer-uid",
		                    CONFIG_PEERS_MAX);
	}
	if (find_user(value, &socket->uids[socket->uid_count]) < 0)
		return config_error(build, "peer-uid: there is no such user");
	socket->uid_count++;
	return 0;
}

static int add_peer_gid(struct config_build *build,
                        struct config_socket *socket, const char *value)
{
	if (socket->gid_count == CONFIG_PEERS_MAX) {
		return config_error(build, "more than %d peer-gid",
		                    CONFIG_PEERS_MAX);
	}
	if (find_group(value, &socket->gids[socket->gid_count]) < 0)
		return config_error(build, "peer-gid: there is no such group");
	socket->gid_count++;
	return 0;
}

static int set_scope(struct config_build *build, struct config_socket *socket,
                     const char *value)
{
	if (scope_base_parse(value, &socket->grant.base) < 0)
		return config_error(build, "scope: owner, push or pull");
	return 0;
}

/* Words with blanks or commas between them. */
static int set_allow(struct config_build *build, struct config_socket *socket,
                     const char *value)
{
	socket->grant.allow = 0;
	for (const char *at = value + strspn(value, BETWEEN_WORDS); *at != '\0';
	     at += strspn(at, BETWEEN_WORDS)) {
		const struct bytes word = { (const uint8_t *)at,
			                    strcspn(at, BETWEEN_WORDS) };
		enum permission permission;

		if (words_find_permission(word, &permission) < 0) {
			return config_error(build,
			                    "allow: Unlock, Lock, Quit, Sign, "
			                    "or an operation such as "
			                    "GetObject");
		}
		socket->grant.allow |= 1U << permission;
		at += word.len;
	}
	if (socket->grant.allow == 0)
		return config_error(build, "allow: has no value");
	return 0;
}

static int add_cache(struct config_build *build, struct config_socket *socket,
                     const char *value)
{
	if (!config_name_is_valid(value))
		return config_error(build, "cache: wants the name of a cache");
	return strings_add(&socket->cache_names, value, strlen(value));
}

static int add_pattern(struct config_build *build, enum socket_key key,
                       struct strings *patterns, const char *value)
{
	const char *problem = key == SOCKET_KEY ? pattern_check_key(value)
	                                        : pattern_check_name(value);

	if (problem) {
		return config_error(build, "%s: the pattern %s", keys[key].name,
		                    problem);
	}
	if (patterns->count == NARROW_PATTERNS_MAX) {
		return config_error(build, "more than %d %s",
		                    NARROW_PATTERNS_MAX, keys[key].name);
	}
	return strings_add(patterns, value, strlen(value));
}

static int set_max_expires(struct config_build *build, struct grant *grant,
                           const char *value)
{
	uint64_t seconds;

	if (number_parse_duration(value, &seconds) < 0 || seconds == 0 ||
	    seconds > S3_EXPIRES_MAX) {
		return config_error(build,
		                    "max-expires: wants a time from 1s to 1h");
	}
	grant->max_expires = (uint32_t)seconds;
	return 0;
}

static int set_rate(struct config_build *build, struct grant *grant,
                    const char *value)
{
	uint64_t rate;

	if (number_parse(value, RATE_MAX, &rate) < 0 || rate == 0) {
		return config_error(build, "rate: wants a number from 1 to %d",
		                    RATE_MAX);
	}
	grant->rate = (uint32_t)rate;
	return 0;
}

/* strptime(3) takes more than one way to write a time, and the 31st of any
 * month: only what it would be written as is taken. */
static int set_until(struct config_build *build, struct grant *grant,
                     const char *value)
{
	static const char format[] = "%Y-%m-%dT%H:%M:%SZ";
	char again[sizeof("2026-12-31T00:00:00Z") + 16] = "";
	struct tm tm = { .tm_isdst = 0 };
	const char *end = strptime(value, format, &tm);
	time_t until = end && *end == '\0' ? timegm(&tm) : 0;

	if (until > 0 && gmtime_r(&until, &tm))
		(void)strftime(again, sizeof(again), format, &tm);
	if (strcmp(again, value) != 0) {
		return config_error(build, "until: wants a time in UTC such as "
		                           "2026-12-31T00:00:00Z");
	}
	grant->until = until;
	return 0;
}

static int set_limit(struct config_build *build, enum socket_key key,
                     struct grant *grant, const char *value)
{
	switch (key) {
	case SOCKET_MAX_COUNT:
		if (number_parse(value, GRANT_UNLIMITED - 1,
		                 &grant->max_count) < 0)
			return config_error(build, "max-count: wants a number");
		return 0;
	case SOCKET_MAX_BYTES:
		if (number_parse_size(value, &grant->max_bytes) < 0) {
			return config_error(
				build, "max-bytes: wants a size such as 4G");
		}
		return 0;
	case SOCKET_MAX_EXPIRES:
		return set_max_expires(build, grant, value);
	case SOCKET_RATE:
		return set_rate(build, grant, value);
	default:
		return set_until(build, grant, value);
	}
}

static int set(struct config_build *build, struct config_socket *socket,
               enum socket_key key, const char *value)
{
	switch (key) {
	case SOCKET_PATH:
		return set_path(build, socket, value);
	case SOCKET_MODE:
		return set_mode(build, socket, value);
	case SOCKET_GROUP:
		return set_group(build, socket, value);
	case SOCKET_SCOPE:
		return set_scope(build, socket, value);
	case SOCKET_ALLOW:
		return set_allow(build, socket, value);
	case SOCKET_CACHE:
		return add_cache(build, socket, value);
	case SOCKET_KEY:
		return add_pattern(build, key, &socket->grant.keys, value);
	case SOCKET_STORE_PATH:
		return add_pattern(build, key, &socket->grant.store_paths,
		                   value);
	case SOCKET_PEER_UID:
		return add_peer_uid(build, socket, value);
	case SOCKET_PEER_GID:
		return add_peer_gid(build, socket, value);
	case SOCKET_MAX_COUNT:
	case SOCKET_MAX_BYTES:
	case SOCKET_MAX_EXPIRES:
	case SOCKET_RATE:
	case SOCKET_UNTIL:
		break;
	}
	return set_limit(build, key, &socket->grant, value);
}

int config_set_socket(struct config_build *build, const char *name,
                      const char *value)
{
	size_t last = build->config->socket_count - 1;
	uint32_t *seen = &build->sockets[last].seen;
	size_t key = 0;

	while (key < KEY_COUNT && strcmp(keys[key].name, name) != 0)
		key++;
	if (key == KEY_COUNT) {
		char shown[64];

		text_printable(name, strlen(name), shown, sizeof(shown));
		return config_error(build, "%s: unknown key of [socket]",
		                    shown);
	}
	if (*value == '\0')
		return config_error(build, "%s: has no value", name);
	if (!keys[key].may_repeat && (*seen & (1U << key)))
		return config_error(build, "%s: is here twice", name);
	*seen |= 1U << key;
	return set(build, &build->config->sockets[last], (enum socket_key)key,
	           value);
}

static int find_cache(struct config_build *build, const char *name,
                      uint64_t *ret_bit)
{
	const struct config *config = build->config;

	for (size_t i = 0; i < config->cache_count; i++) {
		if (strcmp(config->caches[i].name, name) == 0) {
			*ret_bit = 1ULL << i;
			return 0;
		}
	}
	return config_error(build, "cache: there is no [cache %s]", name);
}

static int complete_caches(struct config_build *build,
                           struct config_socket *socket)
{
	const struct strings *names = &socket->cache_names;
	uint64_t bit = 0;

	if (names->count > 0)
		socket->grant.caches = 0;
	for (size_t i = 0; i < names->count; i++) {
		int rc = find_cache(build, names->items[i], &bit);
		if (rc < 0)
			return rc;
		socket->grant.caches |= bit;
	}
	return 0;
}

/* No two sections may fight for one file. */
static int check_path(struct config_build *build, size_t at)
{
	const struct config_socket *sockets = build->config->sockets;

	for (size_t i = 0; i < at && sockets[at].path; i++) {
		if (sockets[i].path &&
		    strcmp(sockets[i].path, sockets[at].path) == 0) {
			return config_error(build,
			                    "[socket %s] has the path of "
			                    "[socket %s]",
			                    sockets[at].name, sockets[i].name);
		}
	}
	return 0;
}

int config_complete_sockets(struct config_build *build)
{
	struct config *config = build->config;
	int rc = 0;

	for (size_t i = 0; i < config->socket_count && rc == 0; i++) {
		build->line = build->sockets[i].line;
		if (!(build->sockets[i].seen & (1U << SOCKET_SCOPE))) {
			return config_error(build,
			                    "[socket %s] has no scope: owner, "
			                    "push or pull",
			                    config->sockets[i].name);
		}
		rc = complete_caches(build, &config->sockets[i]);
		if (rc == 0)
			rc = check_path(build, i);
	}
	build->line = 0;
	return rc;
}
