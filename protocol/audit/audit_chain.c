#include "protocol/audit/audit_chain.h"

#include "protocol/audit/audit_line.h"
#include "protocol/audit/audit_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Theory of Operation
 *
 * Three things are followed at once:
 *
 *   the chain   number and prev of each line.  After a break it goes on with
 *               the line as it stands, so that each break is told once.
 *   the vault   announced by "vault", certified by "unlocked", seals with one
 *               key after another, until "end" or "start" (what is signed then
 *               is by another one), or the next "vault".
 *   the run     of an agent: "start" to "end".
 *
 * A seal names a line some way back, so the digests of the last lines are kept
 * in a ring.  Where the chain has broken, or the log begins in the middle, the
 * key of the next seal cannot be known: it is believed, but the vault is then
 * in doubt, and what it seals does not count as vouched for.
 *
 * A vault's key and certificate could be copied behind lines that were cut
 * off, to give others an owner.  So the keys of the last vaults are kept too.
 */

#define SEEN_COUNT 16384 /* vaults; a power of two */
#define SEEN_TRIES 32

struct digest_at {
	uint64_t number;
	uint8_t digest[DIGEST_SHA256_LEN];
};

enum vault_state {
	VAULT_NONE,    /* none has been announced */
	VAULT_DOUBTED, /* there may be one: the next seal shows its key */
	VAULT_KNOWN,
};

struct vault {
	enum vault_state state;
	uint8_t first[KEY_PUBLIC_LEN];
	uint8_t next[KEY_PUBLIC_LEN];
	bool is_in_use;    /* no "end" or "start" since */
	bool is_wiped;     /* it can seal nothing more */
	bool is_certified; /* by one of the known keys */
	bool has_told;     /* that it is not */
	uint64_t sealed;   /* the last line that it has sealed */
};

struct run {
	bool has_begun;
	bool has_ended;
	uint64_t end; /* number of its "end" */
	int64_t pid;
	char boot[64];
};

struct audit_chain {
	const struct audit_premises *premises;
	struct digest *digest;
	bool has_number; /* one of the lines had one */
	bool is_record;  /* the last line */
	struct audit_summary summary;
	struct vault vault;
	struct run run;
	struct digest_at ring[AUDIT_CHAIN_REACH];
	uint8_t seen[SEEN_COUNT][KEY_PUBLIC_LEN];
};

int audit_chain_new(const struct audit_premises *premises,
                    struct audit_chain **ret_chain)
{
	struct audit_chain *chain = calloc(1, sizeof(*chain));

	if (!chain)
		return -ENOMEM;
	chain->premises = premises;
	chain->digest = digest_new_sha256();
	if (!chain->digest) {
		free(chain);
		return -ENOMEM;
	}
	*ret_chain = chain;
	return 0;
}

void audit_chain_free(struct audit_chain *chain)
{
	if (!chain)
		return;
	digest_free(chain->digest);
	free(chain);
}

static void find(struct audit_findings *findings, enum audit_verdict verdict,
                 uint64_t number, uint64_t other)
{
	for (size_t i = 0; i < findings->count; i++) {
		if (findings->items[i].verdict == verdict)
			return;
	}
	findings->items[findings->count++] = (struct audit_finding){
		.verdict = verdict,
		.number = number,
		.other = other,
	};
}

/* What follows cannot be told from what the vault would have done. */
static void doubt(struct audit_chain *chain)
{
	chain->vault.state = VAULT_DOUBTED;
	chain->vault.is_certified = false;
	chain->vault.has_told = true;
}

static void check_beginning(struct audit_chain *chain,
                            const struct audit_line *line,
                            struct audit_findings *findings)
{
	static const uint8_t zeroes[DIGEST_SHA256_LEN];
	bool is_first = line->sequence == 1;

