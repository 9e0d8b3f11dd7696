#include "client/nixconf/nix_conf.h"
#include "client/nixconf/nix_conf_files.h"
#include "client/nixconf/nix_conf_line.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Files in all, since two that include each other twice are many soon. */
#define FILES_MAX 256

/* What Nix takes when nothing is said, from its manual (nix.conf(5)). */
static const char usual_substituter[] = "https://cache.nixos.org/";
static const char usual_key[] =
	"cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";

/* A text that is being read; the others below it wait for its end. */
struct frame {
	char *path; /* owned; where relative includes start from */
	struct buffer text;
	struct bytes rest;
	size_t line;
};

struct reading {
	struct nix_conf conf;
	struct strings trusted; /* trusted-substituters */
	struct frame frames[NIX_CONF_INCLUDE_MAX];
	size_t depth;
	size_t file_count;
	char *why; /* borrowed */
};

static void pop(struct reading *r)
{
	struct frame *frame = &r->frames[--r->depth];

	free(frame->path);
	buffer_clear(&frame->text);
}

static void reading_clear(struct reading *r)
{
	while (r->depth > 0)
		pop(r);
	strings_clear(&r->trusted);
	nix_conf_clear(&r->conf);
}

static void complain(struct reading *r, const char *path, const char *what)
{
	char name[160];

	text_printable(path, strlen(path), name, sizeof(name));
	(void)snprintf(r->why, NIX_CONF_WHY_MAX, "%s: %s", name, what);
}

static int complain_of_line(struct reading *r, const char *what)
{
	const struct frame *frame = &r->frames[r->depth - 1];
	char sentence[96];

	(void)snprintf(sentence, sizeof(sentence), "line %zu: %s", frame->line,
	               what);
	complain(r, frame->path, sentence);
	return -EINVAL;
}

/* Takes the text and reads from it next. */
static int push(struct reading *r, const char *path, struct buffer *text)
{
	struct frame *frame;
	char *copy;

	if (r->depth == NIX_CONF_INCLUDE_MAX || r->file_count == FILES_MAX) {
		complain(r, path, "more includes than can be followed");
		return -ELOOP;
	}
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	frame = &r->frames[r->depth++];
	r->file_count++;
	frame->path = copy;
	frame->text = *text;
	frame->rest = buffer_bytes(&frame->text);
	frame->line = 0;
	buffer_init(text, 0);
	return 0;
}

/* A file that cannot be read counts as empty, with Nix too. */
static int push_file(struct reading *r, const char *path)
{
	cleanup_buffer struct buffer text;
	int rc;

	buffer_init(&text, 0);
	rc = nix_conf_read(path, NIX_CONF_FILE_MAX, &text);
	if (rc == -EFBIG)
		complain(r, path, "longer than 1 MiB");
	if (rc == -EFBIG || rc == -ENOMEM)
		return rc;
	return rc < 0 ? 0 : push(r, path, &text);
}

static int include(struct reading *r, const struct nix_conf_line *line)
{
	cleanup_free char *path = NULL;
	struct stat st;
	int rc;

	rc = nix_conf_path(r->frames[r->depth - 1].path, line->words, &path);
	if (rc < 0)
		return rc;
	/* A link that leads nowhere is there, with Nix too. */
	if (lstat(path, &st) == 0)
		return push_file(r, path);
	if (line->kind == NIX_CONF_INCLUDE_IF_THERE &&
	    (errno == ENOENT || errno == ENOTDIR))
		return 0;
	return complain_of_line(r, "the file that it includes is not there");
}

