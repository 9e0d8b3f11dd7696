/* nix_conf_edit.h - lines of ours put into nix.conf, and taken out again
 *
 * Text in, text out.  Each line of ours ends with the comment
 * "# nixcache use LABEL"; no other line is ever changed, and taking ours out
 * gives back every byte of what was there before they were put in.
 */
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/strings.h"

#define NIX_CONF_WORD_MAX ((size_t)2048)

struct nix_conf_addition {
	const char *label; /* borrowed, as the others */
	struct strings substituters;
	struct strings public_keys;
	const char *netrc_file; /* NULL: none is needed */
};

/* True if nix.conf can hold it as one word: not empty, printable ASCII without
 * spaces, no #, not longer than NIX_CONF_WORD_MAX. */
bool nix_conf_word_is_valid(const char *word);

/* The lines as they would be put into an empty file. */
must_check int nix_conf_edit_print(const struct nix_conf_addition *addition,
                                   struct buffer *ret_text);

/* text with the addition in effect: what it has already under another hand is
 * not said twice, and what was put in before under the same label is replaced.
 * 0, -ENOMEM, -EMSGSIZE; -EINVAL: a word is not valid. */
must_check int nix_conf_edit_add(struct bytes text,
                                 const struct nix_conf_addition *addition,
                                 struct buffer *ret_text);

/* text without the lines of a label, or with NULL of any.  0, -ENOMEM. */
must_check int nix_conf_edit_remove(struct bytes text, const char *label,
                                    struct buffer *ret_text);
