#include "client/cmd/columns.h"
#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"
#include "client/survey/paths.h"
#include "client/survey/walk.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"
#include "protocol/base/text.h"
#include "protocol/varlink/json_write.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_LEN ((size_t)16 * 1024)

enum {
	OPTION_CACHE = 1,
	OPTION_LONG,
	OPTION_RAW,
	OPTION_JSON,
	OPTION_HELP,
};

static const struct cli_option table[] = {
	{ "cache", 0, "CACHE", "of this cache: its name or its URI",
	  OPTION_CACHE },
	{ "long", 'l', NULL, "print sizes and times, too", OPTION_LONG },
	{ "raw", 0, NULL, "list objects by their keys", OPTION_RAW },
	{ "json", 0, NULL, "print one JSON object a line", OPTION_JSON },
	{ "help", 'h', NULL, "print this", OPTION_HELP },
};

static const struct usage usage = {
	.synopsis = "nixcache ls [OPTION...] [PREFIX]",
	.summary = "Lists the store paths of a cache, or with --raw its "
		   "objects.",
	.options = table,
	.option_count = sizeof(table) / sizeof(table[0]),
};

struct options {
	const char *cache;
	const char *prefix; /* NULL: all */
	bool is_long;
	bool is_raw;
	bool is_json;
};

static struct options parse(int argc, char **argv)
{
	struct options o = { .cache = NULL };
	struct cli cli;
	int id;

	cli_init(&cli, table, usage.option_count, argc, argv);
	while ((id = cli_next(&cli)) > 0) {
		if (id == OPTION_HELP)
			usage_help(&usage);
		if (id == OPTION_CACHE)
			o.cache = cli.value;
		o.is_long |= id == OPTION_LONG;
		o.is_raw |= id == OPTION_RAW;
		o.is_json |= id == OPTION_JSON;
	}
	if (id == CLI_WRONG)
		usage_wrong(&usage, cli.error);
	if (cli.operand < argc)
		o.prefix = argv[cli.operand++];
	if (cli.operand < argc)
		usage_wrong(&usage, "ls: one PREFIX at most");
	if (o.is_raw && o.prefix &&
	    !object_key_prefix_is_valid(o.prefix, strlen(o.prefix))) {
		usage_wrong(&usage, "ls: no object of a cache begins like "
		                    "that PREFIX");
	}
	return o;
}

/* False once nobody takes what is written. */
static bool write_line(struct buffer *line)
{
	buffer_append_char(line, '\n');
	return buffer_end(line) == 0 &&
	       fwrite(line->data, 1, line->len, stdout) == line->len;
}

static void put_known(struct buffer *out, const char *key, uint64_t value)
{
	if (value > 0)
		json_put_int_member(out, key, (int64_t)value);
}

static void put_path_object(struct buffer *out, const struct path_row *row,
                            const char *store_dir)
{
	char path[STORE_PATH_SIZE];

	(void)snprintf(path, sizeof(path), "%s/%s", store_dir, row->base);
	buffer_append_char(out, '{');
	json_put_text_member(out, "path", bytes_of_text(path));
	json_put_int_member(out, "narSize", (int64_t)row->nar_size);
	put_known(out, "fileSize", row->file_size);
	json_put_text_member(out, "compression",
	                     bytes_of_text(row->compression));
	put_known(out, "modified", (uint64_t)row->modified);
	json_put_text_member(out, "narinfo", bytes_of_text(row->key));
	if (row->nar_key[0])
		json_put_text_member(out, "nar", bytes_of_text(row->nar_key));
	buffer_append_char(out, '}');
}

static bool print_path(const struct options *o, const struct path_row *row,
                       const char *store_dir)
{
	cleanup_buffer struct buffer line = { .data = NULL };

	buffer_init(&line, LINE_MAX_LEN);
	if (o->is_json) {
		put_path_object(&line, row, store_dir);
		return write_line(&line);
	}
	if (o->is_long) {
		columns_put_size(&line, row->nar_size);
		columns_put_size(&line, row->file_size);
		columns_put_time(&line, row->modified);
	}
	buffer_append_format(&line, "%s/%s", store_dir, row->base);
	return write_line(&line);
}

