/* prey_registers < SECRET
 *
 * Has the first 16 bytes of a secret in two vector registers and nowhere in
 * its memory, and stops itself: what registers show, an attack must find.
 */
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECRET_LEN 16

/* No call may come in between: it would use the registers. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the assembly wipes it */
static void stop_with(unsigned char secret[SECRET_LEN], long pid)
{
#if defined(__x86_64__)
	__asm__ volatile("movdqu (%[at]), %%xmm6\n\t"
	                 "movdqa %%xmm6, %%xmm15\n\t"
	                 "movq $0, (%[at])\n\t"
	                 "movq $0, 8(%[at])\n"
	                 "1:\tmov %[kill], %%eax\n\t"
	                 "syscall\n\t"
	                 "jmp 1b" ::[at] "r"(secret),
	                 [kill] "i"(SYS_kill), "D"(pid), "S"((long)SIGSTOP)
	                 : "rax", "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long call __asm__("x8") = SYS_kill;
	register long whom __asm__("x0") = pid;
	register long signal __asm__("x1") = SIGSTOP;

	__asm__ volatile("ldr q6, [%[at]]\n\t"
	                 "stp xzr, xzr, [%[at]]\n\t"
	                 "mov x9, x0\n"
	                 "1:\tmov x0, x9\n\t"
	                 "svc 0\n\t"
	                 "b 1b"
	                 : "+r"(whom)
	                 : [at] "r"(secret), "r"(call), "r"(signal)
	                 : "x9", "memory");
#endif
}

int main(void)
{
	unsigned char secret[SECRET_LEN];

	if (read(STDIN_FILENO, secret, SECRET_LEN) != SECRET_LEN)
		return 2;
	stop_with(secret, getpid());
}
