#include "tests/lib/test.h"
#include "tests/unit/nix_samples.h"

#include "protocol/nix/fingerprint.h"
#include "protocol/nix/key.h"
#include "protocol/nix/narinfo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS "CA: fixed:r:sha256:" HELLO_NAR "\n"

/* The least that can be read. */
#define LEAST STORE_PATH URL NAR_HASH NAR_SIZE

static int parse(const char *text, struct narinfo *info)
{
	size_t line;

	return narinfo_parse(bytes_of_text(text), "/nix/store", info, &line);
}

/* What narinfo_format() makes of text, "" if it cannot be read. */
static void rewrite(const char *text, char out[1024])
{
	struct narinfo info;
	struct buffer buffer;

	out[0] = '\0';
	if (parse(text, &info) < 0)
		return;
	buffer_wrap(&buffer, out, 1023);
	CHECK(narinfo_format(&info, "/nix/store", &buffer) == 0);
	out[buffer.len] = '\0';
	narinfo_clear(&info);
}

static void check_rewrite(const char *text, const char *want)
{
	char out[1024];

	rewrite(text, out);
	if (strcmp(out, want) != 0)
		test_fail(__FILE__, __LINE__, text);
}

static void what_nix_writes_is_written_the_same(void)
{
	check_rewrite(FULL, FULL);
	check_rewrite(HELLO, HELLO);
}

static bool is(const char *got, const char *want)
{
	return got && strcmp(got, want) == 0;
}

static void every_field_is_read(void)
{
	struct narinfo info;

	CHECK(parse(FULL, &info) == 0);
	CHECK(is(info.path.base, GAMMA));
	CHECK(is(info.url, "nar/" FILE_DIGITS ".nar.zst"));
	CHECK(is(info.compression, "zstd"));
	CHECK(info.has_file_hash && info.file_size == 208);
	CHECK(info.path.nar_size == 272 && !info.path.is_ultimate);
	narinfo_clear(&info);
}

static void lists_are_read(void)
{
	const struct path_info *path;
	struct narinfo info;

	CHECK(parse(FULL, &info) == 0);
	path = &info.path;
	CHECK(is(path->deriver,
	         "zgqgbdxrpak9m17hsprnz98hbzmql7di-gamma+x.drv"));
	CHECK(path->references.count == 3 &&
	      is(path->references.items[2], BETA));
	CHECK(path->signatures.count == 2 &&
	      is(path->signatures.items[1], SIGNATURE_2));
	CHECK(!path->content_address);
	narinfo_clear(&info);
}

static void what_is_not_there_is_empty(void)
{
	struct narinfo info;

	CHECK(parse(HELLO, &info) == 0);
	CHECK(info.path.references.count == 0 && is(info.path.deriver, ""));
	CHECK(is(info.path.content_address, "fixed:r:sha256:" HELLO_NAR));
	narinfo_clear(&info);
	CHECK(!info.url && info.path.references.count == 0);
}

static bool verify(const struct narinfo *info, size_t which, const char *key)
{
	const char *text = info->path.signatures.items[which];
	const struct path_info *path = &info->path;
	struct fingerprint fingerprint;
	struct signature signature;
	struct bytes references[3];
	struct public_key parsed;
	struct buffer buffer;
	char memory[1024];

	for (size_t i = 0; i < path->references.count; i++)
		references[i] = bytes_of_text(path->references.items[i]);
	fingerprint = (struct fingerprint){
		.store_dir = "/nix/store",
		.base = bytes_of_text(path->base),
		.nar_hash = &path->nar_hash,
		.nar_size = path->nar_size,
		.references = references,
		.reference_count = path->references.count,
	};
	buffer_wrap(&buffer, memory, sizeof(memory));
	CHECK(fingerprint_write(&fingerprint, &buffer) == 0);
	CHECK(signature_parse(text, strlen(text), &signature) == 0);
	CHECK(public_key_parse(key, strlen(key), &parsed) == 0);
	return signature_verify(&signature, &parsed, buffer_bytes(&buffer));
}