static bool print_object(const struct options *o,
                         const struct cache_object *object)
{
	cleanup_buffer struct buffer line = { .data = NULL };
	char shown[2048];

	buffer_init(&line, LINE_MAX_LEN);
	if (o->is_json) {
		buffer_append_char(&line, '{');
		json_put_text_member(&line, "key", bytes_of_text(object->key));
		json_put_int_member(&line, "size", (int64_t)object->size);
		put_known(&line, "modified", (uint64_t)object->modified);
		buffer_append_char(&line, '}');
		return write_line(&line);
	}
	if (o->is_long) {
		columns_put_size(&line, object->size);
		columns_put_time(&line, object->modified);
	}
	text_printable(object->key, strlen(object->key), shown, sizeof(shown));
	buffer_append_text(&line, shown);
	return write_line(&line);
}

static int list_objects(const struct options *o, const struct session *session)
{
	const char *prefix = o->prefix ? o->prefix : "";
	cleanup_walk struct walk walk;
	bool is_heard = true;
	int rc;

	walk_init(&walk, session->cache, prefix);
	while (is_heard && (rc = walk_next(&walk)) == 1) {
		for (size_t i = 0; is_heard && i < walk.page->count; i++)
			is_heard = print_object(o, &walk.page->objects[i]);
	}
	if (!is_heard)
		return EXIT_FAILED;
	if (rc < 0)
		log_error("ls: %s", walk.why);
	return rc < 0 ? walk.exit_status : EXIT_DONE;
}

/* A short word that could begin a hash part as well. */
static bool may_be_a_name(const char *prefix)
{
	return prefix && strlen(prefix) < STORE_PATH_HASH_LEN &&
	       !strpbrk(prefix, "/*?[");
}

static int print_rows(const struct options *o, const struct session *session,
                      struct paths *paths)
{
	const char *store_dir = session->config->store_dir;
	int rc, exit_status = EXIT_DONE;
	const struct path_row *row;
	bool is_empty = true;

	while ((rc = paths_next(paths, &row)) == 1) {
		is_empty = false;
		if (row->is_broken) {
			log_error("ls: %s", row->error);
			exit_status = EXIT_FAILED;
		} else if (!print_path(o, row, store_dir)) {
			return EXIT_FAILED;
		}
	}
	if (rc < 0) {
		log_error("ls: %s", paths_why(paths));
		return paths_exit_status(paths);
	}
	if (is_empty && may_be_a_name(o->prefix)) {
		log_info("ls: no hash part begins with %s; for names give a "
		         "pattern, such as '*%s*'",
		         o->prefix, o->prefix);
	}
	return exit_status;
}

static int list_paths(const struct options *o, struct session *session)
{
	struct filter filter;
	char why[FILTER_WHY_MAX];
	struct paths *paths;
	int rc, exit_status;

	rc = filter_parse(o->prefix, session->config->store_dir, &filter, why);
	if (rc < 0) {
		log_error("ls: %s", why);
		return EXIT_USAGE;
	}
	rc = paths_open(session, &filter, o->is_long || o->is_json, &paths);
	if (rc < 0) {
		log_error("ls: %s", strerror(-rc));
		return EXIT_FAILED;
	}
	exit_status = print_rows(o, session, paths);
	/* In this order: what is under way borrows from the rows. */
	session_close(session);
	paths_close(paths);
	*session = (struct session){ .agent = NULL };
	return exit_status;
}

int cmd_ls(int argc, char **argv)
{
	struct options o = parse(argc, argv);
	cleanup_session struct session session;
	char why[SESSION_WHY_MAX];
	int rc = session_open(o.cache, 0, &session, why);

	if (rc != 0) {
		log_error("ls: %s", why);
		return rc;
	}
	return o.is_raw ? list_objects(&o, &session) : list_paths(&o, &session);
}
