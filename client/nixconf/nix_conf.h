/* nix_conf.h - the settings of Nix itself that concern caches
 *
 * Read as Nix reads them: NIX_CONF_DIR or /etc/nix, then NIX_USER_CONF_FILES or
 * the XDG folders (user), then NIX_CONFIG; include, !include and the prefix
 * extra-.
 */
#pragma once

#include "protocol/base/strings.h"

#define NIX_CONF_FILE_MAX    ((size_t)1024 * 1024)
#define NIX_CONF_INCLUDE_MAX 16 /* depth */
#define NIX_CONF_WHY_MAX     256

struct nix_conf {
	struct strings trusted_public_keys; /* cache.nixos.org's if none is set */
	struct strings substituters;        /* likewise; with trusted ones */
	char *netrc_file;                   /* owned */
};

/* A file that is not there counts as empty.  -errno with a sentence. */
must_check int nix_conf_load(struct nix_conf *ret_conf,
                             char why[NIX_CONF_WHY_MAX]);
void nix_conf_clear(struct nix_conf *conf);
