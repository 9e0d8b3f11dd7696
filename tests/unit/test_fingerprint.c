#include "tests/lib/test.h"
#include "tests/unit/nix_samples.h"

#include "protocol/nix/fingerprint.h"
#include "protocol/nix/key.h"

#include <errno.h>
#include <string.h>

struct sample {
	struct nix_hash hash;
	struct bytes references[3];
	struct fingerprint fingerprint;
};

static void sample_init(struct sample *s)
{
	static const char hash[] = "sha256:" GAMMA_NAR;

	CHECK(nix_hash_parse(hash, sizeof(hash) - 1, &s->hash) == 0);
	s->references[0] = bytes_of_text(GAMMA);
	s->references[1] = bytes_of_text(ALPHA);
	s->references[2] = bytes_of_text(BETA);
	s->fingerprint = (struct fingerprint){
		.store_dir = "/nix/store",
		.base = bytes_of_text(GAMMA),
		.nar_hash = &s->hash,
		.nar_size = 272,
		.references = s->references,
		.reference_count = 3,
	};
}

/* What comes out, or the error. */
static int write_text(const struct sample *s, char out[1024])
{
	struct buffer buffer;
	int rc;

	buffer_wrap(&buffer, out, 1023);
	rc = fingerprint_write(&s->fingerprint, &buffer);
	out[buffer.len] = '\0';
	return rc;
}

static void a_signature_by_nix_holds_over_it(void)
{
	struct signature signature;
	struct public_key key;
	struct sample s;
	char text[1024];

	sample_init(&s);
	CHECK(write_text(&s, text) == 0);
	CHECK(strcmp(text, FINGERPRINT) == 0);
	CHECK(public_key_parse(KEY_1, sizeof(KEY_1) - 1, &key) == 0);
	CHECK(signature_parse(SIGNATURE_1, sizeof(SIGNATURE_1) - 1,
	                      &signature) == 0);
	CHECK(signature_verify(&signature, &key, bytes_of_text(text)));
}

static void without_references_it_ends_in_a_semicolon(void)
{
	struct sample s;
	char text[1024];

	sample_init(&s);
	s.fingerprint.references = NULL;
	s.fingerprint.reference_count = 0;
	s.fingerprint.nar_size = UINT64_MAX;
	s.fingerprint.store_dir = "/a";
	CHECK(write_text(&s, text) == 0);
	CHECK(strcmp(text, "1;/a/" GAMMA ";sha256:" GAMMA_NAR
	                   ";18446744073709551615;") == 0);
}

static void references_must_be_strictly_increasing(void)
{
	struct sample s;
	char text[1024];

	sample_init(&s);
	s.references[1] = bytes_of_text(BETA);
	s.references[2] = bytes_of_text(ALPHA);
	CHECK(write_text(&s, text) == -EINVAL);
	CHECK(text[0] == '\0');

	sample_init(&s);
	s.references[2] = s.references[1];
	CHECK(write_text(&s, text) == -EINVAL);

	/* By byte value: upper case before lower, the shorter first. */
	s.references[0] = bytes_of_text(ALPHA "-A");
	s.references[1] = bytes_of_text(ALPHA "-a");
	s.references[2] = bytes_of_text(ALPHA "-aa");
	CHECK(write_text(&s, text) == 0);
	s.references[0] = bytes_of_text(ALPHA "-aa");
	s.references[1] = bytes_of_text(ALPHA "-a");
	s.fingerprint.reference_count = 2;
	CHECK(write_text(&s, text) == -EINVAL);
}

static void a_field_out_of_its_grammar_is_refused(void)
{
	static const char *const bad_bases[] = {
		"",           (GAMMA ";"), (GAMMA ","),
		(GAMMA "/x"), "gamma",     ("/nix/store/" GAMMA),
	};
	static const char *const bad_dirs[] = { "", "/", "nix", "/nix/store/",
		                                "/nix;store" };
	struct sample s;
	char text[1024];

	for (size_t i = 0; i < sizeof(bad_bases) / sizeof(*bad_bases); i++) {
		sample_init(&s);
		s.fingerprint.base = bytes_of_text(bad_bases[i]);
		CHECK(write_text(&s, text) == -EINVAL);
		sample_init(&s);
		s.references[2] = bytes_of_text(bad_bases[i]);
		CHECK(write_text(&s, text) == -EINVAL);
	}
	for (size_t i = 0; i < sizeof(bad_dirs) / sizeof(*bad_dirs); i++) {
		sample_init(&s);
		s.fingerprint.store_dir = bad_dirs[i];
		CHECK(write_text(&s, text) == -EINVAL);
	}
	sample_init(&s);
	s.fingerprint.nar_size = 0;
	CHECK(write_text(&s, text) == -EINVAL);
}

static void a_buffer_that_is_too_small_is_reported(void)
{
	struct sample s;
	char text[sizeof(FINGERPRINT)];

	sample_init(&s);
	for (size_t size = 0; size < sizeof(FINGERPRINT); size++) {
		struct buffer buffer;

		buffer_wrap(&buffer, text, size);
		CHECK(fingerprint_write(&s.fingerprint, &buffer) ==
		      (size < sizeof(FINGERPRINT) - 1 ? -EMSGSIZE : 0));
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "a signature by Nix holds over it",
		  a_signature_by_nix_holds_over_it },
		{ "without references it ends in a semicolon",
		  without_references_it_ends_in_a_semicolon },
		{ "references must be strictly increasing",
		  references_must_be_strictly_increasing },
		{ "a field out of its grammar is refused",
		  a_field_out_of_its_grammar_is_refused },
		{ "a buffer that is too small is reported",
		  a_buffer_that_is_too_small_is_reported },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
