#include "client/agent_call.h"
#include "client/cache/select.h"
#include "client/cmd/usage.h"
#include "client/cmd/use_files.h"
#include "client/cmd/use_print.h"
#include "client/cmd/verbs.h"
#include "client/nixconf/netrc_edit.h"
#include "client/nixconf/substituter.h"
#include "client/serve/access.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"
#include "protocol/nix/key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	OPTION_URL = 1,
	OPTION_DIRECT,
	OPTION_PUBLIC_KEY,
	OPTION_PASSWORD_FILE,
	OPTION_NETRC,
	OPTION_FILE,
	OPTION_WRITE,
	OPTION_REMOVE,
	OPTION_JSON,
	OPTION_QUIET,
	OPTION_HELP,
};

static const struct cli_option table[] = {
	{ "url", 'u', "URL", "where Nix finds it; again for more", OPTION_URL },
	{ "direct", 0, NULL, "the bucket or folder itself, without serve",
	  OPTION_DIRECT },
	{ "public-key", 'k', "KEY", "trust this key; again for more",
	  OPTION_PUBLIC_KEY },
	{ "password-file", 0, "FILE", "that of serve: goes into the netrc",
	  OPTION_PASSWORD_FILE },
	{ "netrc", 0, "FILE", "this netrc instead of the one in use",
	  OPTION_NETRC },
	{ "file", 0, "FILE", "this nix.conf instead of the usual one",
	  OPTION_FILE },
	{ "write", 'w', NULL, "put it into the file", OPTION_WRITE },
	{ "remove", 0, NULL, "take out of the file what was put in",
	  OPTION_REMOVE },
	{ "json", 0, NULL, "print one JSON object", OPTION_JSON },
	{ "quiet", 'q', NULL, "print only errors", OPTION_QUIET },
	{ "help", 'h', NULL, "print this", OPTION_HELP },
};

static const struct usage usage = {
	.synopsis = "nixcache use [OPTION...] [CACHE]",
	.summary = "Prints what nix.conf needs for Nix to use a cache, or puts "
		   "it there.",
	.options = table,
	.option_count = sizeof(table) / sizeof(table[0]),
};

struct options {
	const char *cache;
	const char *password_file;
	const char *netrc;
	const char *file;
	struct strings urls;
	struct strings keys;
	bool direct;
	bool writes;
	bool removes;
	bool json;
	bool quiet;
};

static void add_key(struct options *o, const char *value)
{
	struct public_key key;

	if (public_key_parse(value, strlen(value), &key) < 0 ||
	    !nix_conf_word_is_valid(value))
		usage_wrong(&usage, "--public-key takes NAME:BASE64");
	if (strings_add(&o->keys, value, strlen(value)) < 0)
		usage_wrong(&usage, strerror(ENOMEM));
}

static void add_url(struct options *o, const char *value)
{
	if (!nix_conf_word_is_valid(value) || !strstr(value, "://"))
		usage_wrong(&usage, "--url takes a URL, without spaces and #");
	if (strings_add(&o->urls, value, strlen(value)) < 0)
		usage_wrong(&usage, strerror(ENOMEM));
}

static void apply_flag(struct options *o, int id)
{
	switch (id) {
	case OPTION_DIRECT:
		o->direct = true;
		break;
	case OPTION_WRITE:
		o->writes = true;
		break;
	case OPTION_REMOVE:
		o->removes = true;
		break;
	case OPTION_JSON:
		o->json = true;
		break;
	case OPTION_QUIET:
		o->quiet = true;
		break;
	case OPTION_HELP:
		usage_help(&usage);
	default:
		break;
	}
}

static void apply(struct options *o, int id, const char *value)
{
	switch (id) {
	case OPTION_URL:
		add_url(o, value);
		break;
	case OPTION_PUBLIC_KEY:
		add_key(o, value);
		break;
	case OPTION_PASSWORD_FILE:
		o->password_file = value;
		break;
	case OPTION_NETRC:
		o->netrc = value;
		break;
	case OPTION_FILE:
		o->file = value;
		break;
	default:
		apply_flag(o, id);
		break;
	}
}

static void check(const struct options *o)
{
	if (o->writes && o->removes)
		usage_wrong(&usage, "--write or --remove, not both");
	if (o->direct && (o->urls.count > 0 || o->password_file)) {
		usage_wrong(&usage, "--direct goes with neither --url nor "
		                    "--password-file");
	}
	if (o->cache && !nix_conf_word_is_valid(o->cache))
		usage_wrong(&usage, "no cache has such a name");
}

