/* secret_file.h - opens a file that holds a secret, if only we can read it */
#pragma once

#include "agent/config.h"

/* For SECRET_FILE and SECRET_CREDENTIAL.  0: *ret_fd is owned by the caller.
 * 1: refused, and *ret_outcome says why. */
must_check int secret_file_open(const struct secret_slot *slot, int *ret_fd,
                                struct fetch_outcome *ret_outcome);