	chain->summary.first = line->sequence;
	if (is_first ? memcmp(line->prev, zeroes, sizeof(zeroes)) != 0
	             : line->kind != AUDIT_CONTINUED) {
		find(findings, FOUND_BEGINNING, line->sequence, 0);
	} else if (!is_first) {
		find(findings, FOUND_BEGINS_LATER, line->sequence, 0);
	}
	if (is_first)
		return;
	doubt(chain);
	/* A seal may name the last line of the file before. */
	memcpy(chain->ring[(line->sequence - 1) % AUDIT_CHAIN_REACH].digest,
	       line->prev, sizeof(line->prev));
	chain->ring[(line->sequence - 1) % AUDIT_CHAIN_REACH].number =
		line->sequence - 1;
}

static void check_link(struct audit_chain *chain, const struct audit_line *line,
                       struct audit_findings *findings)
{
	uint64_t want = chain->summary.last + 1;

	if (chain->summary.count == 0) {
		check_beginning(chain, line, findings);
		return;
	}
	if (chain->has_number && line->sequence != want) {
		find(findings, FOUND_NUMBER, line->sequence, want);
	} else if (memcmp(line->prev, chain->summary.head, DIGEST_SHA256_LEN) !=
	           0) {
		find(findings, FOUND_PREV, line->sequence, 0);
	} else {
		return;
	}
	doubt(chain);
}

/* True if the key was there; it is now. */
static bool see(struct audit_chain *chain, const uint8_t key[KEY_PUBLIC_LEN])
{
	static const uint8_t zeroes[KEY_PUBLIC_LEN];
	size_t at = key[0] | (size_t)key[1] << 8;
	uint8_t *slot = NULL;

	for (size_t i = 0; i < SEEN_TRIES; i++) {
		slot = chain->seen[(at + i) % SEEN_COUNT];
		if (memcmp(slot, key, KEY_PUBLIC_LEN) == 0)
			return true;
		if (memcmp(slot, zeroes, KEY_PUBLIC_LEN) == 0)
			break;
	}
	memcpy(slot, key, KEY_PUBLIC_LEN);
	return false;
}

static void take_vault(struct audit_chain *chain, const struct audit_line *line,
                       struct audit_findings *findings)
{
	struct vault *vault = &chain->vault;

	if (see(chain, line->vault_key))
		find(findings, FOUND_VAULT_AGAIN, line->sequence, 0);
	*vault = (struct vault){ .state = VAULT_KNOWN, .is_in_use = true };
	memcpy(vault->first, line->vault_key, KEY_PUBLIC_LEN);
	memcpy(vault->next, line->vault_key, KEY_PUBLIC_LEN);
}

static bool is_known(const struct audit_chain *chain,
                     const struct public_key *key)
{
	for (size_t i = 0; i < chain->premises->key_count; i++) {
		const struct public_key *known = &chain->premises->keys[i];

		if (strcmp(known->name, key->name) == 0 &&
		    memcmp(known->key, key->key, KEY_PUBLIC_LEN) == 0)
			return true;
	}
	return false;
}

/* True if one of the keys that are known has made one of them. */
static bool check_certificates(const struct audit_chain *chain,
                               const struct audit_line *line,
                               struct audit_findings *findings)
{
	char text[AUDIT_TEXT_MAX];
	size_t len = audit_key_text(chain->vault.first, text);
	bool is_certified = false;

	for (size_t i = 0; i < line->certificate_count; i++) {
		struct signature signature;
		struct public_key key;

		if (audit_line_certificate(line, i, &key, &signature) < 0 ||
		    !signature_verify(&signature, &key,
		                      (struct bytes){ (const uint8_t *)text,
		                                      len })) {
			find(findings, FOUND_CERTIFICATE, line->sequence, 0);
		} else {
			is_certified |= is_known(chain, &key);
		}
	}
	return is_certified;
}

static void vouch(struct audit_chain *chain)
{
	if (chain->vault.is_certified &&
	    chain->vault.sealed > chain->summary.vouched)
		chain->summary.vouched = chain->vault.sealed;
}

static void take_unlocked(struct audit_chain *chain,
                          const struct audit_line *line,
                          struct audit_findings *findings)
{
	if (chain->vault.state != VAULT_KNOWN)
		return;
	chain->vault.is_certified |= check_certificates(chain, line, findings);
	vouch(chain);
}

