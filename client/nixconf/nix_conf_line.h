/* nix_conf_line.h - one line of nix.conf, cut as Nix cuts it
 *
 * Words are parted by spaces, tabs and carriage returns; # begins a comment
 * wherever it stands; no quotes, no continued lines.
 */
#pragma once

#include "protocol/base/bytes.h"

enum nix_conf_kind {
	NIX_CONF_EMPTY,
	NIX_CONF_SETTING, /* NAME = WORD... */
	NIX_CONF_INCLUDE,
	NIX_CONF_INCLUDE_IF_THERE, /* !include */
	NIX_CONF_WRONG,            /* Nix refuses to start */
};

/* What the word before the equals sign means to us. */
enum nix_conf_name {
	NIX_CONF_SUBSTITUTERS,
	NIX_CONF_TRUSTED_SUBSTITUTERS,
	NIX_CONF_PUBLIC_KEYS,
	NIX_CONF_NETRC_FILE,
	NIX_CONF_OTHER,
};

struct nix_conf_line {
	enum nix_conf_kind kind;
	enum nix_conf_name name; /* of a setting */
	bool is_extra;           /* adds to the setting */
	struct bytes words;      /* the values, or the one file to include */
};

/* The next line without its newline; false at the end. */
bool nix_conf_next_line(struct bytes *rest, struct bytes *ret_line);

/* The next word; false at the end. */
bool nix_conf_next_word(struct bytes *rest, struct bytes *ret_word);

/* All borrowed from line. */
struct nix_conf_line nix_conf_line_cut(struct bytes line);
