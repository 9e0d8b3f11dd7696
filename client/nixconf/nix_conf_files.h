/* nix_conf_files.h - where the files of Nix's configuration are */
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/strings.h"

#define NIX_CONF_PATH_MAX ((size_t)8192)

/* The machine's folder: NIX_CONF_DIR or /etc/nix.  Borrowed. */
const char *nix_conf_folder(void);

/* The folder of the caller's own nix.conf: NIX_CONFIG_HOME, or nix below
 * XDG_CONFIG_HOME or ~/.config.  Owned by the caller.  0, -ENOMEM, -ENOENT:
 * nobody knows where the caller's home is. */
must_check int nix_conf_own_folder(char **ret_folder);

/* The caller's files, in the order in which Nix reads them: what a later one
 * says counts.  0 or -ENOMEM. */
must_check int nix_conf_own_files(struct strings *ret_files);

/* path, and if it is relative below the folder of the file base, without "."
 * and ".." as Nix takes them away: by text.  Owned by the caller.  0,
 * -ENOMEM, -EMSGSIZE. */
must_check int nix_conf_path(const char *base, struct bytes path,
                             char **ret_path);

/* The whole of a file.  0, -errno, -EFBIG beyond max. */
must_check int nix_conf_read(const char *path, size_t max,
                             struct buffer *ret_text);
