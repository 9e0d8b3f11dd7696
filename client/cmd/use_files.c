#include "client/cmd/use_files.h"
#include "client/nixconf/netrc_edit.h"
#include "client/nixconf/nix_conf.h"
#include "client/nixconf/nix_conf_files.h"
#include "client/nixconf/replace_file.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"
#include "protocol/base/text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MODE_NIX_CONF 0644
#define MODE_NETRC    0600 /* it holds a password */

static int failed(const char *path, int rc)
{
	log_error("use: %s: %s", path, strerror(-rc));
	return EXIT_FAILED;
}

static int join(const char *folder, const char *name, char **ret_path)
{
	if (asprintf(ret_path, "%s/%s", folder, name) < 0) {
		*ret_path = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* In the machine's folder for root, and else in the caller's own. */
static int usual_path(const char *name, char **ret_path)
{
	cleanup_free char *own = NULL;
	int rc;

	if (geteuid() == 0)
		return join(nix_conf_folder(), name, ret_path);
	rc = nix_conf_own_folder(&own);
	return rc < 0 ? rc : join(own, name, ret_path);
}

static int find_nix_conf(const char *named, struct use_place *place)
{
	cleanup_strings struct strings own = { .items = NULL };
	cleanup_free char *machine = NULL;
	int rc;

	rc = named ? nix_conf_path("", bytes_of_text(named), &place->nix_conf)
	           : usual_path("nix.conf", &place->nix_conf);
	if (rc < 0)
		return rc;
	rc = nix_conf_own_files(&own);
	if (rc < 0)
		return rc;
	rc = join(nix_conf_folder(), "nix.conf", &machine);
	if (rc < 0)
		return rc;
	place->is_read = strcmp(machine, place->nix_conf) == 0;
	for (size_t i = 0; i < own.count; i++) {
		if (strcmp(own.items[i], place->nix_conf) == 0)
			place->is_read = true;
	}
	return 0;
}

/* The one that is in use already, unless that is the machine's and not the
 * caller's to write. */
static int find_netrc(const char *named, const struct nix_conf *conf,
                      struct use_place *place)
{
	cleanup_free char *usual = NULL;
	int rc;

	rc = join(nix_conf_folder(), "netrc", &usual);
	if (rc < 0)
		return rc;
	if (named) {
		rc = nix_conf_path("", bytes_of_text(named), &place->netrc);
	} else if (geteuid() != 0 && strcmp(conf->netrc_file, usual) == 0) {
		rc = usual_path("netrc", &place->netrc);
	} else {
		place->netrc = strdup(conf->netrc_file);
		rc = place->netrc ? 0 : -ENOMEM;
	}
	if (rc == 0)
		place->netrc_is_usual = strcmp(place->netrc, usual) == 0;
	return rc;
}

int use_place_find(const char *nix_conf, const char *netrc,
                   struct use_place *ret_place)
{
	char why[NIX_CONF_WHY_MAX];
	struct nix_conf conf;
	int rc;

	*ret_place = (struct use_place){ .nix_conf = NULL };
	rc = nix_conf_load(&conf, why);
	if (rc < 0) {
		log_error("use: %s", why);
		return EXIT_FAILED;
	}
	rc = find_nix_conf(nix_conf, ret_place);
	if (rc == 0)
		rc = find_netrc(netrc, &conf, ret_place);
	nix_conf_clear(&conf);
	return rc < 0 ? failed("the files of Nix", rc) : 0;
}

void use_place_clear(struct use_place *place)
{
	free(place->nix_conf);
	free(place->netrc);
}

static void put_nix_list(const char *setting, const struct strings *list)
{
	if (list->count == 0)
		return;
	(void)fprintf(stderr, "  nix.settings.%s = [", setting);
	for (size_t i = 0; i < list->count; i++)
		(void)fprintf(stderr, " \"%s\"", list->items[i]);
	(void)fprintf(stderr, " ];\n");
}

/* On NixOS, and with home-manager, the file is made from another. */
static int refuse_generated(const char *path,
                            const struct nix_conf_addition *addition)
{
	log_error("use: %s: is made by NixOS or home-manager; put this into "
	          "its configuration%s",
	          path, addition ? ":" : " yourself");
	if (!addition)
		return EXIT_FAILED;
	put_nix_list("extra-substituters", &addition->substituters);
	put_nix_list("extra-trusted-public-keys", &addition->public_keys);
	if (addition->netrc_file) {
		(void)fprintf(stderr, "  nix.settings.netrc-file = \"%s\";\n",
		              addition->netrc_file);
	}
	return EXIT_FAILED;
}

static bool is_in_store(const char *path)
{
	const char *store = getenv("NIX_STORE_DIR");
	size_t len;

	assert(path);
	store = store && *store ? store : "/nix/store";
	len = strlen(store);
	return strncmp(path, store, len) == 0 && path[len] == '/';
}

/* What somebody with more rights has to type; all of it is public. */
static void tell_command(const char *why,
                         const struct nix_conf_addition *addition)
{
	(void)fprintf(stderr, "%s\n  nixcache use --write", why);
	for (size_t i = 0; i < addition->substituters.count; i++) {
		(void)fprintf(stderr, " --url '%s'",
		              addition->substituters.items[i]);
	}
	for (size_t i = 0; i < addition->public_keys.count; i++) {
		(void)fprintf(stderr, " --public-key '%s'",
		              addition->public_keys.items[i]);
	}
	(void)fprintf(stderr, " %s\n", addition->label);
}

static int explain_save(const char *path, int rc,
                        const struct nix_conf_addition *addition)
{
	(void)failed(path, rc);
	if (rc == -EACCES || rc == -EPERM || rc == -EROFS)
		tell_command("who may write there can do it with:", addition);
	return EXIT_FAILED;
}

static int save(struct replace_file *file, struct bytes text, mode_t mode,
                bool *ret_changed)
{
	int rc;

	if (bytes_equal(buffer_bytes(&file->text), text))
		return 0;
	rc = replace_file_save(file, text, mode);
	if (rc == 0)
		*ret_changed = true;
	return rc;
}

int use_write_nix_conf(const struct use_place *place,
                       const struct nix_conf_addition *addition,
                       bool *ret_changed)
{
	cleanup_replace_file struct replace_file file = { .folder = -1 };
	cleanup_buffer struct buffer text;
	int rc;

	buffer_init(&text, 0);
	rc = replace_file_make_folder(place->nix_conf);
	if (rc == 0) {
		rc = replace_file_open(place->nix_conf, NIX_CONF_FILE_MAX,
		                       &file);
	}
	if (rc < 0)
		return explain_save(place->nix_conf, rc, addition);
	if (is_in_store(file.path))
		return refuse_generated(place->nix_conf, addition);
	rc = nix_conf_edit_add(buffer_bytes(&file.text), addition, &text);
	if (rc < 0)
		return failed(place->nix_conf, rc);
	rc = save(&file, buffer_bytes(&text), MODE_NIX_CONF, ret_changed);
	return rc < 0 ? explain_save(place->nix_conf, rc, addition) : 0;
}

int use_write_netrc(const struct use_place *place, const char *machine,
                    const char *password, bool *ret_changed)
{
	cleanup_replace_file struct replace_file file = { .folder = -1 };
	cleanup_buffer struct buffer text;
	int rc;

	buffer_init(&text, 0);
	rc = replace_file_make_folder(place->netrc);
	if (rc == 0)
		rc = replace_file_open(place->netrc, NETRC_FILE_MAX, &file);
	if (rc < 0)
		return failed(place->netrc, rc);
	rc = netrc_edit_add(buffer_bytes(&file.text), machine, password, &text);
	if (rc == NETRC_TAKEN) {
		log_error("use: %s: %s has an entry there already, which Nix "
		          "would take; remove it, or name another file with "
		          "--netrc",
		          place->netrc, machine);
		return EXIT_FAILED;
	}
	if (rc < 0)
		return failed(place->netrc, rc);
	if (file.exists && (file.st.st_mode & 077) != 0) {
		log_error("use: %s: others may read it; first: chmod 600 it",
		          place->netrc);
		return EXIT_FAILED;
	}
	rc = save(&file, buffer_bytes(&text), MODE_NETRC, ret_changed);
	return rc < 0 ? failed(place->netrc, rc) : 0;
}

static int remove_from_netrc(const struct use_place *place, bool *ret_changed)
{
	cleanup_replace_file struct replace_file file = { .folder = -1 };
	cleanup_buffer struct buffer text;
	int rc;

	buffer_init(&text, 0);
	rc = replace_file_open(place->netrc, NETRC_FILE_MAX, &file);
	if (rc == -ENOENT || (rc == 0 && !file.exists))
		return 0;
	if (rc == 0)
		rc = netrc_edit_remove(buffer_bytes(&file.text), NULL, &text);
	if (rc == 0)
		rc = save(&file, buffer_bytes(&text), MODE_NETRC, ret_changed);
	return rc < 0 ? failed(place->netrc, rc) : 0;
}

/* Whether lines of any label are left. */
static int has_more(struct bytes text, bool *ret_more)
{
	cleanup_buffer struct buffer none;
	int rc;

	buffer_init(&none, 0);
	rc = nix_conf_edit_remove(text, NULL, &none);
	if (rc == 0)
		*ret_more = !bytes_equal(buffer_bytes(&none), text);
	return rc;
}

static int remove_from_nix_conf(const struct use_place *place,
                                const char *label, bool *ret_more,
                                bool *ret_changed)
{
	cleanup_replace_file struct replace_file file = { .folder = -1 };
	cleanup_buffer struct buffer text;
	int rc;

	buffer_init(&text, 0);
	rc = replace_file_open(place->nix_conf, NIX_CONF_FILE_MAX, &file);
	if (rc == -ENOENT || (rc == 0 && !file.exists))
		return 0;
	if (rc == 0) {
		rc = nix_conf_edit_remove(buffer_bytes(&file.text), label,
		                          &text);
	}
	if (rc == 0)
		rc = has_more(buffer_bytes(&text), ret_more);
	if (rc < 0)
		return failed(place->nix_conf, rc);
	if (is_in_store(file.path))
		return refuse_generated(place->nix_conf, NULL);
	rc = save(&file, buffer_bytes(&text), MODE_NIX_CONF, ret_changed);
	return rc < 0 ? failed(place->nix_conf, rc) : 0;
}

/* One file after the other: both folders are often the same one, and the lock
 * on it would wait for itself. */
int use_remove(const struct use_place *place, const char *label,
               bool *ret_changed)
{
	bool more = false;
	int rc;

	rc = remove_from_nix_conf(place, label, &more, ret_changed);
	if (rc == 0 && !more)
		rc = remove_from_netrc(place, ret_changed);
	return rc;
}

static bool holds(const struct strings *list, const char *item)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->items[i], item) == 0)
			return true;
	}
	return false;
}

