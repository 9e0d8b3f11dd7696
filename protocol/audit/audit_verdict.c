#include "protocol/audit/audit_verdict.h"

#include <stdio.h>

static const char *const names[] = {
	[FOUND_NOT_A_RECORD] = "record",
	[FOUND_NUMBER] = "number",
	[FOUND_PREV] = "prev",
	[FOUND_SEAL] = "seal",
	[FOUND_SEAL_KEY] = "seal-key",
	[FOUND_VAULT_AGAIN] = "vault-again",
	[FOUND_CERTIFICATE] = "certificate",
	[FOUND_NO_CERTIFICATE] = "no-certificate",
	[FOUND_BEGINNING] = "beginning",
	[FOUND_NO_END] = "no-end",
	[FOUND_END_UNSEALED] = "end-unsealed",
	[FOUND_HEAD] = "head",
	[FOUND_BEGINS_LATER] = "begins-later",
	[FOUND_RECORDS_LOST] = "lost",
};

_Static_assert(sizeof(names) / sizeof(names[0]) == FOUND_COUNT,
               "a name for each verdict");

bool audit_verdict_is_note(enum audit_verdict verdict)
{
	return verdict == FOUND_BEGINS_LATER || verdict == FOUND_RECORDS_LOST;
}

const char *audit_verdict_name(enum audit_verdict verdict)
{
	return names[verdict];
}

static const char *sentence(enum audit_verdict verdict)
{
	switch (verdict) {
	case FOUND_NOT_A_RECORD:
		return "not a record: it was changed, or cut off while the "
		       "agent wrote it";
	case FOUND_PREV:
		return "does not fit the line before: one of the two was "
		       "changed, dropped or moved";
	case FOUND_SEAL:
		return "this seal does not hold: a line before it was changed "
		       "after it was sealed, or the seal itself was";
	case FOUND_SEAL_KEY:
		return "a seal with a key that nobody announced: it is not by "
		       "the vault of the lines before";
	case FOUND_VAULT_AGAIN:
		return "this vault has been announced before: the line, or "
		       "what follows it, is a copy";
	case FOUND_CERTIFICATE:
		return "a certificate that its key has not made for this "
		       "vault";
	case FOUND_NO_CERTIFICATE:
		return "a signature by a vault that no known signing key has "
		       "certified: the record is forged, or the key is an old "
		       "one (see --public-key)";
	case FOUND_BEGINNING:
		return "the log begins neither with its first line nor with "
		       "that of a file: what was before is cut off";
	case FOUND_END_UNSEALED:
		return "the vault did not seal the end of the agent: lines "
		       "before it were cut off, or the vault was killed";
	default:
		return NULL;
	}
}

static void format_numbers(const struct audit_finding *finding,
                           char out[AUDIT_SENTENCE_SIZE])
{
	unsigned long long number = finding->number, other = finding->other;

	switch (finding->verdict) {
	case FOUND_NUMBER:
		(void)snprintf(out, AUDIT_SENTENCE_SIZE,
		               "is number %llu, and should be %llu: lines were "
		               "dropped, added or moved",
		               number, other);
		break;
	case FOUND_NO_END:
		(void)snprintf(out, AUDIT_SENTENCE_SIZE,
		               other == 0 ? "the log is empty: it was cut, or "
		                            "replaced"
		                          : "an agent stops at line %llu "
		                            "without its end: it was killed, "
		                            "or the rest is cut off",
		               other);
		break;
	case FOUND_HEAD:
		(void)snprintf(out, AUDIT_SENTENCE_SIZE,
		               number < other
		                       ? "the log ends here, and the agent has "
		                         "written up to line %llu: it was cut, "
		                         "or replaced"
		                       : "line %llu is not the one that the "
		                         "agent has written: the log was "
		                         "changed, or replaced",
		               other);
		break;
	case FOUND_BEGINS_LATER:
		(void)snprintf(out, AUDIT_SENTENCE_SIZE,
		               "the log begins with line %llu: the files "
		               "before are not here, and were not checked",
		               number);
		break;
	case FOUND_RECORDS_LOST:
		(void)snprintf(out, AUDIT_SENTENCE_SIZE,
		               "the agent could not write %llu records before "
		               "this line",
		               other);
		break;
	default:
		out[0] = '\0';
		break;
	}
}

void audit_finding_format(const struct audit_finding *finding,
                          char out[AUDIT_SENTENCE_SIZE])
{
	const char *text = sentence(finding->verdict);

	if (text) {
		(void)snprintf(out, AUDIT_SENTENCE_SIZE, "%s", text);
	} else {
		format_numbers(finding, out);
	}
}
