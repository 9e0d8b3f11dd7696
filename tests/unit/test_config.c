#include "tests/lib/test.h"
#include "tests/unit/config_sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void the_example_of_the_manual_is_read(void)
{
	struct loaded l =
		load("[agent]\nidle = 20m\nlifetime = 10h\nop = /usr/bin/op\n"
	             "op-timeout = 30s\n"
	             "\n# a comment\n[cache ai-dev-env]\n" S3_STORE
	             "public-key = " KEY_A "\npublic-key = " KEY_B "\n"
	             "signing-key = op://Dev/backblaze/nix-signing-key\n"
	             "signing-key = file:/run/keys/second\n" S3_KEYS
	             "session-token = command:echo a=b:c; echo d\n"
	             "compression = xz\ncompression-level = 9\n"
	             "store-dir = /gnu/store\n");
	const struct config *c = l.config;

	CHECK(l.rc == 0 && c);
	if (!c)
		return;
	CHECK(c->idle == 1200 && c->lifetime == 36000 && c->op_timeout == 30);
	CHECK(strcmp(c->op, "/usr/bin/op") == 0);
	CHECK(strcmp(c->path, l.path) == 0);
	CHECK(c->cache_count == 1 && c->slot_count == 5);
	CHECK(strcmp(c->caches[0].name, "ai-dev-env") == 0);
	CHECK(strcmp(c->caches[0].store.bucket, "ai-dev-env") == 0);
	CHECK(strcmp(c->caches[0].store.prefix, "nix/cache") == 0);
	CHECK(strncmp(c->caches[0].store_text, "s3://ai-dev-env/", 16) == 0);
	CHECK(c->caches[0].public_key_count == 2);
	CHECK(strcmp(c->caches[0].public_keys[1].name, "b-1") == 0);
	CHECK(strcmp(c->caches[0].compression, "xz") == 0);
	CHECK(c->caches[0].compression_level == 9);
	CHECK(c->caches[0].priority == -1);
	CHECK(strcmp(c->caches[0].store_dir, "/gnu/store") == 0);
	CHECK(c->caches[0].upstream_keys.count == 1);
	CHECK(strcmp(c->caches[0].upstream_keys.items[0], UPSTREAM) == 0);
	CHECK(c->slots[0].source == SECRET_OP && c->slots[0].line == 12);
	CHECK(strcmp(c->slots[0].spec, "op://Dev/backblaze/nix-signing-key") ==
	      0);
	CHECK(c->slots[1].source == SECRET_FILE);
	CHECK(strcmp(c->slots[1].spec, "/run/keys/second") == 0);
	CHECK(c->slots[4].source == SECRET_COMMAND);
	CHECK(strcmp(c->slots[4].spec, "echo a=b:c; echo d") == 0);
	CHECK(!config_has_spent_source(c));
	config_free(l.config);
}

static void what_is_not_said_has_its_usual_value(void)
{
	struct loaded l = load(FILE_CACHE);

	CHECK(l.rc == 0 && l.config);
	if (!l.config)
		return;
	CHECK(l.config->idle == CONFIG_IDLE_USUAL);
	CHECK(l.config->lifetime == CONFIG_LIFETIME_USUAL);
	CHECK(l.config->op == NULL && l.config->op_timeout == 120);
	CHECK(strcmp(l.config->caches[0].store_dir, "/nix/store") == 0);
	CHECK(strcmp(l.config->caches[0].compression, "zstd") == 0);
	CHECK(l.config->caches[0].compression_level == -1);
	CHECK(l.config->slot_count == 0);
	config_free(l.config);
}

