#include "agent/seal/secret_memory.h"

/* A few instructions instead of makecontext(): swapcontext(3) makes a system
 * call, which the vault's filter would answer with death on the way back.  The
 * call pushes its return address on the new stack and pops it again, so a
 * shadow stack (CET) sees an ordinary call.  The old stack pointer waits in a
 * register that entry must preserve. */
#if defined(__x86_64__)

static void call_on(const uint8_t *top, void (*entry)(void *), void *argument)
{
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
	                 "movq %[top], %%rsp\n\t"
	                 "call *%[entry]\n\t"
	                 "movq %%rbx, %%rsp"
	                 : "+D"(argument)
	                 : [top] "r"(top), [entry] "r"(entry)
	                 : "rbx", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10",
	                   "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
	                   "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
	                   "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc",
	                   "memory");
}

#elif defined(__aarch64__)

static void call_on(const uint8_t *top, void (*entry)(void *), void *argument)
{
	register void *first __asm__("x0") = argument;

	__asm__ volatile("mov x19, sp\n\t"
	                 "mov sp, %[top]\n\t"
	                 "blr %[entry]\n\t"
	                 "mov sp, x19"
	                 : "+r"(first)
	                 : [top] "r"(top), [entry] "r"(entry)
	                 : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9",
	                   "x10", "x11", "x12", "x13", "x14", "x15", "x16",
	                   "x17", "x18", "x19", "x30", "v0", "v1", "v2", "v3",
	                   "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19",
	                   "v20", "v21", "v22", "v23", "v24", "v25", "v26",
	                   "v27", "v28", "v29", "v30", "v31", "cc", "memory");
}

#else
#error "no stack switch for this processor: build with -Dsealing=false"
#endif

void secret_memory_call(const struct secret_memory *stack,
                        void (*entry)(void *), void *argument)
{
	/* Both ABIs want the stack aligned to 16; the top of a page is. */
	call_on(stack->at + stack->size, entry, argument);
}

void secret_memory_report_stack(struct report *report)
{
	report_add(report, "secret stack", MEASURE_HELD,
	           "registers and frames spill into secret memory");
}
