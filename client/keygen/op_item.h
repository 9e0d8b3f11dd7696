/* op_item.h - a new item of 1Password that holds a signing key
 *
 * A secret goes to op in a JSON template on its standard input, which must be
 * a pipe.  Items are made and never changed: op takes a template for an item
 * that is there as the whole of it, so that all its other secrets would have
 * to pass through here.
 */
#pragma once

#include "protocol/nix/key_secret.h"

#define OP_WORD_MAX          100 /* of title, vault and field, each */
#define OP_FIELD_USUAL       "nix-signing-key"
#define OP_FIELD_PUBLIC      "public-key"
#define OP_ITEM_TEMPLATE_MAX 2048
#define OP_ITEM_WHY_MAX      512

enum op_item_outcome {
	OP_ITEM_EXISTS = 1,
	OP_ITEM_FAILED = 2,
};

struct op_item {
	const char *program; /* op, absolute */
	const char *title;
	const char *vault; /* NULL: op's usual one */
	const char *field; /* gets the secret key; OP_FIELD_PUBLIC the other */
};

/* What an op://vault/item/field reference can name: letters, digits, '-', '_',
 * '.' and, but at the ends, spaces. */
bool op_word_is_valid(const char *text);

/* 0: there is none of that title yet.  OP_ITEM_EXISTS, OP_ITEM_FAILED; why is a
 * sentence. */
must_check int op_item_check_absent(const struct op_item *item,
                                    char why[OP_ITEM_WHY_MAX]);

/* A pipe with all that the item will hold, and its end.  memory:
 * OP_ITEM_TEMPLATE_MAX bytes as secret as the key, wiped afterwards; after
 * this the pipe alone has the key.  0 or -errno. */
must_check int op_item_fill_pipe(const struct op_item *item,
                                 const struct key_secret *secret,
                                 const struct public_key *key, char *memory,
                                 int *ret_fd);

/* 0 or OP_ITEM_FAILED; why never has a part of the key. */
must_check int op_item_create(const struct op_item *item, int pipe,
                              char why[OP_ITEM_WHY_MAX]);

/* Reads the public key back: op has been seen to end with 0 and to store no
 * field at all.  0 or OP_ITEM_FAILED. */
must_check int op_item_check_stored(const struct op_item *item,
                                    const struct public_key *key,
                                    char why[OP_ITEM_WHY_MAX]);
