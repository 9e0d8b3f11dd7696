/* intake.h - the secrets pipe, read straight into secret memory and cut up
 *
 * The framing is in vault.h.  What an earlier, broken run left in the pipe is
 * passed over: its mark is another one.
 */
#pragma once

#include "agent/vault/outcome.h"
#include "protocol/base/bytes.h"

struct intake {
	uint8_t *data; /* the caller's memory */
	size_t size;
	size_t len;
	bool has_overflowed;
};

void intake_init(struct intake *intake, void *memory, size_t size);

/* Forgets and wipes everything. */
void intake_wipe(struct intake *intake);

/* One read from the non-blocking fd.  1: there may be more; 0: the pipe is
 * empty for now; -EPIPE: it has ended; -errno. */
must_check int intake_read(struct intake *intake, int fd);

/* Cuts the bytes into one text a slot, borrowed from the intake.  sections is
 * slot_count long.  OUTCOME_DONE or OUTCOME_INTAKE_BROKEN. */
must_check enum vault_outcome intake_parse(const struct intake *intake,
                                           struct bytes *sections,
                                           size_t slot_count,
                                           struct vault_fault *ret_fault);
