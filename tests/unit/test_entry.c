#include "tests/lib/test.h"
#include "tests/unit/nix_samples.h"

#include "client/catalog/entry.h"

#include <archive.h>
#include <archive_entry.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GAMMA_PART "iccjyqk6fpkd70vm3jh11n3fq25y1fy6"
#define NAR_KEY    "nar/" FILE_DIGITS ".nar.zst"

static const struct entry_question question = {
	.hash_part = GAMMA_PART,
	.base = GAMMA,
	.store_dir = "/nix/store",
};

static int read_as(const struct entry_question *asked, struct bytes text,
                   const char *encoding, struct narinfo *info)
{
	struct cache_result answer = { .type = CACHE_GET };
	char why[ENTRY_WHY_MAX] = "";
	int rc;

	buffer_init(&answer.response, 4 * NARINFO_SIZE_MAX);
	buffer_append_bytes(&answer.response, text);
	(void)snprintf(answer.encoding, sizeof(answer.encoding), "%s",
	               encoding);
	rc = entry_read(&answer, asked, info, why);
	CHECK((rc == 0) == (why[0] == '\0'));
	if (rc < 0 && !strstr(why, GAMMA_PART ".narinfo: "))
		FAIL(why);
	buffer_clear(&answer.response);
	return rc;
}

static int outcome(const char *text, const char *encoding)
{
	struct narinfo info;
	int rc = read_as(&question, bytes_of_text(text), encoding, &info);

	if (rc == 0)
		narinfo_clear(&info);
	return rc;
}

static void the_path_that_was_asked_for_is_read(void)
{
	struct narinfo info;

	CHECK(read_as(&question, bytes_of_text(FULL), "", &info) == 0);
	CHECK(strcmp(info.path.base, GAMMA) == 0 && info.path.nar_size == 272);
	narinfo_clear(&info);
}

static void its_name_need_not_be_known(void)
{
	const struct entry_question asked = { GAMMA_PART, NULL, "/nix/store" };
	const struct entry_question whole = { GAMMA, NULL, "/nix/store" };
	struct narinfo info;

	CHECK(read_as(&asked, bytes_of_text(FULL), "", &info) == 0);
	narinfo_clear(&info);
	CHECK(read_as(&whole, bytes_of_text(FULL), "", &info) == 0);
	narinfo_clear(&info);
}

static void another_path_is_not_what_was_asked_for(void)
{
	static const struct entry_question others[] = {
		{ GAMMA_PART, GAMMA_PART "-gamma", "/nix/store" },
		{ GAMMA_PART, GAMMA "x", "/nix/store" },
		{ GAMMA_PART, ALPHA, "/nix/store" },
		{ GAMMA_PART, GAMMA, "/gnu/store" },
	};
	struct narinfo info;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		CHECK(read_as(&others[i], bytes_of_text(FULL), "", &info) ==
		      -EBADMSG);
	}
	CHECK(outcome(HELLO, "") == -EBADMSG);
	CHECK(outcome(FULL "StorePath: /nix/store/" ALPHA "\n", "") ==
	      -EBADMSG);
}

#define HELLO_BASE "i9pmrzmpshapij2kin22pff6fc2adavx-hello.txt"

static void a_false_content_address_is_refused(void)
{
	static const struct entry_question asked = { GAMMA_PART, GAMMA,
		                                     "/nix/store" };
	static const struct entry_question hello = { HELLO_BASE, HELLO_BASE,
		                                     "/nix/store" };
	struct cache_result answer = { .type = CACHE_GET };
	char why[ENTRY_WHY_MAX];
	struct narinfo info;

	CHECK(read_as(&asked,
	              bytes_of_text(FULL "CA: fixed:r:sha256:" GAMMA_NAR "\n"),
	              "", &info) == -EBADMSG);
	/* of a kind that is not computed here */
	CHECK(outcome(FULL "CA: fixed:git:sha1:"
	                   "d7ddxmqq32zrlny8qi392p56sazdl9dy\n",
	              "") == 0);
	buffer_init(&answer.response, NARINFO_SIZE_MAX);
	buffer_append_text(&answer.response, HELLO);
	CHECK(entry_read(&answer, &hello, &info, why) == 0);
	narinfo_clear(&info);
	buffer_clear(&answer.response);
}

static void a_malformed_one_is_refused(void)
{
	CHECK(outcome("", "") == -EBADMSG);
	CHECK(outcome("<html>\n", "") == -EBADMSG);
	CHECK(outcome(FULL "\n", "") == -EBADMSG);
}

