/* test_nix_conf.c - the configuration of Nix is read as Nix reads it
 *
 * What is wanted in the tables is what `nix show-config` of 2.8 and 2.34 says
 * of the same files.
 */
#include "client/nixconf/nix_conf.h"
#include "client/nixconf/nix_conf_files.h"
#include "client/nixconf/nix_conf_line.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NIXOS "https://cache.nixos.org/"
#define NIXOS_KEY \
	"cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="

#define FOLDER_MAX 64

static char *folder(void)
{
	static char path[FOLDER_MAX] = "";

	return path;
}

static const char *place(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", folder(), name);
	return path;
}

static void put_bytes(const char *name, const char *text, size_t len)
{
	FILE *file = fopen(place(name), "w");

	CHECK(file && fwrite(text, 1, len, file) == len);
	CHECK(file && fclose(file) == 0);
}

static void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static void set_folder(const char *variable, const char *name)
{
	CHECK(setenv(variable, place(name), 1) == 0);
}

/* Three places for a nix.conf: the machine's, the caller's, a distributor's. */
static void stage(void)
{
	static const char *const folders[] = {
		"etc", "etc/sub", "own", "own/nix", "xdg", "xdg/nix",
	};

	(void)snprintf(folder(), FOLDER_MAX, "/tmp/nix_conf.XXXXXX");
	CHECK(mkdtemp(folder()));
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		CHECK(mkdir(place(folders[i]), 0755) == 0);
	set_folder("NIX_CONF_DIR", "etc");
	set_folder("XDG_CONFIG_HOME", "own");
	set_folder("XDG_CONFIG_DIRS", "xdg");
	CHECK(unsetenv("NIX_CONFIG_HOME") == 0);
	CHECK(unsetenv("NIX_USER_CONF_FILES") == 0);
	CHECK(unsetenv("NIX_CONFIG") == 0);
	put("etc/inc.conf", "extra-substituters = inc\n");
	put("etc/sub/s.conf",
	    "extra-substituters = sub\n!include ../inc.conf\n");
	put("etc/bad.conf", "what is this\n");
	CHECK(symlink("nowhere", place("etc/dangling")) == 0);
}

static void unstage(void)
{
	static const char *const files[] = {
		"etc/nix.conf",
		"etc/inc.conf",
		"etc/sub/s.conf",
		"etc/bad.conf",
		"etc/dangling",
		"etc/loop.conf",
		"etc/deep.conf",
		"own/nix/nix.conf",
		"xdg/nix/nix.conf",
		"etc/sub",
		"etc",
		"own/nix",
		"own",
		"xdg/nix",
		"xdg",
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)remove(place(files[i]));
	CHECK(rmdir(folder()) == 0);
}

static void join(const struct strings *list, char *out, size_t size)
{
	out[0] = '\0';
	for (size_t i = 0; i < list->count; i++) {
		(void)snprintf(out + strlen(out), size - strlen(out), "%s%s",
		               i ? " " : "", list->items[i]);
	}
}

/* want NULL: refused. */
static void check_loaded(const char *why_here, const char *want_substituters,
                         const char *want_keys)
{
	char why[NIX_CONF_WHY_MAX], text[4096];
	struct nix_conf conf;
	int rc = nix_conf_load(&conf, why);

	if ((rc == 0) != (want_substituters != NULL)) {
		printf("# %s: %d %s\n", why_here, rc, why);
		FAIL("accepted or refused as Nix does");
	}
	if (rc < 0) {
		CHECK(why[0] != '\0');
		return;
	}
	join(&conf.substituters, text, sizeof(text));
	if (want_substituters && strcmp(text, want_substituters) != 0) {
		printf("# %s: substituters %s\n", why_here, text);
		FAIL("the same substituters");
	}
	join(&conf.trusted_public_keys, text, sizeof(text));
	if (strcmp(text, want_keys ? want_keys : NIXOS_KEY) != 0) {
		printf("# %s: keys %s\n", why_here, text);
		FAIL("the same keys");
	}
	nix_conf_clear(&conf);
}