/* What is to be put where. */
struct plan {
	struct nix_conf_addition addition;
	char *label; /* owned */
	char machine[NETRC_MACHINE_MAX + 1];
	struct access_rules rules; /* has the password, if there is one */
};

static void plan_clear(struct plan *plan)
{
	strings_clear(&plan->addition.substituters);
	strings_clear(&plan->addition.public_keys);
	free(plan->label);
	access_rules_clear(&plan->rules);
}

#define cleanup_plan __attribute__((__cleanup__(plan_clear)))

static int out_of_memory(void)
{
	log_error("use: %s", strerror(ENOMEM));
	return EXIT_FAILED;
}

static int add_substituter(struct plan *plan, const char *url)
{
	if (strings_add(&plan->addition.substituters, url, strlen(url)) < 0)
		return out_of_memory();
	return 0;
}

static int add_urls(const struct options *o, struct plan *plan)
{
	if (strings_add_all(&plan->addition.substituters, &o->urls) < 0)
		return out_of_memory();
	return 0;
}

static int set_label(struct plan *plan, const char *label)
{
	plan->label = strdup(label);
	plan->addition.label = plan->label;
	return plan->label ? 0 : out_of_memory();
}

static int add_direct(struct plan *plan, const struct agent_cache *cache)
{
	cleanup_free char *url = NULL;
	struct store_uri uri;
	char why[256];

	if (store_uri_parse(cache->store, &uri, why, sizeof(why)) < 0) {
		log_error("use: %s: %s", cache->name, why);
		return EXIT_FAILED;
	}
	if (substituter_of_store(&uri, &url) < 0)
		return out_of_memory();
	return add_substituter(plan, url);
}

static int add_keys(struct plan *plan, const struct agent_cache *cache)
{
	if (cache->public_keys.count == 0) {
		log_error("use: %s: its public key is not known before the "
		          "agent has fetched the secret one; first: nixcache "
		          "unlock",
		          cache->name);
		return EXIT_LOCKED;
	}
	if (strings_add_all(&plan->addition.public_keys, &cache->public_keys) <
	    0)
		return out_of_memory();
	return 0;
}

/* Each cache that is meant: its keys, and with --direct its place. */
static int add_cache(const struct options *o, const struct agent_cache *cache,
                     struct plan *plan)
{
	int rc = 0;

	if (o->keys.count == 0)
		rc = add_keys(plan, cache);
	if (rc == 0 && o->direct)
		rc = add_direct(plan, cache);
	return rc;
}

/* Behind serve one cache is at its root, and each of several below its name. */
static int add_served(const struct options *o,
                      const struct agent_status *status,
                      const struct agent_cache *one, struct plan *plan)
{
	char url[sizeof(SUBSTITUTER_SERVE) + 1 + AGENT_CACHE_NAME_MAX];

	if (o->direct)
		return 0;
	if (o->urls.count > 0)
		return add_urls(o, plan);
	(void)snprintf(url, sizeof(url), "%s%s%s", SUBSTITUTER_SERVE,
	               one && status->cache_count > 1 ? "/" : "",
	               one && status->cache_count > 1 ? one->name : "");
	return add_substituter(plan, url);
}

static const struct agent_cache *select_one(const struct options *o,
                                            const struct agent_status *status)
{
	const struct agent_cache *one;
	char why[512];

	one = select_cache(status, o->cache, why, sizeof(why));
	if (!one)
		log_error("use: %s", why);
	return one;
}

static int gather_of_status(const struct options *o,
                            const struct agent_status *status,
                            struct plan *plan)
{
	bool is_one = o->cache || status->cache_count < 2;
	const struct agent_cache *one = is_one ? select_one(o, status) : NULL;
	int rc = 0;

	if (is_one && !one)
		return EXIT_FAILED;
	if (one)
		rc = add_cache(o, one, plan);
	for (size_t i = 0; !one && i < status->cache_count && rc == 0; i++)
		rc = add_cache(o, &status->caches[i], plan);
	if (rc == 0)
		rc = add_served(o, status, one, plan);
	if (rc != 0)
		return rc;
	return set_label(plan, one ? one->name
	                           : plan->addition.substituters.items[0]);
}

static int gather_of_agent(const struct options *o, struct plan *plan)
{
	struct agent *agent = NULL;
	struct agent_status status;
	struct agent_error error;
	int rc;

	if (agent_open(NULL, &agent, &error) != 0) {
		log_error("%s", error.text);
		return error.exit_status;
	}
	rc = agent_get_status(agent, &status, &error);
	agent_close(agent);
	if (rc != 0) {
		log_error("%s", error.text);
		return error.exit_status;
	}
	rc = gather_of_status(o, &status, plan);
	agent_status_clear(&status);
	return rc;
}