static void take_sign(struct audit_chain *chain, const struct audit_line *line,
                      struct audit_findings *findings)
{
	struct vault *vault = &chain->vault;

	if (!line->call.is_allowed || chain->premises->key_count == 0 ||
	    vault->has_told || (vault->is_certified && vault->is_in_use))
		return;
	vault->has_told = true;
	find(findings, FOUND_NO_CERTIFICATE, line->sequence, 0);
}

static bool seal_holds(const struct audit_line_seal *seal,
                       const uint8_t digest[DIGEST_SHA256_LEN])
{
	struct signature signature = { .name = "" };
	struct public_key key = { .name = "" };
	char text[AUDIT_TEXT_MAX];
	size_t len = audit_seal_text(seal->sealed, digest, seal->next, text);

	memcpy(signature.bytes, seal->signature, sizeof(signature.bytes));
	memcpy(key.key, seal->key, sizeof(key.key));
	return signature_verify(&signature, &key,
	                        (struct bytes){ (const uint8_t *)text, len });
}

/* Of a line before a log that begins in the middle, nothing can be said. */
static bool is_out_of_sight(const struct audit_chain *chain, uint64_t number)
{
	return number + 1 < chain->summary.first;
}

static void take_seal(struct audit_chain *chain, const struct audit_line *line,
                      struct audit_findings *findings)
{
	const struct audit_line_seal *seal = &line->seal;
	const struct digest_at *at =
		&chain->ring[seal->sealed % AUDIT_CHAIN_REACH];
	struct vault *vault = &chain->vault;

	if (vault->state != VAULT_DOUBTED &&
	    (vault->state == VAULT_NONE ||
	     memcmp(seal->key, vault->next, KEY_PUBLIC_LEN) != 0)) {
		find(findings, FOUND_SEAL_KEY, line->sequence, 0);
		doubt(chain);
	}
	memcpy(vault->next, seal->next, KEY_PUBLIC_LEN);
	if (is_out_of_sight(chain, seal->sealed))
		return;
	if (seal->sealed >= line->sequence || at->number != seal->sealed ||
	    !seal_holds(seal, at->digest)) {
		find(findings, FOUND_SEAL, line->sequence, 0);
		return;
	}
	vault->sealed = seal->sealed;
	if (seal->sealed > chain->summary.sealed)
		chain->summary.sealed = seal->sealed;
	chain->summary.sealed_ms = line->time_ms;
	vouch(chain);
}

/* A run is over, and another one begins or none. */
static void close_run(struct audit_chain *chain, uint64_t number,
                      struct audit_findings *findings)
{
	struct run *run = &chain->run;

	if (!run->has_ended) {
		find(findings, FOUND_NO_END, number, chain->summary.last);
	} else if (chain->vault.state == VAULT_KNOWN &&
	           !chain->vault.is_wiped && chain->vault.sealed < run->end) {
		find(findings, FOUND_END_UNSEALED, run->end, 0);
	}
}

static void take_start(struct audit_chain *chain, const struct audit_line *line,
                       struct audit_findings *findings)
{
	const struct audit_line_start *start = &line->start;
	struct run *run = &chain->run;
	/* After SIGHUP an agent begins anew, and is the same. */
	bool is_same = run->has_begun && !run->has_ended &&
	               run->pid == start->pid &&
	               bytes_equal(bytes_of_text(run->boot), start->boot);

	if (chain->summary.count > 0 && !is_same)
		close_run(chain, line->sequence, findings);
	if (is_same) {
		chain->vault.is_in_use = false;
	} else {
		chain->vault = (struct vault){ .state = VAULT_NONE };
	}
	*run = (struct run){ .has_begun = true, .pid = start->pid };
	if (start->boot.len > 0 && start->boot.len < sizeof(run->boot))
		memcpy(run->boot, start->boot.data, start->boot.len);
}

