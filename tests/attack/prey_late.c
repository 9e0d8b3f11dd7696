/* prey_late FILE READY
 *
 * What an agent would be that protects itself by PR_SET_DUMPABLE alone, first
 * thing in main(): it then reads the secret from FILE into ordinary memory,
 * makes the file READY, and waits for its end.
 */
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char secret[4096]; /* NOLINT(*-non-const-global-variables) */
	int fd;

	if (prctl(PR_SET_DUMPABLE, 0) < 0 || argc != 3)
		return 2;
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, secret, sizeof(secret)) <= 0)
		return 1;
	/* cppcheck-suppress leakReturnValNotUsed ; only its being there counts */
	if (open(argv[2], O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0)
		return 1;
	for (;;)
		(void)pause();
}
