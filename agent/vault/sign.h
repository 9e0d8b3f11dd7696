/* sign.h - answers VAULT_SIGN with a fingerprint that the vault built itself */
#pragma once

#include "agent/vault/desk.h"

/* Appends VAULT_SIGNED, or says why not and leaves out as it was. */
must_check enum vault_outcome sign_answer(struct desk *desk,
                                          const struct wire_frame *frame,
                                          struct buffer *out,
                                          struct vault_fault *ret_fault);
