/* secret_memory.h - pages that no other process can read, not even root's
 *
 * memfd_secret(2) where the kernel has it; else locked, undumped, wiped on
 * fork, unmerged anonymous pages; or the same unlocked, where the caller takes
 * that.  The report says which.
 */
#pragma once

#include "agent/seal/report.h"

#include <stddef.h>

struct secret_memory {
	uint8_t *at;
	size_t size;
	bool is_memfd_secret;
};

enum secret_memory_demand {
	SECRET_MEMORY_LOCKED, /* at least that */
	SECRET_MEMORY_ANY,    /* where nothing can be locked, ordinary pages */
};

/* Zeroed pages between two guards.  Adds the row "secret memory" to the report
 * on success.  0 or -errno: -EAGAIN/-ENOMEM when the memory cannot be locked
 * (RLIMIT_MEMLOCK) and must be.  Never weaker in silence. */
must_check int secret_memory_map(size_t size, enum secret_memory_demand demand,
                                 struct report *report,
                                 struct secret_memory *ret_memory);
void secret_memory_unmap(struct secret_memory *memory);

/* Runs entry(argument) on a stack inside stack_memory; returns when it does.
 * Registers and frames that hold secrets then never touch ordinary pages. */
void secret_memory_call(const struct secret_memory *stack,
                        void (*entry)(void *), void *argument);

/* Wipes the vector registers, in which a copy or a hash leaves its last bytes;
 * a debugger's core file would hold them.  Before each wait. */
void secret_memory_wipe_registers(void);

/* Adds the row "secret stack": it is worth what its memory is. */
void secret_memory_report_stack(const struct secret_memory *stack,
                                struct report *report);