static void several_caches_keep_their_secrets_apart(void)
{
	struct loaded l =
		load("[cache a]\n" S3_STORE S3_KEYS FILE_CACHE
	             "signing-key = op://Dev/other/key\nupstream-key = none\n"
	             "[cache g]\nstore = file:///srv/g?priority=30&"
	             "compression=none\nupstream-key = " KEY_A
	             "\nupstream-key = " KEY_B "\n");
	char shown[128];

	CHECK(l.rc == 0 && l.config);
	if (!l.config)
		return;
	CHECK(l.config->cache_count == 3 && l.config->slot_count == 3);
	CHECK(l.config->slots[0].cache == 0 && l.config->slots[2].cache == 1);
	CHECK(l.config->caches[1].upstream_keys.count == 0);
	CHECK(l.config->caches[2].upstream_keys.count == 2);
	CHECK(l.config->caches[2].priority == 30);
	CHECK(strcmp(l.config->caches[2].compression, "none") == 0);
	config_describe_slot(l.config, 2, shown, sizeof(shown));
	CHECK(strcmp(shown, "cache f: signing-key") == 0);
	config_describe_slot(l.config, 99, shown, sizeof(shown));
	CHECK(strcmp(shown, "a secret") == 0);
	config_free(l.config);
}

static void never_and_zero_mean_no_limit(void)
{
	struct loaded l =
		load("[agent]\nidle = never\nlifetime = 0\n" FILE_CACHE);

	CHECK(l.rc == 0 && l.config && l.config->idle == 0);
	CHECK(l.config && l.config->lifetime == 0);
	config_free(l.config);
}

static void a_secret_had_only_once_turns_the_idle_lock_off(void)
{
	struct loaded l = load(FILE_CACHE "signing-key = env:KEY\n");

	CHECK(l.rc == 0 && l.config && config_has_spent_source(l.config));
	CHECK(l.config && l.config->idle == 0);
	config_free(l.config);

	l = load("[agent]\nidle = 5m\n" FILE_CACHE "signing-key = fd:7\n");
	CHECK(l.rc == 0 && l.config && config_has_spent_source(l.config));
	CHECK(l.config && l.config->idle == 300);
	config_free(l.config);
}

static void what_is_confirmed_is_a_list_of_words(void)
{
	struct loaded l = load("[agent]\nconfirm-window = 0\n"
	                       "confirm-timeout = 4m\n" FILE_CACHE
	                       "confirm = unlock, sign\n"
	                       "[cache g]\nstore = file:///srv/g\n"
	                       "confirm = presign-put\n"
	                       "[cache h]\nstore = file:///srv/h\n");

	CHECK(l.rc == 0 && l.config);
	if (!l.config)
		return;
	CHECK(l.config->confirm_window == 0);
	CHECK(l.config->confirm_timeout == 240);
	CHECK(l.config->caches[0].confirm ==
	      (1U << CONFIRM_UNLOCK | 1U << CONFIRM_SIGN));
	CHECK(l.config->caches[1].confirm == 1U << CONFIRM_PRESIGN_PUT);
	CHECK(l.config->caches[2].confirm == 0);
	config_free(l.config);
}

static void sources_of_every_kind_are_read(void)
{
	static const struct {
		const char *text;
		enum secret_source_kind kind;
		const char *spec;
	} cases[] = {
		{ "op://Dev/My Item/a.b_c-d", SECRET_OP,
		  "op://Dev/My Item/a.b_c-d" },
		{ "op://v/i/section/f?attribute=otp", SECRET_OP,
		  "op://v/i/section/f?attribute=otp" },
		{ "env:NIX_KEY", SECRET_ENV, "NIX_KEY" },
		{ "fd:3", SECRET_FD, "3" },
		{ "credential:nix.key", SECRET_CREDENTIAL, "nix.key" },
		{ "command:pass show x | head -1", SECRET_COMMAND,
		  "pass show x | head -1" },
		{ "file:/a b", SECRET_FILE, "/a b" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];
		struct loaded l;

		(void)snprintf(text, sizeof(text),
		               FILE_CACHE "signing-key = %s\n", cases[i].text);
		l = load(text);
		CHECK(l.rc == 0 && l.config && l.config->slot_count == 1);
		if (!l.config)
			continue;
		CHECK(l.config->slots[0].source == cases[i].kind);
		CHECK(strcmp(l.config->slots[0].spec, cases[i].spec) == 0);
		config_free(l.config);
	}
}