static const struct {
	const char *what;
	const char *text;
	const char *substituters; /* NULL: refused */
	const char *keys;         /* NULL: those of cache.nixos.org */
} rows[] = {
	{ "nothing", "", NIXOS, NULL },
	{ "both", "substituters = a b\ntrusted-public-keys = k:1\n", "a b",
	  "k:1" },
	{ "extra", "extra-substituters = a\nextra-trusted-public-keys = k:1",
	  NIXOS " a", NIXOS_KEY " k:1" },
	{ "CRLF", "extra-substituters = a\r\nsandbox = false\r\n", NIXOS " a",
	  NULL },
	{ "comments", "# x\nextra-substituters = a#b c\n #\n", NIXOS " a",
	  NULL },
	{ "empty lists", "substituters =\ntrusted-public-keys = \n", "", "" },
	{ "old names",
	  "binary-caches = a\nextra-binary-caches = b\n"
	  "binary-cache-public-keys = k:1\n",
	  "a b", "k:1" },
	{ "the last counts",
	  "extra-substituters = a\nsubstituters = b\n"
	  "extra-substituters = c\n",
	  "b c", NULL },
	{ "trusted ones", "trusted-substituters = t\nsubstituters = a\n", "a t",
	  NULL },
	{ "tabs", "\tsubstituters\t=\ta\t\tb\n", "a b", NULL },
	{ "no continued lines", "substituters = a \\\nextra-substituters = b\n",
	  "a \\ b", NULL },
	{ "no quotes", "substituters = \"a b\"\n", "\"a b\"", NULL },
	{ "an equals sign more", "substituters = = a\n", "= a", NULL },
	{ "a capital", "Substituters = a\n", NIXOS, NULL },
	{ "extra twice", "extra-extra-substituters = a\n", NIXOS, NULL },
	{ "extra alone", "extra- = a\n", NIXOS, NULL },
	{ "a form feed is no space", "substituters = a\fb\n", "a\fb", NULL },
	{ "no equals sign", "substituters a\n", NULL, NULL },
	{ "one word", "substituters\n", NULL, NULL },
	{ "no spaces", "substituters=a\n", NULL, NULL },
	{ "an include", "include inc.conf\n", NIXOS " inc", NULL },
	{ "an include of an include", "include sub/s.conf # x\n",
	  NIXOS " sub inc", NULL },
	{ "an include counts where it stands",
	  "include sub/s.conf\nsubstituters = a\ninclude inc.conf\n", "a inc",
	  NULL },
	{ "dots go by text", "include no/../inc.conf\n", NIXOS " inc", NULL },
	{ "a missing include", "include no.conf\n", NULL, NULL },
	{ "a missing !include", "!include no.conf\nsubstituters = a\n", "a",
	  NULL },
	{ "a file as folder", "!include inc.conf/x\n", NIXOS, NULL },
	{ "a folder", "include sub\n", NIXOS, NULL },
	{ "a link to nothing", "include dangling\n", NIXOS, NULL },
	{ "a bad include", "include bad.conf\n", NULL, NULL },
	{ "a bad !include", "!include bad.conf\n", NULL, NULL },
	{ "two files in one include", "include inc.conf inc.conf\n", NULL,
	  NULL },
	{ "an include of nothing", "include\n", NULL, NULL },
	{ "include is no setting", "include = inc.conf\n", NULL, NULL },
};

static void a_file_says_the_same_as_to_nix(void)
{
	stage();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put("etc/nix.conf", rows[i].text);
		check_loaded(rows[i].what, rows[i].substituters, rows[i].keys);
	}
	unstage();
}

static void files_count_in_nix_s_order(void)
{
	stage();
	check_loaded("no file at all", NIXOS, NULL);
	put("etc/nix.conf", "substituters = machine\n");
	put("own/nix/nix.conf", "extra-substituters = own\n");
	put("xdg/nix/nix.conf", "extra-substituters = xdg\n");
	check_loaded("three files", "machine xdg own", NULL);
	CHECK(setenv("NIX_CONFIG", "extra-substituters = env", 1) == 0);
	check_loaded("and the environment", "machine xdg own env", NULL);
	CHECK(setenv("NIX_CONFIG", "substituters = env\nnonsense", 1) == 0);
	check_loaded("nonsense there", NULL, NULL);
	CHECK(setenv("NIX_CONFIG", "", 1) == 0);
	CHECK(setenv("XDG_CONFIG_DIRS", "", 1) == 0);
	check_loaded("no distributor", "machine own", NULL);
	CHECK(setenv("NIX_USER_CONF_FILES", "", 1) == 0);
	check_loaded("no files of the caller's", "machine", NULL);
	set_folder("NIX_USER_CONF_FILES", "xdg/nix/nix.conf");
	check_loaded("one file of the caller's", "machine xdg", NULL);
	CHECK(unsetenv("NIX_USER_CONF_FILES") == 0);
	set_folder("NIX_CONFIG_HOME", "xdg/nix");
	check_loaded("a folder for Nix alone", "machine xdg", NULL);
	unstage();
}

static void the_home_is_asked_last(void)
{
	char *path = NULL;

	CHECK(unsetenv("NIX_CONFIG_HOME") == 0);
	CHECK(setenv("XDG_CONFIG_HOME", "", 1) == 0);
	CHECK(setenv("HOME", "/home/me", 1) == 0);
	CHECK(nix_conf_own_folder(&path) == 0);
	CHECK(strcmp(path, "/home/me/.config/nix") == 0);
	free(path);
}

