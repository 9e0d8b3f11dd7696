#include "client/ui/progress.h"

#include "client/ui/estimate_words.h"
#include "protocol/base/bytes.h"
#include "protocol/base/fd.h"
#include "protocol/base/number.h"
#include "protocol/varlink/json_write.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_MS     100
#define LINE_MAX_SIZE 1024
#define EVENT_MAX     (16UL * LINE_MAX_SIZE) /* six bytes can stand for one */
#define WIDTH_USUAL   80

enum look {
	LOOK_TERMINAL,
	LOOK_PLAIN,
	LOOK_QUIET,
	LOOK_JSON,
};

/* What differs between the kinds. */
struct words {
	const char *verb;     /* "to push"; the plan's member */
	const char *would;    /* events */
	const char *done;     /* likewise, and the end's member */
	const char *bytes;    /* the end's member */
	const char *moved;    /* "1.0 KiB sent" */
	const char *unpacked; /* "50% read" */
	const char *file;     /* "100 B packed" */
	const char *present;  /* "3 there already" */
	const char *upstream; /* "4 from upstream" */
};

static const struct words words_of[] = {
	[PROGRESS_PUSH] = {
		.verb = "push",
		.would = "would-push",
		.done = "pushed",
		.bytes = "bytesSent",
		.moved = "sent",
		.unpacked = "read",
		.file = "packed",
		.present = "there already",
		.upstream = "from upstream",
	},
	[PROGRESS_PULL] = {
		.verb = "pull",
		.would = "would-pull",
		.done = "pulled",
		.bytes = "bytesReceived",
		.moved = "received",
		.unpacked = "unpacked",
		.file = "packed",
		.present = "here already",
		.upstream = "from Nix's substituters",
	},
};

struct progress {
	enum look look;
	const struct words *words;
	bool is_coloured;
	bool has_line; /* a line that will be redrawn is on the screen */
	struct progress_plan plan;
	size_t done;
	size_t failed;
	long long began_ms;
	long long drawn_ms;
	char current[128]; /* name of the path that was begun last */
};

struct progress *progress_new(enum progress_mode mode, enum progress_kind kind)
{
	struct progress *p = calloc(1, sizeof(*p));
	const char *no_colour;

	if (!p)
		return NULL;
	p->began_ms = clock_boot_ms();
	p->words = &words_of[kind];
	switch (mode) {
	case PROGRESS_AUTO:
		p->look = isatty(STDERR_FILENO) ? LOOK_TERMINAL : LOOK_PLAIN;
		break;
	case PROGRESS_QUIET:
		p->look = LOOK_QUIET;
		break;
	case PROGRESS_JSON:
		p->look = LOOK_JSON;
		break;
	}
	/* no-color.org: any value but the empty one turns colour off */
	no_colour = getenv("NO_COLOR");
	p->is_coloured = p->look == LOOK_TERMINAL && !(no_colour && *no_colour);
	return p;
}

static void erase_line(struct progress *p)
{
	if (p->has_line)
		(void)fputs("\r\033[K", stderr);
	p->has_line = false;
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	erase_line(p);
	free(p);
}

/* "/nix/store/<hash>-hello" is known to a person as "hello". */
static const char *name_of(const char *store_path)
{
	const char *slash = strrchr(store_path, '/');
	const char *base = slash ? slash + 1 : store_path;
	const char *dash = strchr(base, '-');

	return dash ? dash + 1 : base;
}

static void begin_event(struct buffer *out, const char *event)
{
	buffer_init(out, EVENT_MAX);
	buffer_append_char(out, '{');
	json_put_text_member(out, "event", bytes_of_text(event));
}

static void print_event(struct buffer *out)
{
	buffer_append_text(out, "}\n");
	if (buffer_end(out) == 0)
		(void)fwrite(out->data, 1, out->len, stdout);
	(void)fflush(stdout);
	buffer_clear(out);
}

static void put_path(struct buffer *out, const char *store_path)
{
	json_put_text_member(out, "storePath", bytes_of_text(store_path));
}

static void print_plan(const struct progress *p,
                       const struct progress_plan *plan, const char *cache)
{
	char size[NUMBER_SIZE_TEXT];

	number_format_size(plan->nar_bytes, size, sizeof(size));
	(void)fprintf(stderr,
	              "%s%s%zu of %zu paths to %s (%s); %zu %s, %zu %s\n",
	              cache ? cache : "", cache ? ": " : "", plan->todo_count,
	              plan->path_count, p->words->verb, size,
	              plan->present_count, p->words->present,
	              plan->upstream_count, p->words->upstream);
	if (plan->estimate)
		estimate_print(plan->estimate, stderr);
}

void progress_plan(struct progress *p, const struct progress_plan *plan,
                   const char *cache)
{
	struct buffer out;

	p->plan = *plan;
	p->plan.estimate = NULL; /* borrowed for this call */
	if (p->look == LOOK_QUIET)
		return;
	if (p->look != LOOK_JSON) {
		print_plan(p, plan, cache);
		return;
	}
	begin_event(&out, "plan");
	if (cache)
		json_put_text_member(&out, "cache", bytes_of_text(cache));
	json_put_int_member(&out, "paths", (int64_t)plan->path_count);
	json_put_int_member(&out, p->words->verb, (int64_t)plan->todo_count);
	json_put_int_member(&out, "present", (int64_t)plan->present_count);
	json_put_int_member(&out, "upstream", (int64_t)plan->upstream_count);
	json_put_int_member(&out, "narBytes", (int64_t)plan->nar_bytes);
	if (plan->estimate)
		estimate_put(plan->estimate, &out);
	print_event(&out);
}