static void the_signatures_of_nix_hold(void)
{
	struct narinfo info;

	CHECK(parse(FULL, &info) == 0);
	CHECK(verify(&info, 0, KEY_1) && verify(&info, 1, KEY_2));
	CHECK(!verify(&info, 0, KEY_2) && !verify(&info, 1, KEY_1));
	info.path.nar_size++;
	CHECK(!verify(&info, 0, KEY_1));
	narinfo_clear(&info);
}

static void what_some_writer_does_is_understood(void)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		/* nothing but what is needed; no compression is bzip2 */
		{ LEAST, STORE_PATH URL "Compression: bzip2\n" NAR_HASH NAR_SIZE
		                        "References: \n" },
		{ LEAST "Compression: \n", STORE_PATH URL
		  "Compression: bzip2\n" NAR_HASH NAR_SIZE "References: \n" },
		/* any order, and unknown keys */
		{ "X-New: 1\n" SIG_2 DERIVER REFERENCES NAR_SIZE
		  "Y:z\n" NAR_HASH FILE_SIZE FILE_HASH SIG_1 COMPRESSION URL
		          STORE_PATH,
		  FULL },
		/* references in any order and spacing */
		{ HEAD "References: " BETA "  " ALPHA " " GAMMA
		       " \n" DERIVER SIG_1 SIG_2,
		  FULL },
		{ HEAD "References: " BETA " " ALPHA " " GAMMA " " BETA
		       "\n" DERIVER SIG_1 SIG_2,
		  FULL },
		{ HEAD "Deriver: unknown-deriver\n", HEAD "References: \n" },
		{ HEAD "CA: \n", HEAD "References: \n" },
		/* the last one counts */
		{ "StorePath: /nix/store/" ALPHA "\n"
		  "NarSize: 1\nURL: x\nCompression: xz\n" FULL DERIVER SIG_1,
		  FULL },
		/* another form of a hash */
		{ STORE_PATH URL COMPRESSION FILE_HASH FILE_SIZE
		  "NarHash: sha256:"
		  "ffad717a5e715e5bed20f74acb5231f9"
		  "043e00f986578aac10801756fef9bdbe\n" NAR_SIZE,
		  HEAD "References: \n" },
		/* a size without a hash says nothing */
		{ STORE_PATH URL COMPRESSION FILE_SIZE NAR_HASH NAR_SIZE,
		  STORE_PATH URL COMPRESSION NAR_HASH NAR_SIZE
		  "References: \n" },
		{ STORE_PATH URL COMPRESSION FILE_HASH NAR_HASH NAR_SIZE,
		  STORE_PATH URL COMPRESSION FILE_HASH NAR_HASH NAR_SIZE
		  "References: \n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_rewrite(cases[i].text, cases[i].want);
}

