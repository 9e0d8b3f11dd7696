#include "client/agent_sentence.h"

#include "protocol/base/text.h"
#include "protocol/varlink/socket_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define START_IT "start one with: eval $(nixcache-agent)"

static int exit_status_of(enum agent_outcome outcome)
{
	switch (outcome) {
	case AGENT_OK:
		return 0;
	case AGENT_E_NO_AGENT:
		return 2;
	case AGENT_E_LOCKED:
		return 3;
	case AGENT_E_POLICY:
		return 4;
	case AGENT_E_SOURCE:
		return 5;
	case AGENT_E_REFUSED:
		return 1;
	}
	return 1;
}

printf_like(3, 4) static int say(enum agent_outcome outcome,
                                 struct agent_error *error, const char *format,
                                 ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	error->exit_status = exit_status_of(outcome);
	return (int)outcome;
}

static const char *source_what(enum source_failure failure)
{
	switch (failure) {
	case SOURCE_NOT_SIGNED_IN:
		return "1Password: not signed in";
	case SOURCE_DISMISSED:
		return "1Password: the request was dismissed";
	case SOURCE_TIMED_OUT:
		return "secret source: no answer in time";
	case SOURCE_APP_UNREACHABLE:
		return "1Password: op cannot reach the app";
	case SOURCE_NOT_FOUND:
		return "secret source: not found";
	case SOURCE_RATE_LIMITED:
		return "1Password: too many requests";
	case SOURCE_NOT_INSTALLED:
		return "secret source: not installed";
	case SOURCE_UNSAFE:
		return "secret source: not safe to use";
	case SOURCE_SPENT:
		return "secret source: can be read only once";
	case SOURCE_MALFORMED:
		return "secret source: not what a key or credential looks "
		       "like";
	case SOURCE_KEY_MISMATCH:
		return "secret source: not the key that public-key names";
	case SOURCE_FAILED:
		return "secret source: failed";
	}
	return "";
}

static const char *source_action(enum source_failure failure)
{
	switch (failure) {
	case SOURCE_NOT_SIGNED_IN:
		return "unlock the 1Password app, or run: op signin";
	case SOURCE_DISMISSED:
		return "run this again and approve it";
	case SOURCE_TIMED_OUT:
		return "run this again and approve it in 1Password";
	case SOURCE_APP_UNREACHABLE:
		return "start it, and turn on its setting Developer > "
		       "Integrate with 1Password CLI";
	case SOURCE_NOT_FOUND:
		return "correct the reference in the agent's "
		       "configuration, or make the item";
	case SOURCE_RATE_LIMITED:
		return "run this again later";
	case SOURCE_NOT_INSTALLED:
		return "install the 1Password CLI (op), or configure "
		       "another source";
	case SOURCE_UNSAFE:
		return "see that nobody else can read or change it";
	case SOURCE_SPENT:
		return "start the agent again with the secret";
	case SOURCE_MALFORMED:
		return "correct the item, then run this again";
	case SOURCE_KEY_MISMATCH:
		return "correct the agent's configuration or the item";
	case SOURCE_FAILED:
		return "try it by hand, then run this again";
	}
	return "";
}

/* detail is printable. */
static int say_source_failed(const struct error_reply *reply,
                             const char *detail, struct agent_error *error)
{
	const char *what = source_what(reply->failure);
	const char *colon = detail[0] != '\0' ? ": " : "";

	if (reply->failure == SOURCE_RATE_LIMITED && reply->retry_after > 0) {
		return say(AGENT_E_SOURCE, error,
		           "%s%s%s: run this again in %u seconds", what, colon,
		           detail, (unsigned int)reply->retry_after);
	}
	return say(AGENT_E_SOURCE, error, "%s%s%s: %s", what, colon, detail,
	           source_action(reply->failure));
}

/* What a rule, a limit or a person refuses.  text is printable. */
static int say_denied(const struct error_reply *reply, const char *text,
                      struct agent_error *error)
{
	char path[STORE_PATH_SIZE];

	switch (reply->error) {
	case ERROR_NOT_IN_STORE:
		text_printable(reply->store_path, strlen(reply->store_path),
		               path, sizeof(path));
		return say(AGENT_E_POLICY, error,
		           "agent: %s is not signed: %s: see sign-policy and "
		           "nix-store in nixcache-agent(1)",
		           path, text);
	case ERROR_USER_DENIED:
		return say(AGENT_E_POLICY, error, "agent: not approved: %s",
		           text);
	case ERROR_RATE_LIMITED:
		return say(AGENT_E_POLICY, error,
		           "agent: too much at once: %s: run this again in %u "
		           "seconds",
		           text, (unsigned int)reply->retry_after);
	case ERROR_PERMISSION_DENIED:
		return say(AGENT_E_POLICY, error,
		           "agent: not allowed on this socket: use one with a "
		           "wider scope (NIXCACHE_AGENT_SOCK)");
	default: /* ERROR_POLICY_DENIED */
		return say(AGENT_E_POLICY, error,
		           "agent: denied by its policy: %s: see sign-policy "
		           "and --socket in nixcache-agent(1)",
		           text);
	}
}