void progress_would_do(struct progress *p, const char *store_path,
                       uint64_t nar_size)
{
	struct buffer out;

	if (p->look != LOOK_JSON) {
		(void)printf("%s\n", store_path);
		return;
	}
	begin_event(&out, p->words->would);
	put_path(&out, store_path);
	json_put_int_member(&out, "narSize", (int64_t)nar_size);
	print_event(&out);
}

void progress_started(struct progress *p, const char *store_path,
                      uint64_t nar_size)
{
	struct buffer out;

	(void)snprintf(p->current, sizeof(p->current), "%s",
	               name_of(store_path));
	if (p->look != LOOK_JSON)
		return;
	begin_event(&out, "started");
	put_path(&out, store_path);
	json_put_int_member(&out, "narSize", (int64_t)nar_size);
	print_event(&out);
}

static void print_done(struct progress *p, const char *store_path,
                       uint64_t nar_size, uint64_t file_size)
{
	char nar[NUMBER_SIZE_TEXT], file[NUMBER_SIZE_TEXT];

	number_format_size(nar_size, nar, sizeof(nar));
	number_format_size(file_size, file, sizeof(file));
	erase_line(p);
	(void)fprintf(stderr, "%s%s%s %s (%s, %s %s)\n",
	              p->is_coloured ? "\033[32m" : "", p->words->done,
	              p->is_coloured ? "\033[0m" : "", name_of(store_path), nar,
	              file, p->words->file);
}

void progress_done(struct progress *p, const char *store_path,
                   uint64_t nar_size, uint64_t file_size)
{
	struct buffer out;

	p->done++;
	if (p->look == LOOK_QUIET)
		return;
	if (p->look != LOOK_JSON) {
		print_done(p, store_path, nar_size, file_size);
		return;
	}
	begin_event(&out, p->words->done);
	put_path(&out, store_path);
	json_put_int_member(&out, "narSize", (int64_t)nar_size);
	json_put_int_member(&out, "fileSize", (int64_t)file_size);
	print_event(&out);
}

void progress_failed(struct progress *p, const char *store_path,
                     const char *error)
{
	struct buffer out;

	p->failed++;
	erase_line(p);
	(void)fprintf(stderr, "%sfailed%s %s: %s\n",
	              p->is_coloured ? "\033[31m" : "",
	              p->is_coloured ? "\033[0m" : "", store_path, error);
	if (p->look != LOOK_JSON)
		return;
	begin_event(&out, "failed");
	put_path(&out, store_path);
	json_put_text_member(&out, "error", bytes_of_text(error));
	print_event(&out);
}

static unsigned screen_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return WIDTH_USUAL;
	return size.ws_col < LINE_MAX_SIZE ? size.ws_col : LINE_MAX_SIZE - 1;
}

void progress_tick(struct progress *p, uint64_t nar_bytes, uint64_t bytes_moved)
{
	char line[LINE_MAX_SIZE], moved[NUMBER_SIZE_TEXT],
		rate[NUMBER_SIZE_TEXT];
	long long now_ms = clock_boot_ms();
	long long spent_ms = now_ms - p->began_ms;
	unsigned percent = 100;

	if (p->look != LOOK_TERMINAL || now_ms - p->drawn_ms < REDRAW_MS)
		return;
	p->drawn_ms = now_ms;
	if (p->plan.nar_bytes > 0 && nar_bytes < p->plan.nar_bytes)
		percent = (unsigned)(nar_bytes * 100 / p->plan.nar_bytes);
	number_format_size(bytes_moved, moved, sizeof(moved));
	number_format_size(
		spent_ms > 0 ? bytes_moved * 1000 / (uint64_t)spent_ms : 0,
		rate, sizeof(rate));
	(void)snprintf(line, sizeof(line),
	               "%zu/%zu paths, %u%% %s, %s %s, %s/s  %s", p->done,
	               p->plan.todo_count, percent, p->words->unpacked, moved,
	               p->words->moved, rate, p->current);
	line[screen_width() - 1] = '\0';
	erase_line(p);
	(void)fputs(line, stderr);
	(void)fflush(stderr);
	p->has_line = true;
}

void progress_notice(struct progress *p, const char *format, ...)
{
	char text[LINE_MAX_SIZE];
	struct buffer out;
	va_list args;

	if (p->look == LOOK_QUIET)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (p->look != LOOK_JSON) {
		erase_line(p);
		(void)fprintf(stderr, "%s\n", text);
		return;
	}
	begin_event(&out, "notice");
	json_put_text_member(&out, "text", bytes_of_text(text));
	print_event(&out);
}

void progress_end(struct progress *p, size_t done, size_t failed,
                  uint64_t bytes_moved)
{
	long long spent_ms = clock_boot_ms() - p->began_ms;
	char moved[NUMBER_SIZE_TEXT];
	struct buffer out;

	erase_line(p);
	if (p->look == LOOK_QUIET)
		return;
	number_format_size(bytes_moved, moved, sizeof(moved));
	if (p->look != LOOK_JSON) {
		(void)fprintf(stderr,
		              "%zu %s, %zu failed, %s %s in %lld.%lld s\n",
		              done, p->words->done, failed, moved,
		              p->words->moved, spent_ms / 1000,
		              spent_ms % 1000 / 100);
		return;
	}
	begin_event(&out, "end");
	json_put_int_member(&out, p->words->done, (int64_t)done);
	json_put_int_member(&out, "failed", (int64_t)failed);
	json_put_int_member(&out, p->words->bytes, (int64_t)bytes_moved);
	json_put_int_member(&out, "milliseconds", (int64_t)spent_ms);
	print_event(&out);
}
