/* secret_memory.h - pages that no other process can read, not even root's
 *
 * memfd_secret(2) where the kernel has it; else locked, undumped, wiped on
 * fork, unmerged anonymous pages; the report says which.
 */
#pragma once

#include "agent/seal/report.h"

#include <stddef.h>

struct secret_memory {
	uint8_t *at;
	size_t size;
	bool is_memfd_secret;
};

/* Zeroed pages between two guards.  Adds the row "secret memory" to the report
 * on success.  0 or -errno: -EAGAIN/-ENOMEM when the memory cannot be locked
 * (RLIMIT_MEMLOCK).  Never weaker in silence. */
must_check int secret_memory_map(size_t size, struct report *report,
                                 struct secret_memory *ret_memory);
void secret_memory_unmap(struct secret_memory *memory);

/* Runs entry(argument) on a stack inside stack_memory; returns when it does.
 * Registers and frames that hold secrets then never touch ordinary pages. */
void secret_memory_call(const struct secret_memory *stack,
                        void (*entry)(void *), void *argument);

/* Wipes the vector registers, in which a copy or a hash leaves its last bytes;
 * a debugger's core file would hold them.  Before each wait. */
void secret_memory_wipe_registers(void);

/* Adds the row "secret stack". */
void secret_memory_report_stack(struct report *report);
