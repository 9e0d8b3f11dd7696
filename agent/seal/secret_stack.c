#include "agent/seal/secret_memory.h"

/* A few instructions instead of makecontext(): swapcontext(3) makes a system
 * call, which the vault's filter would answer with death on the way back.  The
 * call pushes its return address on the new stack and pops it again, so a
 * shadow stack (CET) sees an ordinary call.  The old stack pointer waits in a
 * register that entry must preserve. */
#if defined(__x86_64__)

#define VECTORS                                                              \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",      \
		"xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", \
		"xmm15"

static void call_on(const uint8_t *top, void (*entry)(void *), void *argument)
{
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
	                 "movq %[top], %%rsp\n\t"
	                 "call *%[entry]\n\t"
	                 "movq %%rbx, %%rsp"
	                 : "+D"(argument)
	                 : [top] "r"(top), [entry] "r"(entry)
	                 : "rbx", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10",
	                   "r11", VECTORS, "cc", "memory");
}

/* vzeroall reaches the lower sixteen; what copies with AVX-512 (glibc's evex
 * memcpy) leaves traces in the upper ones. */
void secret_memory_wipe_registers(void)
{
	if (__builtin_cpu_supports("avx512f")) {
		__asm__ volatile("vpxorq %%zmm16, %%zmm16, %%zmm16\n\t"
		                 "vpxorq %%zmm17, %%zmm17, %%zmm17\n\t"
		                 "vpxorq %%zmm18, %%zmm18, %%zmm18\n\t"
		                 "vpxorq %%zmm19, %%zmm19, %%zmm19\n\t"
		                 "vpxorq %%zmm20, %%zmm20, %%zmm20\n\t"
		                 "vpxorq %%zmm21, %%zmm21, %%zmm21\n\t"
		                 "vpxorq %%zmm22, %%zmm22, %%zmm22\n\t"
		                 "vpxorq %%zmm23, %%zmm23, %%zmm23\n\t"
		                 "vpxorq %%zmm24, %%zmm24, %%zmm24\n\t"
		                 "vpxorq %%zmm25, %%zmm25, %%zmm25\n\t"
		                 "vpxorq %%zmm26, %%zmm26, %%zmm26\n\t"
		                 "vpxorq %%zmm27, %%zmm27, %%zmm27\n\t"
		                 "vpxorq %%zmm28, %%zmm28, %%zmm28\n\t"
		                 "vpxorq %%zmm29, %%zmm29, %%zmm29\n\t"
		                 "vpxorq %%zmm30, %%zmm30, %%zmm30\n\t"
		                 "vpxorq %%zmm31, %%zmm31, %%zmm31" ::
		                         : "memory");
	}
	if (__builtin_cpu_supports("avx")) {
		__asm__ volatile("vzeroall" ::: VECTORS, "memory");
		return;
	}
	__asm__ volatile("pxor %%xmm0, %%xmm0\n\t"
	                 "pxor %%xmm1, %%xmm1\n\t"
	                 "pxor %%xmm2, %%xmm2\n\t"
	                 "pxor %%xmm3, %%xmm3\n\t"
	                 "pxor %%xmm4, %%xmm4\n\t"
	                 "pxor %%xmm5, %%xmm5\n\t"
	                 "pxor %%xmm6, %%xmm6\n\t"
	                 "pxor %%xmm7, %%xmm7\n\t"
	                 "pxor %%xmm8, %%xmm8\n\t"
	                 "pxor %%xmm9, %%xmm9\n\t"
	                 "pxor %%xmm10, %%xmm10\n\t"
	                 "pxor %%xmm11, %%xmm11\n\t"
	                 "pxor %%xmm12, %%xmm12\n\t"
	                 "pxor %%xmm13, %%xmm13\n\t"
	                 "pxor %%xmm14, %%xmm14\n\t"
	                 "pxor %%xmm15, %%xmm15" ::
	                         : VECTORS, "memory");
}

#elif defined(__aarch64__)

/* Those that a call need not preserve. */
#define VECTORS                                                                \
	"v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18",   \
		"v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", \
		"v28", "v29", "v30", "v31"

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
	                   "x17", "x18", "x19", "x30", VECTORS, "cc", "memory");
}

void secret_memory_wipe_registers(void)
{
	__asm__ volatile("movi v0.16b, #0\n\tmovi v1.16b, #0\n\t"
	                 "movi v2.16b, #0\n\tmovi v3.16b, #0\n\t"
	                 "movi v4.16b, #0\n\tmovi v5.16b, #0\n\t"
	                 "movi v6.16b, #0\n\tmovi v7.16b, #0\n\t"
	                 "movi v16.16b, #0\n\tmovi v17.16b, #0\n\t"
	                 "movi v18.16b, #0\n\tmovi v19.16b, #0\n\t"
	                 "movi v20.16b, #0\n\tmovi v21.16b, #0\n\t"
	                 "movi v22.16b, #0\n\tmovi v23.16b, #0\n\t"
	                 "movi v24.16b, #0\n\tmovi v25.16b, #0\n\t"
	                 "movi v26.16b, #0\n\tmovi v27.16b, #0\n\t"
	                 "movi v28.16b, #0\n\tmovi v29.16b, #0\n\t"
	                 "movi v30.16b, #0\n\tmovi v31.16b, #0" ::
	                         : VECTORS, "memory");
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

void secret_memory_report_stack(const struct secret_memory *stack,
                                struct report *report)
{
	report_add(report, "secret stack",
	           stack->is_memfd_secret ? MEASURE_HELD : MEASURE_WEAKER,
	           "registers and frames spill into %s",
	           stack->is_memfd_secret ? "secret memory"
	                                  : "the pages that keep the secrets");
}