/* inih alone would cut these or take them for something else. */
static void the_traps_of_the_format_are_avoided(void)
{
	struct loaded l = load("\xef\xbb\xbf[agent]\r\n"
	                       "  idle = 1h ; an hour\r\n"
	                       "\tlifetime = 2h\r\n"
	                       "\r\n"
	                       "  [cache f] ; the only one\r\n"
	                       "  store = file:///srv/cache");

	CHECK(l.rc == 0 && l.config && l.config->idle == 3600);
	CHECK(l.config && l.config->lifetime == 7200);
	CHECK(l.config &&
	      strcmp(l.config->caches[0].store.path, "/srv/cache") == 0);
	config_free(l.config);
}

static void a_file_that_others_can_write_is_refused(void)
{
	char path[] = "/tmp/nixcache-config-XXXXXX";
	struct config *config = NULL;
	char why[512];
	int fd = mkstemp(path);

	CHECK(fd >= 0 && write(fd, FILE_CACHE, strlen(FILE_CACHE)) > 0);
	CHECK(fchmod(fd, 0646) == 0);
	CHECK(config_load(path, &config, why, sizeof(why)) == -EINVAL);
	CHECK(strstr(why, "written by everybody"));
	if (geteuid() == 0) {
		CHECK(fchmod(fd, 0644) == 0 && fchown(fd, 65534, 65534) == 0);
		CHECK(config_load(path, &config, why, sizeof(why)) == -EINVAL);
		CHECK(strstr(why, "belongs to another user"));
	}
	(void)close(fd);
	(void)unlink(path);
}

