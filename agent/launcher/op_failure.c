#include "agent/launcher/failure.h"

#include "protocol/base/number.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <string.h>

#define SAID_MAX         8192 /* of the end: the reason comes last */
#define LINE_SIZE        240
#define SIGNAL_STATUS    128
#define RETRY_MAX        604800U /* a week */
#define RETRY_TEXT       "retry in "
#define SECONDS_A_MINUTE 60U
#define SECONDS_AN_HOUR  3600U

/* Pieces of what op 2 says, lower case, from its users' reports; the first
 * that is found decides.  Order matters: "connecting to desktop app timed out"
 * is about the app, and a rate limit speaks of requests and time too. */
static const struct {
	const char *piece;
	enum source_failure kind;
} pieces[] = {
	{ "(429)", SOURCE_RATE_LIMITED },
	{ "too many requests", SOURCE_RATE_LIMITED },
	{ "rate limit", SOURCE_RATE_LIMITED },
	{ "prompt dismissed", SOURCE_DISMISSED },
	{ "authorization denied", SOURCE_DISMISSED },
	{ "authorization timeout", SOURCE_TIMED_OUT },
	{ "took too long", SOURCE_TIMED_OUT },
	{ "connecting to desktop app", SOURCE_APP_UNREACHABLE },
	{ "connect to 1password app", SOURCE_APP_UNREACHABLE },
	{ "connect to the 1password", SOURCE_APP_UNREACHABLE },
	{ "unsupportedclienttype", SOURCE_APP_UNREACHABLE },
	{ "not currently signed in", SOURCE_NOT_SIGNED_IN },
	{ "not signed in", SOURCE_NOT_SIGNED_IN },
	{ "session expired", SOURCE_NOT_SIGNED_IN },
	{ "no accounts configured", SOURCE_NOT_SIGNED_IN },
	{ "isn't a vault", SOURCE_NOT_FOUND },
	{ "isn't an item", SOURCE_NOT_FOUND },
	{ "does not have a field", SOURCE_NOT_FOUND },
	{ "isn't a field", SOURCE_NOT_FOUND },
	{ "isn't a section", SOURCE_NOT_FOUND },
	{ "could not find item", SOURCE_NOT_FOUND },
	{ "item not found", SOURCE_NOT_FOUND },
};

/* "... Please retry in 58 minutes": seconds, or 0. */
static uint32_t read_retry(const char *said)
{
	const char *at = strstr(said, RETRY_TEXT);
	char digits[8] = "";
	uint64_t value;
	size_t len;

	if (!at)
		return 0;
	at += strlen(RETRY_TEXT);
	len = strspn(at, "0123456789");
	if (len >= sizeof(digits))
		return 0;
	memcpy(digits, at, len);
	if (number_parse(digits, RETRY_MAX, &value) < 0)
		return 0;

	at += len + strspn(at + len, " ");
	if (text_has_prefix(at, "minute")) {
		value *= SECONDS_A_MINUTE;
	} else if (text_has_prefix(at, "hour")) {
		value *= SECONDS_AN_HOUR;
	} else if (!text_has_prefix(at, "second")) {
		return 0;
	}
	return value > RETRY_MAX ? RETRY_MAX : (uint32_t)value;
}

static void set_rate_limited(struct fetch_outcome *outcome, const char *said)
{
	uint32_t seconds = read_retry(said);

	if (seconds > 0) {
		failure_set(outcome, SOURCE_RATE_LIMITED,
		            "1Password's rate limit is reached; try again in "
		            "%u minutes",
		            (seconds + SECONDS_A_MINUTE - 1) /
		                    SECONDS_A_MINUTE);
	} else {
		failure_set(outcome, SOURCE_RATE_LIMITED,
		            "1Password's rate limit is reached; try again "
		            "later");
	}
	outcome->retry_after = seconds;
}

static void set_unknown(struct fetch_outcome *outcome, int status,
                        const char *line)
{
	if (status > SIGNAL_STATUS && line[0] == '\0') {
		failure_set(outcome, SOURCE_FAILED, "op was ended by signal %d",
		            status - SIGNAL_STATUS);
	} else if (line[0] == '\0') {
		failure_set(outcome, SOURCE_FAILED,
		            "op ended with status %d and said nothing", status);
	} else {
		failure_set(outcome, SOURCE_FAILED, "op: %s", line);
	}
}

static void set_kind(struct fetch_outcome *outcome, enum source_failure kind,
                     const char *said, const char *line)
{
	switch (kind) {
	case SOURCE_RATE_LIMITED:
		set_rate_limited(outcome, said);
		return;
	case SOURCE_DISMISSED:
		failure_set(outcome, kind,
		            "the approval was dismissed in the 1Password app; "
		            "ask again and approve it");
		return;
	case SOURCE_TIMED_OUT:
		failure_set(outcome, kind,
		            "nobody approved in the 1Password app in time; ask "
		            "again");
		return;
	case SOURCE_APP_UNREACHABLE:
		failure_set(outcome, kind,
		            "op cannot reach the 1Password app: start and "
		            "unlock it, and turn on its integration with the "
		            "CLI (op said: %s)",
		            line);
		return;
	case SOURCE_NOT_SIGNED_IN:
		failure_set(outcome, kind,
		            "op is not signed in: turn on the app's "
		            "integration with the CLI, or sign in with op "
		            "signin");
		return;
	case SOURCE_NOT_FOUND:
		failure_set(outcome, kind,
		            "1Password has no such vault, item or field: %s",
		            line);
		return;
	case SOURCE_NOT_INSTALLED:
	case SOURCE_UNSAFE:
	case SOURCE_SPENT:
	case SOURCE_MALFORMED:
	case SOURCE_KEY_MISMATCH:
	case SOURCE_FAILED:
		break;
	}
	failure_set(outcome, SOURCE_FAILED, "op: %s", line);
}

/* ASCII only: what op says does not depend on the locale. */
static char lower(char c)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

	if (c >= 'A' && c <= 'Z')
		c = letters[c - 'A'];
	if (c == '\0')
		c = ' ';
	return c;
}

/* Lower case, and no NUL before the end, for the search. */
static void fold(const char *text, size_t len, char out[SAID_MAX + 1])
{
	size_t skip = len > SAID_MAX ? len - SAID_MAX : 0;

	for (size_t i = skip; i < len; i++)
		out[i - skip] = lower(text[i]);
	out[len - skip] = '\0';
}

/* "[ERROR] 2024/04/07 10:03:35 message": the message. */
static const char *skip_stamp(const char *line)
{
	const char *at = line;

	if (!text_has_prefix(at, "[ERROR] "))
		return line;
	at += strlen("[ERROR] ");
	at += strspn(at, "0123456789/");
	at += strspn(at, " ");
	at += strspn(at, "0123456789:");
	at += strspn(at, " ");
	return *at != '\0' ? at : line;
}

void op_failure_read(struct fetch_outcome *outcome, int status,
                     const char *text, size_t len)
{
	char said[SAID_MAX + 1] = "";
	char line[LINE_SIZE];
	const char *reason;

	fold(text, len, said);
	failure_last_line(text, len, line, sizeof(line));
	reason = skip_stamp(line);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		if (strstr(said, pieces[i].piece)) {
			set_kind(outcome, pieces[i].kind, said, reason);
			return;
		}
	}
	set_unknown(outcome, status, reason);
}
