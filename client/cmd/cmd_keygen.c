#include "client/cmd/usage.h"
#include "client/cmd/verbs.h"
#include "client/keygen/keygen.h"
#include "client/keygen/op_item.h"
#include "protocol/nix/key.h"

#include <string.h>

enum {
	OPTION_OP = 1,
	OPTION_VAULT,
	OPTION_FIELD,
	OPTION_HELP,
};

static const struct cli_option table[] = {
	{ "op", 0, "ITEM", "put the secret key into a new 1Password item",
	  OPTION_OP },
	{ "vault", 0, "VAULT", "of 1Password, for the item", OPTION_VAULT },
	{ "field", 0, "FIELD", "of the item (" OP_FIELD_USUAL ")",
	  OPTION_FIELD },
	{ "help", 'h', NULL, "print this", OPTION_HELP },
};

static const struct usage usage = {
	.synopsis = "nixcache keygen [OPTION...] NAME",
	.summary = "Makes a new key pair for signing.",
	.options = table,
	.option_count = sizeof(table) / sizeof(table[0]),
};

static const char *check_word(const char *value, const char *wrong)
{
	if (!op_word_is_valid(value))
		usage_wrong(&usage, wrong);
	return value;
}

static void apply(struct keygen_request *request, int id, const char *value)
{
	switch (id) {
	case OPTION_OP:
		request->item = check_word(
			value, "--op takes a title of letters, digits, spaces "
			       "and -_.");
		break;
	case OPTION_VAULT:
		request->vault = check_word(
			value, "--vault takes a name of letters, digits, "
			       "spaces and -_.");
		break;
	case OPTION_FIELD:
		request->field = check_word(
			value, "--field takes a name of letters, digits, "
			       "spaces and -_.");
		break;
	default:
		usage_help(&usage);
	}
}

static void check(const struct keygen_request *request)
{
	if (!request->item && (request->vault || request->field))
		usage_wrong(&usage, "--vault and --field go with --op");
	if (request->field && strcmp(request->field, OP_FIELD_PUBLIC) == 0) {
		usage_wrong(&usage, "the field " OP_FIELD_PUBLIC
		                    " is for the public key");
	}
	if (!key_name_is_valid(request->name, strlen(request->name))) {
		usage_wrong(&usage, "a key's name is up to 128 printable "
		                    "characters without spaces and colons");
	}
}

int cmd_keygen(int argc, char **argv)
{
	struct keygen_request request = { .name = NULL };
	struct cli cli;
	int id;

	cli_init(&cli, table, usage.option_count, argc, argv);
	while ((id = cli_next(&cli)) > 0)
		apply(&request, id, cli.value);
	if (id == CLI_WRONG)
		usage_wrong(&usage, cli.error);
	if (argc - cli.operand != 1)
		usage_wrong(&usage, "keygen: say the name of one key");

	request.name = argv[cli.operand];
	check(&request);
	if (!request.field)
		request.field = OP_FIELD_USUAL;
	return keygen_run(&request);
}