static void loops_and_long_files_are_refused(void)
{
	char why[NIX_CONF_WHY_MAX];
	struct nix_conf conf;
	char *large = malloc(NIX_CONF_FILE_MAX + 1);

	stage();
	put("etc/nix.conf", "include loop.conf\n");
	put("etc/loop.conf", "include loop.conf\n");
	CHECK(nix_conf_load(&conf, why) == -ELOOP);
	CHECK(strstr(why, "loop.conf") != NULL);

	/* A wide one: each takes the next twice. */
	put("etc/loop.conf", "include sub/s.conf\n");
	put("etc/deep.conf", "");
	for (int i = 0; i < 9; i++) {
		FILE *file = fopen(place("etc/deep.conf"), "a");

		for (int j = 0; file && j < 32; j++)
			(void)fputs("include inc.conf\n", file);
		CHECK(file && fclose(file) == 0);
	}
	put("etc/nix.conf", "include deep.conf\n");
	CHECK(nix_conf_load(&conf, why) == -ELOOP);

	CHECK(large != NULL);
	if (large) {
		memset(large, '#', NIX_CONF_FILE_MAX + 1);
		put_bytes("etc/nix.conf", large, NIX_CONF_FILE_MAX);
		check_loaded("1 MiB", NIXOS, NULL);
		put_bytes("etc/nix.conf", large, NIX_CONF_FILE_MAX + 1);
		CHECK(nix_conf_load(&conf, why) == -EFBIG);
		CHECK(strstr(why, "nix.conf") != NULL);
	}
	free(large);
	unstage();
}

static void the_netrc_file_is_told(void)
{
	char why[NIX_CONF_WHY_MAX];
	struct nix_conf conf;

	stage();
	CHECK(nix_conf_load(&conf, why) == 0);
	CHECK(strcmp(conf.netrc_file, place("etc/netrc")) == 0);
	nix_conf_clear(&conf);
	put("etc/nix.conf", "netrc-file = /a   b\t\nextra-netrc-file = /c\n");
	CHECK(nix_conf_load(&conf, why) == 0);
	CHECK(strcmp(conf.netrc_file, "/a b") == 0);
	nix_conf_clear(&conf);
	unstage();
}

static void a_complaint_names_file_and_line(void)
{
	char why[NIX_CONF_WHY_MAX];
	struct nix_conf conf;

	stage();
	put("etc/nix.conf", "\n# x\ninclude bad.conf\n");
	CHECK(nix_conf_load(&conf, why) == -EINVAL);
	CHECK(strstr(why, "/etc/bad.conf: line 1: ") != NULL);
	put("etc/nix.conf", "\n# x\nbad\033[31m\n");
	CHECK(nix_conf_load(&conf, why) == -EINVAL);
	CHECK(strstr(why, "/etc/nix.conf: line 3: ") != NULL);
	CHECK(strchr(why, '\033') == NULL);
	unstage();
}

static void paths_lose_their_dots(void)
{
	static const struct {
		const char *base, *path, *want;
	} paths[] = {
		{ "/a/b", "c", "/a/c" },
		{ "/a/b", "/c", "/c" },
		{ "/a/b", "../c", "/c" },
		{ "/a/b", "../../../c", "/c" },
		{ "/b", "c/./d//e", "/c/d/e" },
		{ "/b", "..", "/" },
		{ "/b", "/", "/" },
		{ "/b", "c/../../..", "/" },
		{ "/x/../y/z", "c", "/y/c" },
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char *path = NULL;

		CHECK(nix_conf_path(paths[i].base, bytes_of_text(paths[i].path),
		                    &path) == 0);
		CHECK(path && strcmp(path, paths[i].want) == 0);
		free(path);
	}
}

static void every_cut_of_a_file_is_taken_or_refused(void)
{
	static const char text[] = "extra-substituters = a b # c\n"
				   "!include inc.conf\nnetrc-file = /x\n";

	stage();
	for (size_t len = 0; len < sizeof(text); len++) {
		char why[NIX_CONF_WHY_MAX];
		struct nix_conf conf;

		put_bytes("etc/nix.conf", text, len);
		if (nix_conf_load(&conf, why) == 0)
			nix_conf_clear(&conf);
	}
	put_bytes("etc/nix.conf", "substituters = a\0b c\n", 21);
	check_loaded("a NUL", "a c", NULL);
	unstage();
}

int main(void)
{
	static const struct test tests[] = {
		{ "a file says the same as to Nix",
		  a_file_says_the_same_as_to_nix },
		{ "files count in Nix's order", files_count_in_nix_s_order },
		{ "the home is asked last", the_home_is_asked_last },
		{ "loops and long files are refused",
		  loops_and_long_files_are_refused },
		{ "the netrc file is told", the_netrc_file_is_told },
		{ "a complaint names file and line",
		  a_complaint_names_file_and_line },
		{ "paths lose their dots", paths_lose_their_dots },
		{ "every cut of a file is taken or refused",
		  every_cut_of_a_file_is_taken_or_refused },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