static const struct {
	const char *text;
	size_t line;
} refused[] = {
	{ "", 1 },
	{ "\n", 1 },
	{ "hello\n", 1 },
	/* lines */
	{ FULL "\n", 12 },
	{ STORE_PATH "\n" URL NAR_HASH NAR_SIZE, 2 },
	{ "\n" LEAST, 1 },
	{ LEAST "Deriver", 5 },
	{ LEAST "X: y", 5 },
	{ LEAST "X:\n", 5 },
	{ LEAST "References:\n" COMPRESSION, 5 },
	{ LEAST "Sig:\n", 5 },
	{ STORE_PATH URL "NarHash:\n" NAR_SIZE, 3 },
	{ STORE_PATH URL "NarSize:272\n" NAR_HASH, 3 },
	{ STORE_PATH URL "NarSize:\t272\n" NAR_HASH, 3 },
	{ LEAST "Compression: xz\r\n", 5 },
	{ LEAST "X: y\r\n", 5 },
	{ LEAST "\r\n", 5 },
	/* what must be there */
	{ URL NAR_HASH NAR_SIZE, 3 },
	{ STORE_PATH NAR_HASH NAR_SIZE, 3 },
	{ STORE_PATH URL NAR_SIZE, 3 },
	{ STORE_PATH URL NAR_HASH, 3 },
	{ STORE_PATH URL NAR_HASH "NarSize: 0\n", 4 },
	{ " " LEAST, 4 },
	{ "storepath: /nix/store/" GAMMA "\n" URL NAR_HASH NAR_SIZE, 4 },
	/* what must not be there twice */
	{ LEAST REFERENCES REFERENCES, 6 },
	{ LEAST "References: \n" REFERENCES, 6 },
	{ LEAST REFERENCES "References: \n", 6 },
	{ LEAST ADDRESS ADDRESS, 6 },
	/* values */
	{ LEAST "StorePath: " GAMMA "\n", 5 },
	{ LEAST "StorePath: /gnu/store/" GAMMA "\n", 5 },
	{ LEAST "StorePath: /nix/store/" GAMMA "/bin\n", 5 },
	{ LEAST "StorePath: /nix/store/" GAMMA " \n", 5 },
	{ LEAST "StorePath:  /nix/store/" GAMMA "\n", 5 },
	{ LEAST "StorePath: /nix/store/x\n", 5 },
	{ LEAST "StorePath: \n", 5 },
	{ LEAST "URL: \n", 5 },
	{ LEAST "URL: nar/a b\n", 5 },
	{ LEAST "URL: nar/a\tb\n", 5 },
	{ LEAST "URL: nar/a\033b\n", 5 },
	{ LEAST "URL: nar/a\x7f\n", 5 },
	{ LEAST "URL: nar/\xc2\x9b\n", 5 },
	{ LEAST "Compression: rar\n", 5 },
	{ LEAST "Compression: ZSTD\n", 5 },
	{ LEAST "Compression:  zstd\n", 5 },
	{ LEAST "FileHash: \n", 5 },
	{ LEAST "FileHash: " FILE_DIGITS "\n", 5 },
	{ LEAST "FileHash: sha256:" FILE_DIGITS "0\n", 5 },
	{ LEAST "FileSize: \n", 5 },
	{ LEAST "FileSize: -1\n", 5 },
	{ LEAST "FileSize: +1\n", 5 },
	{ LEAST "FileSize: 0x10\n", 5 },
	{ LEAST "FileSize: 18446744073709551616\n", 5 },
	{ LEAST "FileSize: 000000000000000000001\n", 5 },
	{ LEAST "NarHash: md5:d41d8cd98f00b204e9800998ecf8427e\n", 5 },
	{ LEAST "NarSize: 272 \n", 5 },
	{ LEAST "NarSize: 0\n", 5 },
	{ LEAST "References: " ALPHA "," BETA "\n", 5 },
	{ LEAST "References: /nix/store/" ALPHA "\n", 5 },
	{ LEAST "References: " ALPHA "\t" BETA "\n", 5 },
	{ LEAST "References: " ALPHA "-.\x01\n", 5 },
	{ LEAST "Deriver: \n", 5 },
	{ LEAST "Deriver: x.drv\n", 5 },
	{ LEAST "Deriver: /nix/store/" ALPHA ".drv\n", 5 },
	{ LEAST "CA: x\n", 5 },
	{ LEAST "CA: fixed:\n", 5 },
	{ LEAST "CA: fixed:r:sha256:a b\n", 5 },
	{ LEAST "CA: fixed:r:\n", 5 },
	{ LEAST "CA: fixed:r:sha256:\n", 5 },
	{ LEAST "CA: fixed:r:sha256:" HELLO_NAR "0\n", 5 },
	{ LEAST "CA: fixed:r:sha256:" HELLO_NAR " \n", 5 },
	{ LEAST "CA: fixed:r:md5:" HELLO_NAR "\n", 5 },
	{ LEAST "CA: fixed:x:sha256:" HELLO_NAR "\n", 5 },
	{ LEAST "CA: text:r:sha256:" HELLO_NAR "\n", 5 },
	{ LEAST "CA: text:sha1:d7ddxmqq32zrlny8qi392p56sazdl9dy\n", 5 },
};

