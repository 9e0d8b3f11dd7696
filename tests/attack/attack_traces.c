/* attack_traces SINCE SPARED PATH... < NEEDLES
 *
 * Looks for the needles (see needles.h) in the arguments and environments of
 * every process there is, and in every file below the paths that was changed
 * after the file SINCE was; the file SPARED is passed over ("-": none).
 *
 *   traces arguments: 93 processes, 0 hits
 *   traces environments: 91 processes, 0 hits
 *   traces files: 17 files, 0 hits
 *
 * Exit status 0: no hit; 1: hits; 2: wrong usage.
 */
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "tests/attack/needles.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (1UL << 20)

struct search {
	const struct needles *needles;
	struct timespec since;
	struct stat spared;
	uint8_t window[NEEDLE_LEN_MAX + CHUNK]; /* a tail and a chunk */
};

/* True if some needle is in what fd gives; says which. */
static bool is_in(struct search *search, int fd, const char *where)
{
	size_t tail = 0;
	ssize_t n;

	while ((n = fd_read_full(fd, search->window + tail, CHUNK)) > 0) {
		const struct bytes window = { search->window,
			                      tail + (size_t)n };
		const struct needle *needle;
		size_t at = 0;

		needle = needles_find(search->needles, window, &at);
		if (needle) {
			(void)printf("hit %s: %s\n", where, needle->name);
			return true;
		}
		tail = window.len < NEEDLE_LEN_MAX ? window.len
		                                   : NEEDLE_LEN_MAX;
		memmove(search->window, window.data + window.len - tail, tail);
	}
	return false;
}

static unsigned search_processes(struct search *search, const char *name,
                                 const char *what)
{
	unsigned count = 0, hits = 0;
	DIR *processes = opendir("/proc");

	/* cppcheck-suppress readdirCalled; there are no threads here */
	for (struct dirent *entry; processes && (entry = readdir(processes));) {
		cleanup_close int fd = -1;
		char path[320];

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/%s", entry->d_name,
		               name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		count++;
		hits += is_in(search, fd, path) ? 1 : 0;
	}
	if (processes)
		(void)closedir(processes);
	(void)printf("traces %s: %u processes, %u hits\n", what, count, hits);
	return hits;
}

static bool is_wanted(const struct search *search, const struct stat *st)
{
	const bool is_newer =
		st->st_ctim.tv_sec != search->since.tv_sec
			? st->st_ctim.tv_sec > search->since.tv_sec
			: st->st_ctim.tv_nsec > search->since.tv_nsec;

	return S_ISREG(st->st_mode) && is_newer &&
	       (st->st_dev != search->spared.st_dev ||
	        st->st_ino != search->spared.st_ino);
}

static unsigned search_files(struct search *search, char **roots)
{
	unsigned count = 0, hits = 0;
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);

	for (FTSENT *entry; tree && (entry = fts_read(tree));) {
		cleanup_close int fd = -1;

		if (entry->fts_info != FTS_F ||
		    !is_wanted(search, entry->fts_statp))
			continue;
		fd = open(entry->fts_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			continue;
		count++;
		hits += is_in(search, fd, entry->fts_path) ? 1 : 0;
	}
	if (tree)
		(void)fts_close(tree);
	(void)printf("traces files: %u files, %u hits\n", count, hits);
	return hits;
}

int main(int argc, char **argv)
{
	cleanup_free struct search *search = calloc(1, sizeof(*search));
	struct needles *needles = needles_read(STDIN_FILENO);
	struct stat since;
	unsigned hits;

	if (argc < 4 || !needles || !search || stat(argv[1], &since) < 0 ||
	    (strcmp(argv[2], "-") != 0 && stat(argv[2], &search->spared) < 0)) {
		(void)fprintf(stderr, "usage: attack_traces SINCE SPARED "
		                      "PATH... < NEEDLES\n");
		return 2;
	}

	search->needles = needles;
	search->since = since.st_ctim;
	hits = search_processes(search, "cmdline", "arguments");
	hits += search_processes(search, "environ", "environments");
	hits += search_files(search, argv + 3);
	needles_free(needles);
	return hits > 0 ? 1 : 0;
}
