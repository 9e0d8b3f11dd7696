#include "client/cmd/operands.h"
#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"
#include "client/survey/places.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"
#include "protocol/base/number.h"
#include "protocol/s3/uri_encode.h"
#include "protocol/varlink/json_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define URL_LINE_MAX ((size_t)64 * 1024)

enum {
	OPTION_CACHE = 1,
	OPTION_EXPIRES,
	OPTION_NARINFO,
	OPTION_STDIN,
	OPTION_JSON,
	OPTION_HELP,
};

static const struct cli_option table[] = {
	{ "cache", 0, "CACHE", "of this cache: its name or its URI",
	  OPTION_CACHE },
	{ "expires", 'e', "SECONDS", "good for so long, up to 3600 (300)",
	  OPTION_EXPIRES },
	{ "narinfo", 0, NULL, "of the narinfo instead of the NAR",
	  OPTION_NARINFO },
	{ "stdin", 0, NULL, "read paths from standard input, one a line",
	  OPTION_STDIN },
	{ "json", 0, NULL, "print one JSON object a line", OPTION_JSON },
	{ "help", 'h', NULL, "print this", OPTION_HELP },
};

static const struct usage usage = {
	.synopsis = "nixcache url [OPTION...] PATH...",
	.summary = "Prints URLs with which anybody can fetch these paths' NARs "
		   "for a while.",
	.options = table,
	.option_count = sizeof(table) / sizeof(table[0]),
};

struct options {
	const char *cache;
	uint32_t expires;
	enum places_kind kind;
	bool reads_stdin;
	bool is_json;
};

static uint32_t parse_expires(const char *text)
{
	uint64_t seconds;

	if (number_parse(text, S3_EXPIRES_MAX, &seconds) < 0 || seconds == 0)
		usage_wrong(&usage, "--expires takes seconds, 1 to 3600");
	return (uint32_t)seconds;
}

static void apply(struct options *o, int id, const char *value)
{
	switch (id) {
	case OPTION_CACHE:
		o->cache = value;
		break;
	case OPTION_EXPIRES:
		o->expires = parse_expires(value);
		break;
	case OPTION_NARINFO:
		o->kind = PLACES_NARINFO;
		break;
	case OPTION_STDIN:
		o->reads_stdin = true;
		break;
	case OPTION_JSON:
		o->is_json = true;
		break;
	default:
		usage_help(&usage);
	}
}

struct task {
	const struct options *options;
	const struct session *session;
	const struct store_uri *uri;
};

static int print(const struct task *t, const struct place *place,
                 const char *url, int64_t expires_at)
{
	cleanup_buffer struct buffer line = { .data = NULL };
	char path[STORE_PATH_SIZE];

	(void)snprintf(path, sizeof(path), "%s/%s",
	               t->session->config->store_dir, place->base);
	buffer_init(&line, URL_LINE_MAX);
	if (t->options->is_json) {
		buffer_append_char(&line, '{');
		if (place->base[0]) {
			json_put_text_member(&line, "path",
			                     bytes_of_text(path));
		}
		json_put_text_member(&line, "key", bytes_of_text(place->key));
		json_put_text_member(&line, "url", bytes_of_text(url));
		if (expires_at > 0)
			json_put_int_member(&line, "expiresAt", expires_at);
		buffer_append_char(&line, '}');
	} else {
		buffer_append_text(&line, url);
	}
	buffer_append_char(&line, '\n');
	if (buffer_end(&line) < 0)
		return EXIT_FAILED;
	return fwrite(line.data, 1, line.len, stdout) == line.len ? EXIT_DONE
	                                                          : EXIT_FAILED;
}

static int print_file_url(const struct task *t, const struct place *place)
{
	cleanup_buffer struct buffer url = { .data = NULL };
	const char *text;

	buffer_init(&url, URL_LINE_MAX);
	buffer_append_text(&url, "file://");
	uri_encode_path(&url, bytes_of_text(t->uri->path));
	buffer_append_char(&url, '/');
	uri_encode_path(&url, bytes_of_text(place->key));
	text = buffer_text(&url);
	return text ? print(t, place, text, 0) : EXIT_FAILED;
}