static bool holds_all(const struct strings *list, const struct strings *wanted)
{
	for (size_t i = 0; i < wanted->count; i++) {
		if (!holds(list, wanted->items[i]))
			return false;
	}
	return true;
}

/* Something that Nix reads later, such as NIX_CONFIG, may say otherwise. */
static void tell_hidden(const struct nix_conf_addition *addition)
{
	char why[NIX_CONF_WHY_MAX];
	struct nix_conf conf;

	if (nix_conf_load(&conf, why) < 0) {
		log_warn("use: %s", why);
		return;
	}
	if (!holds_all(&conf.substituters, &addition->substituters) ||
	    !holds_all(&conf.trusted_public_keys, &addition->public_keys)) {
		log_warn("use: it is not in effect: an included file, a file "
		         "that Nix reads later or NIX_CONFIG sets the "
		         "substituters or keys anew");
	}
	nix_conf_clear(&conf);
}

/* A store that the caller cannot write to is the daemon's. */
static bool has_daemon_store(void)
{
	const char *state = getenv("NIX_STATE_DIR");

	state = state && *state ? state : "/nix/var/nix";
	return access(state, F_OK) == 0 && access(state, W_OK) != 0;
}

void use_tell_rest(const struct use_place *place,
                   const struct nix_conf_addition *addition, bool changed)
{
	if (place->is_read)
		tell_hidden(addition);
	if (geteuid() == 0 && changed && place->is_read) {
		log_info("use: a Nix daemon that runs already heeds it once "
		         "it is restarted");
	} else if (geteuid() != 0 && has_daemon_store()) {
		tell_command("the Nix daemon heeds this only from users that "
		             "it trusts; for all users, as root:",
		             addition);
	}
}