static void compress(const char *filter, struct bytes bytes, struct buffer *out)
{
	struct archive_entry *entry = archive_entry_new();
	struct archive *archive = archive_write_new();
	size_t room = bytes.len + 4096, used = 0;

	buffer_init(out, room);
	archive_entry_set_filetype(entry, AE_IFREG);
	if (archive_write_set_format_raw(archive) != ARCHIVE_OK ||
	    archive_write_add_filter_by_name(archive, filter) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(archive, 0) != ARCHIVE_OK ||
	    archive_write_open_memory(archive, buffer_reserve(out, room), room,
	                              &used) != ARCHIVE_OK ||
	    archive_write_header(archive, entry) != ARCHIVE_OK ||
	    archive_write_data(archive, bytes.data, bytes.len) < 0 ||
	    archive_write_close(archive) != ARCHIVE_OK)
		FAIL(archive_error_string(archive));
	out->len = used;
	(void)archive_write_free(archive);
	archive_entry_free(entry);
}

static void its_encoding_is_undone(void)
{
	static const char *const names[] = { "gzip", "zstd", "xz", "bzip2" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cleanup_buffer struct buffer packed;
		struct narinfo info;

		compress(names[i], bytes_of_text(FULL), &packed);
		CHECK(read_as(&question, buffer_bytes(&packed), names[i],
		              &info) == 0);
		narinfo_clear(&info);
		CHECK(read_as(&question, buffer_bytes(&packed), "", &info) ==
		      -EBADMSG);
		packed.len--;
		CHECK(read_as(&question, buffer_bytes(&packed), names[i],
		              &info) == -EBADMSG);
	}
	CHECK(outcome(FULL, "gzip") == -EBADMSG);
	CHECK(outcome(FULL, "\033[31mrar") == -EBADMSG);
}

static void a_small_answer_does_not_become_a_large_one(void)
{
	cleanup_buffer struct buffer packed;
	size_t len = 4 * NARINFO_SIZE_MAX;
	uint8_t *text = malloc(len);
	struct narinfo info;

	if (!text)
		abort();
	memset(text, 'x', len);
	compress("gzip", (struct bytes){ text, len }, &packed);
	CHECK(read_as(&question, buffer_bytes(&packed), "gzip", &info) ==
	      -EBADMSG);
	CHECK(read_as(&question, (struct bytes){ text, NARINFO_SIZE_MAX + 1 },
	              "", &info) == -EBADMSG);
	free(text);
}

static int nar_key_of(const char *url, char key[OBJECT_KEY_MAX + 1])
{
	char copy[OBJECT_KEY_MAX * 2];
	struct narinfo info = { .url = copy };

	(void)snprintf(copy, sizeof(copy), "%s", url);
	return entry_nar_key(&info, key);
}

static void a_nar_s_object_is_found(void)
{
	static const char *const urls[] = {
		NAR_KEY,
		"nar/" FILE_DIGITS ".nar",
		"nar/" FILE_DIGITS ".nar.xz",
		"nar/" FILE_DIGITS ".nar.br",
	};
	char key[OBJECT_KEY_MAX + 1];

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		key[0] = '\0';
		CHECK(nar_key_of(urls[i], key) == 0 &&
		      strcmp(key, urls[i]) == 0);
	}
}

static void an_url_that_leads_elsewhere_is_none(void)
{
	static const char *const urls[] = {
		"",
		"/" NAR_KEY,
		"//host/" NAR_KEY,
		"./" NAR_KEY,
		"../" NAR_KEY,
		"nar/../" NAR_KEY,
		"nar//" FILE_DIGITS ".nar.zst",
		"nar/./" FILE_DIGITS ".nar.zst",
		"http://127.0.0.1/" NAR_KEY,
		"file:///etc/passwd",
		"s3://bucket/" NAR_KEY,
		NAR_KEY "?x=y",
		NAR_KEY "#x",
		NAR_KEY "/",
		NAR_KEY " ",
		"nar%2f" FILE_DIGITS ".nar.zst",
		"nar/%2e%2e/" FILE_DIGITS ".nar.zst",
		"nix-cache-info",
		GAMMA_PART ".narinfo",
		GAMMA_PART ".ls",
		"log/" GAMMA ".drv",
		"nar/",
		"nar/x.nar.zst",
		"nar/" FILE_DIGITS ".nar.rar",
		"nar/" FILE_DIGITS,
		"NAR/" FILE_DIGITS ".nar.zst",
	};
	char key[OBJECT_KEY_MAX + 1] = "untouched";

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		if (nar_key_of(urls[i], key) != -EINVAL)
			FAIL(urls[i]);
	}
	CHECK(strcmp(key, "untouched") == 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "the path that was asked for is read",
		  the_path_that_was_asked_for_is_read },
		{ "its name need not be known", its_name_need_not_be_known },
		{ "another path is not what was asked for",
		  another_path_is_not_what_was_asked_for },
		{ "a false content address is refused",
		  a_false_content_address_is_refused },
		{ "a malformed one is refused", a_malformed_one_is_refused },
		{ "its encoding is undone", its_encoding_is_undone },
		{ "a small answer does not become a large one",
		  a_small_answer_does_not_become_a_large_one },
		{ "a NAR's object is found", a_nar_s_object_is_found },
		{ "an URL that leads elsewhere is none",
		  an_url_that_leads_elsewhere_is_none },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