static int say_error(const struct error_reply *reply, struct agent_error *error)
{
	char text[ERROR_TEXT_MAX], cache[AGENT_CACHE_NAME_MAX + 1];

	text_printable(reply->text, strlen(reply->text), text, sizeof(text));
	text_printable(reply->cache, strlen(reply->cache), cache,
	               sizeof(cache));

	switch (reply->error) {
	case ERROR_LOCKED:
		return say(AGENT_E_LOCKED, error,
		           "agent: locked: %s: unlock it with: nixcache unlock",
		           text);
	case ERROR_UNKNOWN_CACHE:
		return say(
			AGENT_E_REFUSED, error,
			"cache %s: unknown to the agent: see the names with: "
			"nixcache status",
			text);
	case ERROR_POLICY_DENIED:
	case ERROR_NOT_IN_STORE:
	case ERROR_USER_DENIED:
	case ERROR_RATE_LIMITED:
	case ERROR_PERMISSION_DENIED:
		return say_denied(reply, text, error);
	case ERROR_SOURCE_FAILED:
		return say_source_failed(reply, text, error);
	case ERROR_VAULT_FAILED:
		return say(AGENT_E_REFUSED, error,
		           "agent: the vault failed: %s: run this again; it "
		           "will ask for the secrets anew",
		           text);
	case ERROR_NOT_SUPPORTED:
		return say(AGENT_E_REFUSED, error,
		           "cache %s: not supported: %s: see its store and its "
		           "keys in the agent's configuration",
		           cache, text);
	case ERROR_AUDIT_FAILED:
		return say(AGENT_E_REFUSED, error,
		           "agent: uses no secret, since its audit log cannot "
		           "be written: %s",
		           text);
	case ERROR_INVALID_PARAMETER:
		return say(AGENT_E_REFUSED, error,
		           "agent: does not accept the field %s: see that "
		           "nixcache and nixcache-agent are of one version",
		           text);
	case ERROR_INTERFACE_NOT_FOUND:
	case ERROR_METHOD_NOT_FOUND:
	case ERROR_METHOD_NOT_IMPLEMENTED:
	case ERROR_EXPECTED_MORE:
	case ERROR_COUNT:
		break;
	}
	return say(AGENT_E_REFUSED, error,
	           "agent: does not know %s: see that nixcache and "
	           "nixcache-agent are of one version",
	           text[0] != '\0' ? text : "this call");
}

int agent_sentence_reply(const struct varlink_reply *reply,
                         struct agent_error *error)
{
	char name[sizeof(reply->error)];
	struct error_reply known;

	if (error_reply_decode(reply, &known) == 0)
		return say_error(&known, error);

	text_printable(reply->error, strlen(reply->error), name, sizeof(name));
	return say(AGENT_E_REFUSED, error,
	           "agent: answered with the error %s: see that nixcache and "
	           "nixcache-agent are of one version",
	           name);
}

int agent_sentence_locked(struct agent_error *error)
{
	return say(AGENT_E_LOCKED, error,
	           "agent: locked: unlock it with: nixcache unlock");
}

int agent_sentence_failure(int rc, const char *path, struct agent_error *error)
{
	char where[SOCKET_PATH_SIZE];

	text_printable(path, strlen(path), where, sizeof(where));
	switch (-rc) {
	case ENOENT:
	case ECONNREFUSED:
	case ENOTDIR:
		return say(AGENT_E_NO_AGENT, error,
		           "no agent answers at %s: " START_IT, where);
	case EACCES:
	case EPERM:
		return say(AGENT_E_NO_AGENT, error,
		           "agent at %s: permission denied: it is another "
		           "user's; " START_IT,
		           where);
	case ETIMEDOUT:
		return say(AGENT_E_NO_AGENT, error,
		           "agent at %s: no answer in time: end it with: "
		           "nixcache-agent -k, then " START_IT,
		           where);
	case EPIPE:
	case ECONNRESET:
		return say(AGENT_E_NO_AGENT, error,
		           "agent at %s: closed the connection without an "
		           "answer: see what it logged, or " START_IT,
		           where);
	case EBADMSG:
	case EMSGSIZE:
		return say(AGENT_E_REFUSED, error,
		           "agent at %s: the answer makes no sense: see that "
		           "nixcache and nixcache-agent are of one version",
		           where);
	default:
		return say(AGENT_E_NO_AGENT, error, "agent at %s: %s", where,
		           strerror(-rc));
	}
}