static void what_no_reader_takes_is_refused(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct narinfo info;
		size_t line = 0;
		int rc = narinfo_parse(bytes_of_text(refused[i].text),
		                       "/nix/store", &info, &line);

		if (rc != -EBADMSG || line != refused[i].line)
			test_fail(__FILE__, __LINE__, refused[i].text);
		if (rc == 0)
			narinfo_clear(&info);
	}
}

static void malformed_signatures_are_dropped(void)
{
	check_rewrite(HEAD REFERENCES DERIVER SIG_2
	              "Sig: \nSig: x\nSig: a:b\n"
	              "Sig: a:b:c\nSig: :\n" SIG_1 "Sig: other-key-2:"
	              "SezOEA5sjPU4tjY0RyJRCXgsUXBj5nCVc85KO1I33R7cqPw\n"
	              "Sig: k k:SezOEA5sjPU4tjY0RyJRCXgsUXBj5nCVc85KO1I"
	              "33R7cqPwsfGFE7auctoABJXuMeXmrqYkpnsWDobj1tkahDg==\n",
	              FULL);
}

static void every_truncation_is_refused_or_a_whole_line_shorter(void)
{
	for (size_t len = 0; len < sizeof(FULL) - 1; len++) {
		struct bytes text = { (const uint8_t *)FULL, len };
		bool is_whole = len >= sizeof(HEAD) - 1 &&
		                FULL[len - 1] == '\n';
		struct narinfo info;
		size_t line = 0;
		int rc = narinfo_parse(text, "/nix/store", &info, &line);

		CHECK(rc == (is_whole ? 0 : -EBADMSG));
		CHECK(rc == 0 || line > 0);
		if (rc == 0)
			narinfo_clear(&info);
	}
}

static void a_nul_anywhere_is_refused(void)
{
	char text[sizeof(FULL)];

	for (size_t i = 0; i < sizeof(FULL) - 1; i++) {
		struct narinfo info;
		size_t line;

		memcpy(text, FULL, sizeof(FULL));
		text[i] = '\0';
		CHECK(narinfo_parse((struct bytes){ (uint8_t *)text,
		                                    sizeof(FULL) - 1 },
		                    "/nix/store", &info, &line) == -EBADMSG);
	}
}

static void a_text_has_at_most_its_maximum(void)
{
	char *text = malloc(NARINFO_SIZE_MAX + 1);
	size_t len = sizeof(FULL "X: ") - 1;
	struct narinfo info;
	size_t line;

	CHECK(text != NULL);
	if (!text)
		return;
	memset(text, 'x', NARINFO_SIZE_MAX + 1);
	memcpy(text, FULL "X: ", len);
	text[NARINFO_SIZE_MAX - 1] = '\n';
	CHECK(narinfo_parse((struct bytes){ (uint8_t *)text, NARINFO_SIZE_MAX },
	                    "/nix/store", &info, &line) == 0);
	narinfo_clear(&info);
	text[NARINFO_SIZE_MAX - 1] = 'x';
	text[NARINFO_SIZE_MAX] = '\n';
	CHECK(narinfo_parse((struct bytes){ (uint8_t *)text,
	                                    NARINFO_SIZE_MAX + 1 },
	                    "/nix/store", &info, &line) == -EBADMSG);
	free(text);
}

static void a_failure_leaves_the_results_alone(void)
{
	struct narinfo info = { .file_size = 77 };
	size_t line = 99;

	CHECK(narinfo_parse(bytes_of_text("x\n"), "/nix/store", &info, &line) ==
	      -EBADMSG);
	CHECK(info.file_size == 77 && !info.url && line == 1);
	line = 99;
	CHECK(narinfo_parse(bytes_of_text(FULL), "/nix/store", &info, &line) ==
	      0);
	CHECK(line == 99);
	narinfo_clear(&info);
}

/* Formats info into a buffer of that size; the result of narinfo_format. */
static int format(const struct narinfo *info, size_t size)
{
	char memory[1024];
	struct buffer buffer;

	buffer_wrap(&buffer, memory, size);
	return narinfo_format(info, "/nix/store", &buffer);
}

