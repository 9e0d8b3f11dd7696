/* test_replace_file.c - a file is another one at once, and looks the same */
#include "client/nixconf/replace_file.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_text(const struct buffer *b, const char *want, size_t len)
{
	return b->len == len && (len == 0 || memcmp(b->data, want, len) == 0);
}

static void check_text(const char *what, const struct buffer *b,
                       const char *want)
{
	if (is_text(b, want, strlen(want)))
		return;
	printf("# %s: %.*s\n", what, (int)b->len, (const char *)b->data);
	FAIL("the text wanted");
}

static void put(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	CHECK(file && fputs(text, file) >= 0);
	CHECK(file && fclose(file) == 0);
	CHECK(chmod(path, mode) == 0);
}

static void replace(const char *path, const char *want, const char *text)
{
	cleanup_replace_file struct replace_file file;

	CHECK(replace_file_open(path, 64, &file) == 0);
	check_text(path, &file.text, want);
	CHECK(replace_file_save(&file, bytes_of_text(text), 0640) == 0);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mode : 0;
}

static void a_file_is_replaced_behind_its_links(void)
{
	char folder[] = "/tmp/nix_conf_edit.XXXXXX";
	struct replace_file file;
	struct stat st;

	CHECK(mkdtemp(folder) && chdir(folder) == 0);
	CHECK(replace_file_make_folder("a/b/c") == 0);
	put("a/b/c", "old", 0604);
	CHECK(symlink("a/b/c", "link") == 0);
	if (geteuid() == 0)
		CHECK(chown("a/b/c", 1, 2) == 0);
	replace("link", "old", "new");
	CHECK(S_ISLNK(mode_of("link")));
	CHECK(mode_of("a/b/c") == (S_IFREG | 0604));
	CHECK(stat("a/b/c", &st) == 0);
	CHECK(geteuid() != 0 || (st.st_uid == 1 && st.st_gid == 2));
	replace("link", "new", "");
	replace("fresh", "", "text");
	CHECK(mode_of("fresh") == (S_IFREG | 0640));

	CHECK(symlink("nowhere", "lost") == 0);
	CHECK(replace_file_open("lost", 64, &file) == -ENOLINK);
	replace_file_close(&file);
	CHECK(replace_file_open("a", 64, &file) == -EISDIR);
	replace_file_close(&file);
	CHECK(replace_file_open("no/such", 64, &file) == -ENOENT);
	replace_file_close(&file);
	CHECK(replace_file_open("fresh", 3, &file) == -EFBIG);
	replace_file_close(&file);
	CHECK(replace_file_open("fresh", 4, &file) == 0);
	replace_file_close(&file);

	CHECK(remove("a/b/c") == 0 && remove("a/b") == 0 && remove("a") == 0);
	CHECK(remove("link") == 0 && remove("lost") == 0);
	CHECK(remove("fresh") == 0);
	/* Nothing of ours was left beside it. */
	CHECK(chdir("/") == 0 && rmdir(folder) == 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a file is replaced behind its links",
		  a_file_is_replaced_behind_its_links },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