/* One call for all of them; the agent is asked in batches below. */
static int print_presigned(const struct task *t, const struct place *places,
                           size_t count)
{
	cleanup_free struct s3_object_request *requests = NULL;
	cleanup_free struct agent_signed_request *signed_requests = NULL;
	struct presign_order order = { .cache = t->session->config->name,
		                       .count = count };
	struct agent_error error;
	struct agent_pace pace;
	int exit_status = EXIT_DONE;

	requests = calloc(count + 1, sizeof(*requests));
	signed_requests = calloc(count + 1, sizeof(*signed_requests));
	if (!requests || !signed_requests)
		return EXIT_FAILED;
	for (size_t i = 0; i < count; i++) {
		requests[i].operation = S3_GET_OBJECT;
		requests[i].key = bytes_of_text(places[i].key);
		requests[i].expires = t->options->expires;
	}
	order.requests = requests;
	if (agent_presign(t->session->agent, &order, signed_requests, &pace,
	                  &error) != 0) {
		log_error("url: %s", error.text);
		return error.exit_status;
	}
	for (size_t i = 0; i < count; i++) {
		const struct agent_signed_request *given = &signed_requests[i];

		if (exit_status == EXIT_DONE) {
			exit_status = print(t, &places[i], given->url,
			                    given->expires_at);
		}
		agent_signed_request_clear(&signed_requests[i]);
	}
	return exit_status;
}

/* Names those that are not there, and moves the others to the front, in their
 * order.  How many those are. */
static size_t sort_out(struct place *places, size_t count, int *exit_status)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		struct place place = places[i];

		if (!place.error) {
			places[i] = places[found];
			places[found++] = place;
			continue;
		}
		log_error("url: %s", place.error);
		if (*exit_status <= EXIT_FAILED)
			*exit_status = place.exit_status;
	}
	return found;
}

static int print_all(const struct task *t, const struct place *places,
                     size_t count)
{
	int exit_status = EXIT_DONE;

	if (t->uri->kind != STORE_URI_FILE) {
		if (isatty(STDERR_FILENO)) {
			log_warn("url: whoever has such a URL can fetch the "
			         "object until it expires");
		}
		return print_presigned(t, places, count);
	}
	for (size_t i = 0; i < count && exit_status == EXIT_DONE; i++)
		exit_status = print_file_url(t, &places[i]);
	return exit_status;
}

static int print_urls(const struct task *t, const struct strings *words,
                      struct place **places)
{
	int exit_status = EXIT_DONE, printed;
	size_t found;
	int rc;

	rc = places_find(t->session, words, t->options->kind, places);
	if (rc < 0) {
		log_error("url: %s", strerror(-rc));
		return EXIT_FAILED;
	}
	found = sort_out(*places, words->count, &exit_status);
	if (found == 0)
		return exit_status;
	printed = print_all(t, *places, found);
	return exit_status == EXIT_DONE ? printed : exit_status;
}

static int run(const struct options *o, const struct strings *words)
{
	struct session session;
	struct store_uri uri;
	const struct task task = { o, &session, &uri };
	struct place *places = NULL;
	char why[SESSION_WHY_MAX];
	int exit_status = session_open(o->cache, 0, &session, why);

	if (exit_status == EXIT_DONE &&
	    store_uri_parse(session.config->store, &uri, why, sizeof(why)) < 0)
		exit_status = EXIT_FAILED;
	if (exit_status == EXIT_DONE) {
		exit_status = print_urls(&task, words, &places);
	} else {
		log_error("url: %s", why);
	}
	session_close(&session);
	places_free(places, words->count);
	return exit_status;
}

int cmd_url(int argc, char **argv)
{
	struct options o = { .expires = S3_EXPIRES_USUAL };
	cleanup_strings struct strings words = { .items = NULL };
	struct cli cli;
	int id;

	cli_init(&cli, table, usage.option_count, argc, argv);
	while ((id = cli_next(&cli)) > 0)
		apply(&o, id, cli.value);
	if (id == CLI_WRONG)
		usage_wrong(&usage, cli.error);

	operands_read_paths(&usage, &cli, o.reads_stdin, &words);
	return words.count > 0 ? run(&o, &words) : EXIT_DONE;
}