static void what_could_not_be_read_is_not_written(void)
{
	char *swapped[2];
	struct narinfo info, bad[9];

	CHECK(parse(FULL, &info) == 0);
	CHECK(format(&info, sizeof(FULL) - 1) == 0);
	CHECK(format(&info, sizeof(FULL) - 2) == -EMSGSIZE);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		bad[i] = info;
	bad[0].url = (char[]){ "nar/x\nSig: y" };
	bad[1].url = NULL;
	bad[2].compression = (char[]){ "" };
	bad[3].compression = NULL;
	bad[4].path.content_address = (char[]){ "text:x\nURL: y" };
	bad[5].path.nar_size = 0;
	bad[6].path.deriver[3] = '\0';
	bad[7].path.base[0] = '\0';
	swapped[0] = info.path.references.items[1];
	swapped[1] = info.path.references.items[0];
	bad[8].path.references.items = swapped;
	bad[8].path.references.count = 2;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(format(&bad[i], 1024) == -EINVAL);
	narinfo_clear(&info);
}

static void signatures_are_sorted_and_junk_is_not_passed_on(void)
{
	struct narinfo info, junk;
	struct buffer buffer;
	char *items[5];

	CHECK(parse(FULL, &info) == 0);
	items[0] = info.path.signatures.items[1];
	items[1] = (char[]){ "junk" };
	items[2] = info.path.signatures.items[0];
	items[3] = (char[]){ "a:b\nURL: c" };
	items[4] = items[2];
	junk = info;
	junk.path.signatures.items = items;
	junk.path.signatures.count = 5;

	buffer_init(&buffer, NARINFO_SIZE_MAX);
	CHECK(narinfo_format(&junk, "/nix/store", &buffer) == 0);
	CHECK(bytes_equal(buffer_bytes(&buffer), bytes_of_text(FULL)));
	buffer_clear(&buffer);
	narinfo_clear(&info);
}

static void a_store_directory_of_ones_own_works(void)
{
	static const char text[] = "StorePath: /opt/s/" GAMMA
				   "\n" URL COMPRESSION NAR_HASH NAR_SIZE
				   "References: \n";
	struct narinfo info;
	struct buffer buffer;
	char out[1024];
	size_t line;

	CHECK(parse(text, &info) == -EBADMSG);
	CHECK(narinfo_parse(bytes_of_text(text), "/opt/s", &info, &line) == 0);
	buffer_wrap(&buffer, out, sizeof(out));
	CHECK(narinfo_format(&info, "/opt/s", &buffer) == 0);
	CHECK(bytes_equal(buffer_bytes(&buffer), bytes_of_text(text)));
	CHECK(narinfo_format(&info, "/opt/s/", &buffer) == -EINVAL);
	narinfo_clear(&info);
}

int main(void)
{
	static const struct test tests[] = {
		{ "what Nix writes is written the same",
		  what_nix_writes_is_written_the_same },
		{ "every field is read", every_field_is_read },
		{ "lists are read", lists_are_read },
		{ "what is not there is empty", what_is_not_there_is_empty },
		{ "the signatures of Nix hold", the_signatures_of_nix_hold },
		{ "what some writer does is understood",
		  what_some_writer_does_is_understood },
		{ "what no reader takes is refused",
		  what_no_reader_takes_is_refused },
		{ "malformed signatures are dropped",
		  malformed_signatures_are_dropped },
		{ "every truncation is refused or a whole line shorter",
		  every_truncation_is_refused_or_a_whole_line_shorter },
		{ "a NUL anywhere is refused", a_nul_anywhere_is_refused },
		{ "a text has at most its maximum",
		  a_text_has_at_most_its_maximum },
		{ "a failure leaves the results alone",
		  a_failure_leaves_the_results_alone },
		{ "what could not be read is not written",
		  what_could_not_be_read_is_not_written },
		{ "signatures are sorted and junk is not passed on",
		  signatures_are_sorted_and_junk_is_not_passed_on },
		{ "a store directory of one's own works",
		  a_store_directory_of_ones_own_works },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
