/* commit.h - answers VAULT_COMMIT: from the intake into the keyring */
#pragma once

#include "agent/vault/desk.h"
#include "agent/vault/intake.h"

/* Takes every secret and appends VAULT_LOADED; or says why not, takes none and
 * leaves out as it was.  The intake is wiped either way. */
must_check enum vault_outcome commit_answer(struct desk *desk,
                                            struct intake *intake,
                                            const struct wire_frame *frame,
                                            struct buffer *out,
                                            struct vault_fault *ret_fault);
