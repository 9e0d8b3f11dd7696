/* netrc_edit.h - the line for serve's password in a netrc file
 *
 * Text in, text out.  Our line is known by its user name, "nixcache", which
 * serve takes as any other.  It stands first: of several entries for a machine
 * curl takes the first, and a "default" entry may be one.
 */
#pragma once

#include "protocol/base/bytes.h"

#define NETRC_MACHINE_MAX  ((size_t)255)
#define NETRC_PASSWORD_MAX ((size_t)256)
#define NETRC_FILE_MAX     ((size_t)1024 * 1024)

enum netrc_outcome {
	NETRC_OK = 0,
	NETRC_TAKEN = 1, /* the machine has an entry that is not ours */
};

/* True if every curl reads it as it stands: printable ASCII without spaces,
 * quotes and backslashes, not empty, and no # in front. */
bool netrc_password_is_valid(const char *password);

/* 0, NETRC_TAKEN, -EINVAL: machine or password not valid, -ENOMEM,
 * -EMSGSIZE. */
must_check int netrc_edit_add(struct bytes text, const char *machine,
                              const char *password, struct buffer *ret_text);

/* Without our line for the machine, or with NULL for any.  0, -ENOMEM, -EMSGSIZE. */
must_check int netrc_edit_remove(struct bytes text, const char *machine,
                                 struct buffer *ret_text);
