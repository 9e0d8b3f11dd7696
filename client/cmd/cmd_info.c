#include "client/cmd/probe_report.h"
#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"
#include "client/survey/walk.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/s3/object_key.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_AFTER_MS 1000
#define PROGRESS_EVERY_MS 200

enum {
	OPTION_CACHE = 1,
	OPTION_NO_PROBE_WRITE,
	OPTION_JSON,
	OPTION_HELP,
};

static const struct cli_option table[] = {
	{ "cache", 0, "CACHE", "of this cache: its name or its URI",
	  OPTION_CACHE },
	{ "no-probe-write", 0, NULL, "try nothing that writes",
	  OPTION_NO_PROBE_WRITE },
	{ "json", 0, NULL, "print one JSON object", OPTION_JSON },
	{ "help", 'h', NULL, "print this", OPTION_HELP },
};

static const struct usage usage = {
	.synopsis = "nixcache info [OPTION...]",
	.summary = "Shows what a cache holds, and what it lets us do.",
	.options = table,
	.option_count = sizeof(table) / sizeof(table[0]),
};

struct options {
	const char *cache;
	enum probe_manner manner;
	bool is_json;
};

static struct options parse(int argc, char **argv)
{
	struct options o = { .manner = PROBE_WRITING };
	struct cli cli;
	int id;

	cli_init(&cli, table, usage.option_count, argc, argv);
	while ((id = cli_next(&cli)) > 0) {
		if (id == OPTION_HELP)
			usage_help(&usage);
		if (id == OPTION_CACHE)
			o.cache = cli.value;
		if (id == OPTION_NO_PROBE_WRITE)
			o.manner = PROBE_READING;
		o.is_json |= id == OPTION_JSON;
	}
	if (id == CLI_WRONG)
		usage_wrong(&usage, cli.error);
	if (cli.operand < argc)
		usage_wrong(&usage, "nothing is expected after the options");
	return o;
}

/* A line that is written over, for a person who has waited. */
struct ticker {
	bool is_shown;
	long long next_ms;
};

static void tick(struct ticker *t, const struct contents *contents)
{
	long long now = clock_boot_ms();

	if (!isatty(STDERR_FILENO) || now < t->next_ms)
		return;
	t->next_ms = now + PROGRESS_EVERY_MS;
	t->is_shown = true;
	(void)fprintf(stderr, "\rcounting: %llu objects\033[K",
	              (unsigned long long)contents->object_count);
}

static void count_page(const struct cache_listing *page,
                       struct contents *contents)
{
	for (size_t i = 0; i < page->count; i++) {
		const struct cache_object *object = &page->objects[i];

		contents->object_count++;
		contents->byte_count += object->size;
		if (object_key_kind(object->key, strlen(object->key)) ==
		    OBJECT_KEY_NARINFO)
			contents->path_count++;
	}
}

static void count(const struct session *session, struct contents *contents)
{
	struct ticker ticker = { .next_ms =
		                         clock_boot_ms() + PROGRESS_AFTER_MS };
	cleanup_walk struct walk walk;
	int rc;

	walk_init(&walk, session->cache, "");
	while ((rc = walk_next(&walk)) == 1) {
		count_page(walk.page, contents);
		tick(&ticker, contents);
	}
	if (ticker.is_shown)
		(void)fprintf(stderr, "\r\033[K");
	contents->is_known = rc == 0;
	if (rc < 0)
		memcpy(contents->why, walk.why, sizeof(contents->why));
}

/* All that is known; counts on the way, with what is known already on the
 * terminal.  0 or -errno. */
static int print(const struct options *o, const struct session *session,
                 const struct probe *probe)
{
	struct contents contents = { .is_known = false };

	if (!o->is_json)
		probe_report_print(session->config, probe);
	if (probe->is_reachable)
		count(session, &contents);
	if (o->is_json) {
		return probe_report_print_json(session->config, probe,
		                               &contents);
	}
	if (probe->is_reachable)
		probe_report_print_contents(&contents);
	return 0;
}

static int show(const struct options *o, const struct session *session)
{
	struct probe probe;
	int rc = probe_run(session, o->manner, &probe);

	if (rc == 0)
		rc = print(o, session, &probe);
	if (rc < 0) {
		log_error("info: %s", strerror(-rc));
		return EXIT_FAILED;
	}
	if (probe.left_behind[0])
		log_warn("info: left behind: %s", probe.left_behind);
	if (probe.is_reachable)
		return EXIT_DONE;
	log_error("info: %s", probe.why);
	return probe.exit_status;
}

int cmd_info(int argc, char **argv)
{
	struct options o = parse(argc, argv);
	cleanup_session struct session session;
	char why[SESSION_WHY_MAX];
	int rc = session_open(o.cache, 0, &session, why);

	if (rc != 0) {
		log_error("info: %s", why);
		return rc;
	}
	return show(&o, &session);
}
