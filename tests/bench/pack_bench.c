/* Packs closures from a store and says how long it took and what memory.
 *
 *   pack_bench STORE COMPRESSION LEVEL JOBS MEMORY OUTDIR PATH...
 *
 * STORE as daemon_open() takes it ("" for the usual one), COMPRESSION zstd, xz
 * or none, LEVEL -1 for the usual one, JOBS 0 for one a processor, MEMORY as
 * 256M, OUTDIR a directory that gets BASE.nar.SUFFIX for each path, or "". */
#include "client/pack/pack.h"
#include "client/store/closure.h"
#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum {
	ARG_STORE = 1,
	ARG_COMPRESSION,
	ARG_LEVEL,
	ARG_JOBS,
	ARG_MEMORY,
	ARG_OUTDIR,
	ARG_PATHS
};

struct bench {
	struct pack *pack;
	struct closure closure;
	const char *outdir;
	const char *suffix;
	size_t parts;
	uint64_t compressed;
	size_t failed;
};

static int write_part(const struct bench *b, const struct pack_event *event)
{
	const char *base = b->closure.paths[event->job].base;
	const struct pack_part *part = event->part;
	cleanup_close int fd = -1;
	char path[PATH_MAX];
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC;

	if (b->outdir[0] == '\0')
		return 0;
	(void)snprintf(path, sizeof(path), "%s/%s.nar%s", b->outdir, base,
	               b->suffix);
	flags |= part->number == 1 ? O_TRUNC : O_APPEND;
	fd = open(path, flags, 0600);
	if (fd < 0)
		return -errno;
	return fd_write_full(fd, part->data, part->len);
}

/* 1 if the event ended its job. */
static size_t take_event(struct bench *b, struct pack_event *event)
{
	switch (event->type) {
	case PACK_PART:
		if (write_part(b, event) < 0)
			b->failed++;
		b->parts++;
		b->compressed += event->part->len;
		pack_part_free(event->part);
		return 0;
	case PACK_DONE:
		return 1;
	case PACK_FAILED:
		(void)fprintf(stderr, "%s: %s\n",
		              b->closure.paths[event->job].base, event->detail);
		b->failed++;
		return 1;
	}
	return 1;
}

static int run(struct bench *b)
{
	struct pollfd fd = { .fd = pack_fd(b->pack), .events = POLLIN };
	struct pack_event event;
	size_t ended = 0;

	while (ended < b->closure.count) {
		while (pack_next(b->pack, &event))
			ended += take_event(b, &event);
		if (ended < b->closure.count && poll(&fd, 1, -1) < 0 &&
		    errno != EINTR)
			return -errno;
	}
	return 0;
}

static int submit_all(struct bench *b, const char *dir)
{
	for (size_t i = 0; i < b->closure.count; i++) {
		const struct path_info *info = &b->closure.paths[i];
		char path[PATH_MAX];
		const struct pack_source source = { path, &info->nar_hash,
			                            info->nar_size };
		int rc;

		(void)snprintf(path, sizeof(path), "%s/%s", dir, info->base);
		rc = pack_submit(b->pack, i, &source, NULL);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int find_closure(struct daemon *daemon, char **paths,
                        struct closure *ret_closure)
{
	cleanup_strings struct strings roots = { .items = NULL };
	struct daemon_error error;
	int rc = 0;

	for (; rc == 0 && *paths; paths++) {
		char base[STORE_PATH_BASE_SIZE];

		rc = closure_resolve(daemon, *paths, base, &error);
		if (rc == 0)
			rc = strings_add(&roots, base, strlen(base));
	}
	if (rc == 0)
		rc = closure_compute(daemon, &roots, true, ret_closure, &error);
	if (rc < 0)
		(void)fprintf(stderr, "%s\n", error.text);
	return rc;
}

static int parse(char **argv, struct pack_options *ret_options)
{
	uint64_t jobs;

	if (pack_compression_parse(argv[ARG_COMPRESSION],
	                           &ret_options->compression) < 0 ||
	    number_parse(argv[ARG_JOBS], UINT_MAX, &jobs) < 0 ||
	    number_parse_size(argv[ARG_MEMORY], &ret_options->max_memory) < 0)
		return -EINVAL;
	ret_options->level = (int)strtol(argv[ARG_LEVEL], NULL, 10);
	ret_options->jobs = (unsigned)jobs;
	return 0;
}

static void report(const struct bench *b, long long ms)
{
	struct rusage usage;
	uint64_t bytes = pack_bytes_read(b->pack);

	(void)getrusage(RUSAGE_SELF, &usage);
	(void)printf("%zu paths, %.1f MB, compressed %.1f MB in %zu parts; "
	             "%lld ms, %.0f MB/s; peak RSS %ld MiB; failed %zu\n",
	             b->closure.count, (double)bytes / 1e6,
	             (double)b->compressed / 1e6, b->parts, ms,
	             (double)bytes / 1e3 / (double)(ms > 0 ? ms : 1),
	             usage.ru_maxrss / 1024, b->failed);
}

int main(int argc, char **argv)
{
	struct pack_options options = { .level = -1 };
	struct bench b = { .parts = 0 };
	struct daemon_error error;
	struct daemon *daemon;
	long long start;

	if (argc <= ARG_PATHS || parse(argv, &options) < 0)
		return 2;
	if (daemon_open(argv[ARG_STORE][0] ? argv[ARG_STORE] : NULL, &daemon,
	                &error) < 0) {
		(void)fprintf(stderr, "%s\n", error.text);
		return 1;
	}
	start = clock_boot_ms();
	if (find_closure(daemon, argv + ARG_PATHS, &b.closure) < 0)
		return 1;
	(void)printf("closure of %zu paths in %lld ms\n", b.closure.count,
	             clock_boot_ms() - start);

	b.outdir = argv[ARG_OUTDIR];
	b.suffix = pack_compression_suffix(options.compression);
	start = clock_boot_ms();
	if (pack_open(&options, &b.pack) < 0)
		return 1;
	if (submit_all(&b, daemon_physical_dir(daemon)) < 0 || run(&b) < 0)
		return 1;
	report(&b, clock_boot_ms() - start);
	pack_close(b.pack);
	closure_clear(&b.closure);
	daemon_close(daemon);
	return b.failed > 0 ? 1 : 0;
}