/* Keys that were given by hand go before those of the agent, which need not
 * even be there when the URL was given as well. */
static int gather(const struct options *o, struct plan *plan)
{
	int rc;

	if (strings_add_all(&plan->addition.public_keys, &o->keys) < 0)
		return out_of_memory();
	if (o->urls.count == 0 || o->keys.count == 0)
		return gather_of_agent(o, plan);
	rc = add_urls(o, plan);
	if (rc != 0)
		return rc;
	return set_label(plan, o->cache ? o->cache : o->urls.items[0]);
}

static int gather_password(const struct options *o, struct plan *plan,
                           const struct use_place *place)
{
	static const struct strings nobody = { .items = NULL };
	char why[ACCESS_WHY_MAX];

	if (!o->password_file)
		return 0;
	if (substituter_machine(plan->addition.substituters.items[0],
	                        plan->machine, sizeof(plan->machine)) < 0) {
		usage_wrong(&usage, "a password goes with a URL that begins "
		                    "with http:// or https://, and has none");
	}
	if (access_rules_load(&nobody, o->password_file, &plan->rules, why) <
	    0) {
		log_error("use: %s", why);
		return EXIT_FAILED;
	}
	if (!netrc_password_is_valid(plan->rules.password)) {
		log_error("use: %s: not every netrc reader takes such a "
		          "password: printable ASCII without spaces, quotes "
		          "and backslashes, no # in front, at most 256",
		          o->password_file);
		return EXIT_FAILED;
	}
	if (!place->netrc_is_usual)
		plan->addition.netrc_file = place->netrc;
	return 0;
}

static int write_files(const struct plan *plan, const struct use_place *place,
                       bool *ret_changed)
{
	int rc = 0;

	/* The password first: Nix is not to be sent anywhere without it. */
	if (plan->machine[0]) {
		rc = use_write_netrc(place, plan->machine, plan->rules.password,
		                     ret_changed);
	}
	if (rc == 0)
		rc = use_write_nix_conf(place, &plan->addition, ret_changed);
	return rc;
}

static void print_done(const struct options *o, const struct use_place *place,
                       bool changed)
{
	if (!o->quiet) {
		(void)printf("%s: %s\n", place->nix_conf,
		             !changed     ? "nothing to change"
		             : o->removes ? "as it was before"
		                          : "written");
	}
}

/* Whose lines to remove; NULL: all. */
static const char *label_of(const struct options *o)
{
	if (o->cache)
		return o->cache;
	return o->urls.count > 0 ? o->urls.items[0] : NULL;
}

static int run(const struct options *o, struct plan *plan,
               const struct use_place *place)
{
	bool changed = false;
	int rc = 0;

	if (!o->removes) {
		rc = gather(o, plan);
		if (rc == 0)
			rc = gather_password(o, plan, place);
	}
	if (rc == 0 && o->writes)
		rc = write_files(plan, place, &changed);
	if (rc == 0 && o->removes) {
		rc = use_remove(place, label_of(o), &changed);
	}
	if (rc != 0)
		return rc;
	if (o->writes && !o->quiet)
		use_tell_rest(place, &plan->addition, changed);
	if (o->json) {
		return use_print_json(&plan->addition, place, plan->machine,
		                      changed);
	}
	if (!o->writes && !o->removes)
		return use_print_lines(&plan->addition, place, plan->machine);
	print_done(o, place, changed);
	return EXIT_DONE;
}

int cmd_use(int argc, char **argv)
{
	cleanup_plan struct plan plan = { .label = NULL };
	struct options o = { .cache = NULL };
	struct use_place place;
	struct cli cli;
	int id, rc;

	cli_init(&cli, table, usage.option_count, argc, argv);
	while ((id = cli_next(&cli)) > 0)
		apply(&o, id, cli.value);
	if (id == CLI_WRONG)
		usage_wrong(&usage, cli.error);
	if (argc - cli.operand > 1)
		usage_wrong(&usage, "use: one cache at a time");
	o.cache = cli.operand < argc ? argv[cli.operand] : NULL;
	check(&o);

	rc = use_place_find(o.file, o.netrc, &place);
	if (rc == 0)
		rc = run(&o, &plan, &place);
	use_place_clear(&place);
	strings_clear(&o.urls);
	strings_clear(&o.keys);
	return rc;
}