static void take_event(struct audit_chain *chain, const struct audit_line *line,
                       struct audit_findings *findings)
{
	switch (line->kind) {
	case AUDIT_START:
		take_start(chain, line, findings);
		break;
	case AUDIT_VAULT:
		take_vault(chain, line, findings);
		break;
	case AUDIT_UNLOCKED:
		take_unlocked(chain, line, findings);
		break;
	case AUDIT_SIGN:
		take_sign(chain, line, findings);
		break;
	case AUDIT_SEAL:
		take_seal(chain, line, findings);
		break;
	case AUDIT_LOST:
		find(findings, FOUND_RECORDS_LOST, line->sequence,
		     (uint64_t)line->lost_count);
		break;
	case AUDIT_END:
		chain->run.has_ended = true;
		chain->run.end = line->sequence;
		chain->vault.is_in_use = false;
		return;
	case AUDIT_LOCKED:
		chain->vault.is_wiped = true;
		break;
	case AUDIT_CONTINUED:
	case AUDIT_FETCH_FAILED:
	case AUDIT_PRESIGN:
	case AUDIT_CALL:
	case AUDIT_UNKNOWN:
	case AUDIT_KIND_COUNT:
		break;
	}
	/* Only seals, and another file, may follow an end. */
	if (line->kind != AUDIT_SEAL && line->kind != AUDIT_CONTINUED)
		chain->run.has_ended = false;
}

/* The line stands; the next one must name it. */
static void append(struct audit_chain *chain, uint64_t number,
                   const uint8_t digest[DIGEST_SHA256_LEN])
{
	const struct audit_claim *claim = &chain->premises->claim;
	struct digest_at *at = &chain->ring[number % AUDIT_CHAIN_REACH];

	at->number = number;
	memcpy(at->digest, digest, DIGEST_SHA256_LEN);
	memcpy(chain->summary.head, digest, DIGEST_SHA256_LEN);
	if (chain->summary.first == 0)
		chain->summary.first = number;
	chain->summary.last = number;
	chain->summary.count++;
	if (claim->sequence == number &&
	    memcmp(claim->head, digest, DIGEST_SHA256_LEN) == 0)
		chain->summary.has_met_claim = true;
}

int audit_chain_take(struct audit_chain *chain, struct bytes text,
                     struct audit_findings *ret_findings)
{
	struct audit_findings findings = { .count = 0 };
	cleanup_audit_line struct audit_line line = { .tree = NULL };
	uint8_t digest[DIGEST_SHA256_LEN];
	uint64_t number;
	int rc = digest_update(chain->digest, text.data, text.len);

	if (rc == 0)
		rc = digest_final(chain->digest, digest);
	if (rc < 0)
		return rc;
	rc = audit_line_parse(text, &line);
	if (rc < 0 && rc != -EBADMSG)
		return rc;

	chain->is_record = rc == 0;
	if (rc == 0) {
		number = line.sequence;
		check_link(chain, &line, &findings);
		take_event(chain, &line, &findings);
		chain->has_number = true;
	} else {
		number = chain->summary.last + 1;
		find(&findings, FOUND_NOT_A_RECORD, number, 0);
		doubt(chain);
	}
	append(chain, number, digest);
	*ret_findings = findings;
	return 0;
}

void audit_chain_tear(const struct audit_chain *chain,
                      struct audit_findings *ret_findings)
{
	struct audit_findings findings = { .count = 0 };

	/* Otherwise it has been told already. */
	if (chain->is_record)
		find(&findings, FOUND_NOT_A_RECORD, chain->summary.last, 0);
	*ret_findings = findings;
}

void audit_chain_end(struct audit_chain *chain, enum audit_ending ending,
                     struct audit_findings *ret_findings)
{
	const struct audit_summary *summary = &chain->summary;
	uint64_t claimed = chain->premises->claim.sequence;
	struct audit_findings findings = { .count = 0 };

	if (ending == AUDIT_ENDING_CLOSED)
		close_run(chain, summary->last, &findings);
	if (claimed > 0 && !summary->has_met_claim)
		find(&findings, FOUND_HEAD, summary->last, claimed);
	*ret_findings = findings;
}

struct audit_summary audit_chain_summary(const struct audit_chain *chain)
{
	return chain->summary;
}
