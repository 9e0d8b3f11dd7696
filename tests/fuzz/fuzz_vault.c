/* The vault without its process: a run of secrets up to the first " end", then
 * requests.  What it refuses leaves nothing behind. */
#include "tests/fuzz/fuzz.h"

#include "agent/vault/commit.h"
#include "agent/vault/memory.h"
#include "agent/vault/presign.h"
#include "agent/vault/sign.h"
#include "agent/vault/vault.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/cursor.h"

#define SLOTS 5

/* Two caches, one of them a folder with a key of its own. */
struct fixture {
	struct config config;
	struct config_cache caches[2];
	struct secret_slot slots[SLOTS];
	struct desk desk;
	struct audit_key audit_key;
	uint8_t *keyring;
};

static void fixture_init(struct fixture *f)
{
	static char dir[] = "/nix/store";
	static const enum secret_kind kinds[SLOTS] = {
		SECRET_SIGNING_KEY,       SECRET_ACCESS_KEY_ID,
		SECRET_SECRET_ACCESS_KEY, SECRET_SESSION_TOKEN,
		SECRET_SIGNING_KEY,
	};
	char why[200];

	*f = (struct fixture){ .config = { .cache_count = 2,
		                           .slot_count = SLOTS } };
	f->config.caches = f->caches;
	f->config.slots = f->slots;
	f->caches[0].store_dir = dir;
	f->caches[1].store_dir = dir;
	MUST(store_uri_parse("s3://bucket/nix?endpoint=s3.example.org",
	                     &f->caches[0].store, why, sizeof(why)) == 0);
	MUST(store_uri_parse("file:///srv/cache", &f->caches[1].store, why,
	                     sizeof(why)) == 0);
	for (size_t i = 0; i < SLOTS; i++)
		f->slots[i].kind = kinds[i];
	f->slots[SLOTS - 1].cache = 1;

	f->keyring =
		aligned_alloc(64, (keyring_size(&f->config) + 63) / 64 * 64);
	f->desk = (struct desk){
		.audit_key = &f->audit_key,
		.config = &f->config,
		.references = calloc(WIRE_REFERENCES_MAX, sizeof(struct bytes)),
		.fingerprint_size = 65536,
		.fingerprint = malloc(65536),
	};
	MUST(f->keyring && f->desk.references && f->desk.fingerprint);
	f->desk.keyring = keyring_init(f->keyring, &f->config);
}

static void fixture_clear(struct fixture *f)
{
	free(f->keyring);
	free(f->desk.references);
	free(f->desk.fingerprint);
}

/* Whatever is answered is one whole frame with the tag that was asked. */
static void check_answer(struct bytes out, const struct wire_frame *asked)
{
	struct wire_frame answer;

	MUST(wire_next(out, &answer) == 1);
	MUST(answer.size == out.len && answer.tag == asked->tag);
}

static void check_url(struct bytes out, const struct wire_frame *asked)
{
	struct wire_frame answer;
	struct bytes url;
	struct cursor c;

	check_answer(out, asked);
	MUST(wire_next(out, &answer) == 1 && answer.type == VAULT_URL);
	cursor_init(&c, answer.body);
	(void)cursor_get_u64(&c);
	url = cursor_get_bytes(&c, AGENT_URL_MAX);
	MUST(cursor_end(&c) == 0 && url.len > 0);
	for (size_t i = 0; i < url.len; i++)
		MUST(url.data[i] > ' ' && url.data[i] < 0x7f);
	MUST(memmem(url.data, url.len, "/bucket/nix", 11) ||
	     memmem(url.data, url.len, "/bucket?", 8));
}

static void ask(struct fixture *f, struct intake *intake,
                const struct wire_frame *frame)
{
	static uint8_t memory[VAULT_REPLY_MAX];
	struct vault_fault fault = { 0, NULL };
	enum vault_outcome outcome;
	struct buffer out;

	buffer_wrap(&out, memory, sizeof(memory));
	buffer_append_text(&out, "before");
	if (frame->type == VAULT_SIGN) {
		outcome = sign_answer(&f->desk, frame, &out, &fault);
	} else if (frame->type == VAULT_PRESIGN) {
		outcome = presign_answer(&f->desk, frame, &out, &fault);
	} else {
		outcome = commit_answer(&f->desk, intake, frame, &out, &fault);
	}
	MUST(buffer_end(&out) == 0 && memcmp(out.data, "before", 6) == 0);
	if (outcome != OUTCOME_DONE) {
		MUST(out.len == 6 && fault.detail && fault.slot < SLOTS);
		return;
	}
	if (frame->type == VAULT_PRESIGN) {
		check_url((struct bytes){ out.data + 6, out.len - 6 }, frame);
	} else {
		check_answer((struct bytes){ out.data + 6, out.len - 6 },
		             frame);
	}
}

static void ask_all(struct fixture *f, struct intake *intake, struct bytes left)
{
	const struct wire_frame commit = { .type = VAULT_COMMIT };
	struct wire_frame frame;

	if (!f->desk.keyring->is_loaded)
		ask(f, intake, &commit);
	while (wire_next(left, &frame) > 0) {
		ask(f, intake, &frame);
		left.data += frame.size;
		left.len -= frame.size;
	}
}

/* The input before its last line of secrets; all of it if there is none. */
static size_t secrets_len(const uint8_t *bytes, size_t len)
{
	const uint8_t *end = memmem(bytes, len, " end\n", 5);

	return end ? (size_t)(end - bytes) + 5 : len;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	size_t cut = len > 0 ? secrets_len(bytes, len) : 0;
	cleanup_free void *memory = calloc(1, cut + 1);
	struct intake intake;
	struct fixture f;

	MUST(memory);
	if (cut > VAULT_INTAKE_MAX)
		return 0;
	fixture_init(&f);
	intake_init(&intake, memory, cut);
	if (cut > 0)
		memcpy(memory, bytes, cut);
	intake.len = cut;
	ask_all(&f, &intake, (struct bytes){ bytes + cut, len - cut });
	fixture_clear(&f);
	return 0;
}
