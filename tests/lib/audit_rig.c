#include "tests/lib/audit_rig.h"

#include "protocol/audit/audit_text.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/text.h"

#include <sodium.h>

#include <stdlib.h>
#include <string.h>

#define LOG_MAX   ((size_t)1 << 30)
#define LINE_SIZE 4096
#define HEX_LEN   64

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void key_of_seed(const uint8_t seed[32], uint8_t public[KEY_PUBLIC_LEN],
                        uint8_t secret[64])
{
	must(crypto_sign_seed_keypair(public, secret, seed) == 0);
}

void audit_rig_init(struct audit_rig *rig, const char *name)
{
	uint8_t seed[32];

	must(sodium_init() >= 0);
	memset(rig, 0, sizeof(*rig));
	buffer_init(&rig->log, LOG_MAX);
	(void)snprintf(rig->key.name, sizeof(rig->key.name), "%s", name);
	must(digest_sha256(bytes_of_text(name), seed) == 0);
	key_of_seed(seed, rig->key.key, rig->secret);
}

void audit_rig_clear(struct audit_rig *rig)
{
	buffer_clear(&rig->log);
}

void audit_rig_line(struct audit_rig *rig, const char *event,
                    const char *members)
{
	char prev[HEX_LEN + 1];
	size_t start = rig->log.len;

	rig->sequence++;
	text_hex(rig->head, sizeof(rig->head), prev);
	buffer_append_format(&rig->log,
	                     "{\"seq\":%llu,\"time\":\"2026-11-23T20:15:%02u."
	                     "%03uZ\",\"event\":\"%s\"%s%s,\"prev\":\"%s\"}",
	                     (unsigned long long)rig->sequence,
	                     (unsigned)(rig->sequence / 1000 % 60),
	                     (unsigned)(rig->sequence % 1000), event,
	                     members[0] ? "," : "", members, prev);
	must(buffer_end(&rig->log) == 0);
	must(digest_sha256((struct bytes){ rig->log.data + start,
	                                   rig->log.len - start },
	                   rig->head) == 0);
	buffer_append_char(&rig->log, '\n');
}

void audit_rig_start(struct audit_rig *rig, int pid)
{
	char members[LINE_SIZE];

	(void)snprintf(members, sizeof(members),
	               "\"version\":\"0.1.0\",\"pid\":%d,\"boot\":"
	               "\"5e0c4d8e-8d6c-4f1b-9d0d-3a1f4a6b7c8d\"",
	               pid);
	audit_rig_line(rig, "start", members);
}

void audit_rig_vault_again(struct audit_rig *rig)
{
	char hex[HEX_LEN + 1], members[LINE_SIZE];

	text_hex(rig->first, sizeof(rig->first), hex);
	(void)snprintf(members, sizeof(members), "\"key\":\"%s\"", hex);
	audit_rig_line(rig, "vault", members);
}

void audit_rig_vault(struct audit_rig *rig)
{
	uint8_t secret[64];
	char name[KEY_NAME_MAX + 64];

	(void)snprintf(name, sizeof(name), "vault %u of %s", ++rig->vaults,
	               rig->key.name);
	must(digest_sha256(bytes_of_text(name), rig->seed) == 0);
	key_of_seed(rig->seed, rig->first, secret);
	audit_rig_vault_again(rig);
}

void audit_rig_unlocked(struct audit_rig *rig)
{
	struct signature signature = { .name = "" };
	char key_text[KEY_PUBLIC_TEXT_SIZE], text[AUDIT_TEXT_MAX],
		signature_text[KEY_SIGNATURE_TEXT_SIZE], members[LINE_SIZE];
	size_t len = audit_key_text(rig->first, text);

	(void)snprintf(signature.name, sizeof(signature.name), "%s",
	               rig->key.name);
	must(crypto_sign_detached(signature.bytes, NULL, (const uint8_t *)text,
	                          len, rig->secret) == 0);
	signature_format(&signature, signature_text);
	public_key_format(&rig->key, key_text);
	(void)snprintf(members, sizeof(members),
	               "\"certificates\":[{\"key\":\"%s\",\"signature\":"
	               "\"%s\"}]",
	               key_text, signature_text);
	audit_rig_line(rig, "unlocked", members);
}

void audit_rig_sign(struct audit_rig *rig, const char *decision)
{
	char members[LINE_SIZE];

	(void)snprintf(
		members, sizeof(members),
		"\"uid\":1000,\"pid\":4242,\"start\":77,\"exe\":\"/usr/bin/"
		"nixcache\",\"scope\":\"owner\",\"cache\":\"main\",\"paths\":"
		"[{\"path\":\"/nix/store/0c5b8vw40dy178xlpddw65q9gf1h2186-a\","
		"\"narHash\":\"sha256:1b4sb93wp679q4zx9k1ignby1yna3z7c4c2ri3wp"
		"hylbc2dwsys0\",\"narSize\":196040}],\"decision\":\"%s\","
		"\"rule\":\"in-store\"",
		decision);
	audit_rig_line(rig, "sign", members);
}

