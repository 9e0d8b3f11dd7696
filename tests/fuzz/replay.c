/* replay.c - gives a fuzzer each file of a folder, without libFuzzer
 *
 * The name of a file is said before it is given: the last one is that which
 * ended the program.
 */
#include "tests/fuzz/fuzz.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#define INPUT_MAX ((size_t)16 * 1024 * 1024)

static void give(int folder, const char *name)
{
	cleanup_close int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	cleanup_buffer struct buffer input;
	cleanup_free uint8_t *copy = NULL;
	ssize_t got = 1;

	(void)printf("# %s\n", name);
	(void)fflush(stdout);
	buffer_init(&input, INPUT_MAX);
	MUST(fd >= 0);
	while (got > 0) {
		uint8_t *room = buffer_reserve(&input, 65536);

		MUST(room);
		got = read(fd, room, 65536);
		MUST(got >= 0);
		input.len += (size_t)got;
	}
	/* No byte more than it has, so that a sanitizer sees what is read
	 * beyond. */
	copy = malloc(input.len + (input.len == 0));
	MUST(copy);
	if (input.len > 0)
		memcpy(copy, input.data, input.len);
	MUST(LLVMFuzzerTestOneInput(copy, input.len) == 0);
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **entries = NULL;
	cleanup_close int folder = -1;
	int count = -1;

	if (argc == 2)
		folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0)
		count = scandir(argv[1], &entries, is_input, alphasort);
	if (count <= 0) {
		(void)printf("1..1\nnot ok 1 - there are no inputs\n");
		return 1;
	}
	(void)printf("1..1\n");
	(void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 0; i < count; i++) {
		give(folder, entries[i]->d_name);
		free(entries[i]);
	}
	free((void *)entries);
	(void)printf("ok 1 - %d inputs\n", count);
	return 0;
}
