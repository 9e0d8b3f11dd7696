#include "agent/config_build.h"
#include "protocol/base/number.h"
#include "protocol/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#define OP_PREFIX "op://"

static bool consists_of(const char *text, bool (*allowed)(char c))
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (!allowed(*text))
			return false;
	}
	return true;
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* What 1Password allows in a reference ("Secret reference syntax"), with the
 * separators.  Nothing else may get into the template that op reads: braces
 * or '$' there would begin something new. */
static bool is_reference_char(char c)
{
	return isalnum((unsigned char)c) || strchr("-_. /?=&", c);
}

/* vault/item/field or vault/item/section/field, none of them empty. */
static bool reference_is_valid(const char *text)
{
	const char *at = text + strlen(OP_PREFIX);
	size_t end = strcspn(at, "?"), part = 0;
	int parts = 1;

	if (!consists_of(at, is_reference_char))
		return false;
	for (size_t i = 0; i < end; i++) {
		part = at[i] == '/' ? 0 : part + 1;
		parts += at[i] == '/' ? 1 : 0;
		if (part == 0 && (i == 0 || at[i - 1] == '/'))
			return false;
	}
	return part > 0 && (parts == 3 || parts == 4);
}

static bool fd_is_valid(const char *text)
{
	uint64_t fd;

	return number_parse(text, INT_MAX, &fd) == 0 && fd > 2;
}

static bool credential_is_valid(const char *name)
{
	return *name != '\0' && *name != '.' && !strchr(name, '/') &&
	       strlen(name) <= NAME_MAX;
}

static const char *spec_problem(enum secret_source_kind kind, const char *spec)
{
	switch (kind) {
	case SECRET_OP:
		return reference_is_valid(spec)
		               ? NULL
		               : "is not op://vault/item/field of letters, digits, "
		                 "'-', '_', '.' and spaces; for other names use "
		                 "the item's or field's ID";
	case SECRET_ENV:
		return consists_of(spec, is_name_char) &&
		                       !isdigit((unsigned char)*spec)
		               ? NULL
		               : "env: wants the name of a variable";
	case SECRET_FD:
		return fd_is_valid(spec) ? NULL
		                         : "fd: wants a descriptor, 3 or more";
	case SECRET_CREDENTIAL:
		return credential_is_valid(spec)
		               ? NULL
		               : "credential: wants a file name";
	case SECRET_COMMAND:
		return *spec != '\0' ? NULL : "command: wants a command";
	case SECRET_FILE:
		return *spec == '/' ? NULL : "file: wants an absolute path";
	}
	return "is not a source";
}

static const struct {
	const char *prefix;
	enum secret_source_kind kind;
} prefixes[] = {
	{ OP_PREFIX, SECRET_OP },       { "env:", SECRET_ENV },
	{ "fd:", SECRET_FD },           { "credential:", SECRET_CREDENTIAL },
	{ "command:", SECRET_COMMAND }, { "file:", SECRET_FILE },
};

int secret_source_parse(const char *text, struct secret_slot *slot,
                        const char **ret_problem)
{
	const char *problem =
		"is not a secret source; did you paste the secret "
		"itself? use op://..., env:NAME, fd:N, "
		"credential:NAME, command:... or file:/...";
	const char *spec = NULL;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (!text_has_prefix(text, prefixes[i].prefix))
			continue;
		slot->source = prefixes[i].kind;
		spec = text;
		if (slot->source != SECRET_OP)
			spec += strlen(prefixes[i].prefix);
		problem = spec_problem(slot->source, spec);
	}
	if (!problem && strlen(spec) > CONFIG_SOURCE_MAX)
		problem = "is too long";
	if (problem) {
		*ret_problem = problem;
		return -EINVAL;
	}

	slot->spec = strdup(spec);
	return slot->spec ? 0 : -ENOMEM;
}