static void step_seed(uint8_t seed[32])
{
	static const char text[] = "nixcache audit next";
	uint8_t next[32];

	must(crypto_auth_hmacsha256(next, (const uint8_t *)text,
	                            sizeof(text) - 1, seed) == 0);
	memcpy(seed, next, sizeof(next));
}

void audit_rig_seal(struct audit_rig *rig)
{
	uint8_t key[32], next[32], secret[64], next_secret[64];
	uint8_t signature[64];
	char key_hex[HEX_LEN + 1], next_hex[HEX_LEN + 1], text[AUDIT_TEXT_MAX],
		base64[TEXT_BASE64_SIZE(64)], members[LINE_SIZE];
	size_t len;

	key_of_seed(rig->seed, key, secret);
	step_seed(rig->seed);
	key_of_seed(rig->seed, next, next_secret);
	len = audit_seal_text(rig->sequence, rig->head, next, text);
	must(crypto_sign_detached(signature, NULL, (const uint8_t *)text, len,
	                          secret) == 0);
	text_hex(key, sizeof(key), key_hex);
	text_hex(next, sizeof(next), next_hex);
	text_base64(signature, sizeof(signature), base64);
	(void)snprintf(members, sizeof(members),
	               "\"sealed\":%llu,\"key\":\"%s\",\"next\":\"%s\","
	               "\"signature\":\"%s\"",
	               (unsigned long long)rig->sequence, key_hex, next_hex,
	               base64);
	audit_rig_line(rig, "seal", members);
}

void audit_rig_whole(struct audit_rig *rig)
{
	audit_rig_start(rig, 100);
	audit_rig_vault(rig);
	audit_rig_line(rig, "fetchFailed", "\"kind\":\"dismissed\"");
	audit_rig_seal(rig);
	audit_rig_unlocked(rig);
	audit_rig_sign(rig, "allowed");
	audit_rig_sign(rig, "denied");
	audit_rig_seal(rig);
	audit_rig_seal(rig);
	audit_rig_line(rig, "presign",
	               "\"uid\":1000,\"pid\":7,\"scope\":\"push\",\"cache\":"
	               "\"main\",\"objects\":[{\"operation\":\"PutObject\","
	               "\"key\":\"nar/x.nar.zst\",\"contentLength\":5,"
	               "\"expires\":300}],\"decision\":\"allowed\",\"rule\":"
	               "\"scope push\"");
	audit_rig_line(rig, "lock",
	               "\"uid\":1000,\"pid\":7,\"scope\":\"owner\","
	               "\"decision\":\"allowed\",\"rule\":\"scope owner\"");
	audit_rig_line(rig, "locked", "\"why\":\"asked\"");
	audit_rig_vault(rig);
	audit_rig_seal(rig);
	audit_rig_unlocked(rig);
	audit_rig_sign(rig, "allowed");
	audit_rig_seal(rig);
	audit_rig_line(rig, "end", "");
	audit_rig_seal(rig);
}

static size_t line_len(struct bytes rest)
{
	const uint8_t *newline = memchr(rest.data, '\n', rest.len);

	return newline ? (size_t)(newline - rest.data) : rest.len;
}

void audit_rig_recount(struct buffer *log)
{
	uint8_t head[DIGEST_SHA256_LEN] = { 0 };
	char hex[HEX_LEN + 1];
	size_t at = 0;

	while (at < log->len) {
		struct bytes line = { log->data + at, log->len - at };

		line.len = line_len(line);
		must(line.len > HEX_LEN + 2);
		text_hex(head, sizeof(head), hex);
		memcpy(log->data + at + line.len - HEX_LEN - 2, hex, HEX_LEN);
		must(digest_sha256(line, head) == 0);
		at += line.len + 1;
	}
}

static void count(struct audit_judged *judged,
                  const struct audit_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		enum audit_verdict verdict = findings->items[i].verdict;

		judged->by[verdict]++;
		judged->findings += audit_verdict_is_note(verdict) ? 0 : 1;
	}
}

struct audit_judged audit_rig_judge(struct bytes log,
                                    const struct audit_premises *premises,
                                    enum audit_ending ending)
{
	struct audit_judged judged = { .findings = 0 };
	struct audit_findings findings;
	cleanup_audit_chain struct audit_chain *chain = NULL;

	must(audit_chain_new(premises, &chain) == 0);
	while (log.len > 0) {
		struct bytes line = { log.data, line_len(log) };
		size_t step = line.len < log.len ? line.len + 1 : line.len;

		must(audit_chain_take(chain, line, &findings) == 0);
		count(&judged, &findings);
		if (step == line.len && ending == AUDIT_ENDING_CLOSED) {
			audit_chain_tear(chain, &findings);
			count(&judged, &findings);
		}
		log.data += step;
		log.len -= step;
	}
	audit_chain_end(chain, ending, &findings);
	count(&judged, &findings);
	judged.summary = audit_chain_summary(chain);
	return judged;
}