static int set_list(struct strings *list, const struct nix_conf_line *line)
{
	struct bytes rest = line->words, word;

	if (!line->is_extra)
		strings_clear(list);
	while (nix_conf_next_word(&rest, &word)) {
		int rc = strings_add(list, (const char *)word.data, word.len);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Words are put together with one space again, as Nix does; a path that is
 * not absolute is for Nix to complain of: 2.8 does not. */
static int set_netrc_file(struct reading *r, const struct nix_conf_line *line)
{
	struct bytes rest = line->words, word;
	cleanup_buffer struct buffer joined;
	const char *path;
	char *copy;

	buffer_init(&joined, NIX_CONF_PATH_MAX);
	while (nix_conf_next_word(&rest, &word)) {
		if (joined.len > 0)
			buffer_append_char(&joined, ' ');
		buffer_append_bytes(&joined, word);
	}
	path = buffer_text(&joined);
	if (!path)
		return buffer_end(&joined);
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	free(r->conf.netrc_file);
	r->conf.netrc_file = copy;
	return 0;
}

static int set(struct reading *r, const struct nix_conf_line *line)
{
	switch (line->name) {
	case NIX_CONF_SUBSTITUTERS:
		return set_list(&r->conf.substituters, line);
	case NIX_CONF_TRUSTED_SUBSTITUTERS:
		return set_list(&r->trusted, line);
	case NIX_CONF_PUBLIC_KEYS:
		return set_list(&r->conf.trusted_public_keys, line);
	case NIX_CONF_NETRC_FILE:
		return set_netrc_file(r, line);
	case NIX_CONF_OTHER:
		break;
	}
	return 0;
}

static int apply_line(struct reading *r, struct bytes text)
{
	struct nix_conf_line line = nix_conf_line_cut(text);

	switch (line.kind) {
	case NIX_CONF_EMPTY:
		break;
	case NIX_CONF_SETTING:
		return set(r, &line);
	case NIX_CONF_INCLUDE:
	case NIX_CONF_INCLUDE_IF_THERE:
		return include(r, &line);
	case NIX_CONF_WRONG:
		return complain_of_line(
			r, "not of the form NAME = VALUE; Nix refuses it too");
	}
	return 0;
}

/* Until the bottom of the pile: includes count where they stand. */
static int read_all(struct reading *r)
{
	while (r->depth > 0) {
		struct frame *top = &r->frames[r->depth - 1];
		struct bytes line;
		int rc;

		if (!nix_conf_next_line(&top->rest, &line)) {
			pop(r);
			continue;
		}
		top->line++;
		rc = apply_line(r, line);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_file(struct reading *r, const char *path)
{
	int rc = push_file(r, path);

	return rc < 0 ? rc : read_all(r);
}

static int read_environment(struct reading *r)
{
	const char *config = getenv("NIX_CONFIG");
	cleanup_buffer struct buffer text;
	int rc;

	buffer_init(&text, NIX_CONF_FILE_MAX);
	if (!config)
		return 0;
	buffer_append_text(&text, config);
	rc = buffer_end(&text);
	if (rc == 0)
		rc = push(r, "NIX_CONFIG", &text);
	return rc < 0 ? rc : read_all(r);
}

static int begin(struct reading *r)
{
	int rc;

	rc = strings_add(&r->conf.substituters, usual_substituter,
	                 strlen(usual_substituter));
	if (rc < 0)
		return rc;
	rc = strings_add(&r->conf.trusted_public_keys, usual_key,
	                 strlen(usual_key));
	if (rc < 0)
		return rc;
	if (asprintf(&r->conf.netrc_file, "%s/netrc", nix_conf_folder()) < 0) {
		r->conf.netrc_file = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int read_in_order(struct reading *r)
{
	cleanup_strings struct strings own = { .items = NULL };
	cleanup_free char *machine = NULL;
	int rc;

	rc = begin(r);
	if (rc < 0)
		return rc;
	rc = nix_conf_own_files(&own);
	if (rc < 0)
		return rc;
	if (asprintf(&machine, "%s/nix.conf", nix_conf_folder()) < 0) {
		machine = NULL;
		return -ENOMEM;
	}
	rc = read_file(r, machine);
	for (size_t i = 0; i < own.count && rc == 0; i++)
		rc = read_file(r, own.items[i]);
	if (rc == 0)
		rc = read_environment(r);
	if (rc == 0)
		rc = strings_add_all(&r->conf.substituters, &r->trusted);
	return rc;
}

int nix_conf_load(struct nix_conf *ret_conf, char why[NIX_CONF_WHY_MAX])
{
	struct reading r = { .why = why };
	int rc;

	why[0] = '\0';
	rc = read_in_order(&r);
	if (rc == 0) {
		*ret_conf = r.conf;
		r.conf = (struct nix_conf){ .netrc_file = NULL };
	} else if (r.why[0] == '\0') {
		(void)snprintf(why, NIX_CONF_WHY_MAX,
		               "the configuration of Nix: %s", strerror(-rc));
	}
	reading_clear(&r);
	return rc;
}

void nix_conf_clear(struct nix_conf *conf)
{
	strings_clear(&conf->trusted_public_keys);
	strings_clear(&conf->substituters);
	free(conf->netrc_file);
	conf->netrc_file = NULL;
}
