/* presign.h - answers VAULT_PRESIGN with a URL made from checked fields */
#pragma once

#include "agent/vault/desk.h"

/* Appends VAULT_URL, or says why not and leaves out as it was. */
must_check enum vault_outcome presign_answer(struct desk *desk,
                                             const struct wire_frame *frame,
                                             struct buffer *out,
                                             struct vault_fault *ret_fault);