static void clear_environment(void)
{
	static const char *const names[] = {
		"NIXCACHE_CONFIG",   "NIXCACHE_STORE",
		"NIX_SIGNING_KEY",   "B2_ACCESS_KEY_ID",
		"AWS_ACCESS_KEY_ID", "B2_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_SECRET_ACCESS_KEY",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unsetenv(names[i]);
	(void)setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
}

static void a_file_that_is_named_must_be_there(void)
{
	struct config *config = NULL;
	char why[512];

	clear_environment();
	(void)setenv("NIXCACHE_STORE", "file:///srv/cache", 1);
	CHECK(config_load("/nonexistent/a", &config, why, sizeof(why)) ==
	      -ENOENT);
	CHECK(strstr(why, "/nonexistent/a: there is no such file"));
	(void)setenv("NIXCACHE_CONFIG", "/nonexistent/b", 1);
	CHECK(config_load(NULL, &config, why, sizeof(why)) == -ENOENT);
	CHECK(strstr(why, "/nonexistent/b: there is no such file"));
	CHECK(config_load("/tmp", &config, why, sizeof(why)) == -EINVAL);
	CHECK(strstr(why, "/tmp: is a directory"));
	clear_environment();
}

static void without_any_configuration_the_places_are_named(void)
{
	struct config *config = NULL;
	char why[512];

	clear_environment();
	CHECK(config_load(NULL, &config, why, sizeof(why)) == -ENOENT);
	CHECK(strstr(why, "/nonexistent/nixcache/nixcache.conf"));
	CHECK(strstr(why, "NIXCACHE_STORE"));
}

static void the_file_in_the_home_directory_is_found(void)
{
	char home[] = "/tmp/nixcache-home-XXXXXX";
	struct config *config = NULL;
	char path[128], why[512];
	FILE *file;

	clear_environment();
	CHECK(mkdtemp(home) != NULL);
	(void)snprintf(path, sizeof(path), "%s/nixcache", home);
	CHECK(mkdir(path, 0700) == 0);
	(void)snprintf(path, sizeof(path), "%s/nixcache/nixcache.conf", home);
	file = fopen(path, "we");
	CHECK(file && fputs(FILE_CACHE, file) >= 0);
	if (file)
		(void)fclose(file);
	(void)setenv("XDG_CONFIG_HOME", home, 1);
	CHECK(config_load(NULL, &config, why, sizeof(why)) == 0);
	CHECK(config && strcmp(config->path, path) == 0);
	config_free(config);

	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/nixcache", home);
	(void)rmdir(path);
	(void)rmdir(home);
	clear_environment();
}

static int load_environment(struct config **ret_config, char *why, size_t size)
{
	*ret_config = NULL;
	return config_load(NULL, ret_config, why, size);
}

static void the_environment_makes_the_cache_called_default(void)
{
	struct config *c;
	char why[512];

	clear_environment();
	(void)setenv("NIXCACHE_STORE", "s3://bucket?region=eu", 1);
	(void)setenv("NIX_SIGNING_KEY", "k:c2VjcmV0", 1);
	(void)setenv("B2_ACCESS_KEY_ID", "id", 1);
	(void)setenv("B2_SECRET_ACCESS_KEY", "op://Dev/b2/key", 1);
	(void)setenv("AWS_SESSION_TOKEN", "of another family", 1);
	CHECK(load_environment(&c, why, sizeof(why)) == 0);
	CHECK(c && strcmp(c->caches[0].name, "default") == 0 && !c->path);
	CHECK(c && c->slot_count == 3 && c->idle == 0);
	CHECK(c && strcmp(c->slots[0].spec, "NIX_SIGNING_KEY") == 0);
	CHECK(c && strcmp(c->slots[1].spec, "B2_ACCESS_KEY_ID") == 0);
	CHECK(c && c->slots[2].source == SECRET_OP);
	config_free(c);

	(void)unsetenv("B2_ACCESS_KEY_ID");
	CHECK(load_environment(&c, why, sizeof(why)) == -EINVAL);
	CHECK(strstr(why, "B2_ACCESS_KEY_ID is not"));

	(void)unsetenv("B2_SECRET_ACCESS_KEY");
	(void)setenv("AWS_ACCESS_KEY_ID", "id", 1);
	(void)setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	CHECK(load_environment(&c, why, sizeof(why)) == 0);
	CHECK(c && c->slot_count == 4);
	CHECK(c && c->slots[3].kind == SECRET_SESSION_TOKEN);
	config_free(c);

	(void)setenv("NIXCACHE_STORE", "s3://bucket?regoin=eu", 1);
	CHECK(load_environment(&c, why, sizeof(why)) == -EINVAL);
	CHECK(strstr(why, "store: ") == why && strstr(why, "regoin"));
	clear_environment();
}

int main(void)
{
	static const struct test tests[] = {
		{ "the example of the manual is read",
		  the_example_of_the_manual_is_read },
		{ "what is not said has its usual value",
		  what_is_not_said_has_its_usual_value },
		{ "several caches keep their secrets apart",
		  several_caches_keep_their_secrets_apart },
		{ "never and zero mean no limit",
		  never_and_zero_mean_no_limit },
		{ "a secret had only once turns the idle lock off",
		  a_secret_had_only_once_turns_the_idle_lock_off },
		{ "what is confirmed is a list of words",
		  what_is_confirmed_is_a_list_of_words },
		{ "sources of every kind are read",
		  sources_of_every_kind_are_read },
		{ "the traps of the format are avoided",
		  the_traps_of_the_format_are_avoided },
		{ "a file that others can write is refused",
		  a_file_that_others_can_write_is_refused },
		{ "a file that is named must be there",
		  a_file_that_is_named_must_be_there },
		{ "without any configuration the places are named",
		  without_any_configuration_the_places_are_named },
		{ "the file in the home directory is found",
		  the_file_in_the_home_directory_is_found },
		{ "the environment makes the cache called default",
		  the_environment_makes_the_cache_called_default },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
