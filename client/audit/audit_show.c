#include "client/audit/audit_show.h"

#include "client/audit/place.h"
#include "client/audit/sentence.h"
#include "client/audit/trail.h"
#include "client/audit/watch.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct show {
	const struct audit_show_request *request;
	struct trail *trail;
	struct buffer out; /* one sentence */
	uint64_t skip;     /* lines that still are too many */
	bool has_colour;
	bool has_bad; /* a line was none */
};

/* Seals are for audit verify. */
static bool is_shown(const struct show *s, const struct audit_line *line)
{
	return line->time_ms / 1000 >= s->request->since_s &&
	       (s->request->is_json || line->kind != AUDIT_SEAL);
}

/* 0 or -errno. */
static int write_out(const void *text, size_t len)
{
	return fwrite(text, 1, len, stdout) == len && putchar('\n') != EOF
	               ? 0
	               : -EPIPE;
}

static int print(struct show *s, const struct audit_line *line,
                 struct bytes text)
{
	int rc;

	if (s->request->is_json)
		return write_out(text.data, text.len);
	buffer_rewind(&s->out);
	sentence_put(&s->out, line, s->has_colour);
	rc = buffer_end(&s->out);
	return rc < 0 ? rc : write_out(s->out.data, s->out.len);
}

static int show_line(struct show *s, const struct trail_line *line)
{
	cleanup_audit_line struct audit_line record = { .tree = NULL };
	int rc = audit_line_parse(line->text, &record);

	if (rc == -EBADMSG) {
		log_warn("audit: %s:%llu: not a record: see nixcache audit "
		         "verify",
		         line->file, (unsigned long long)line->number);
		s->has_bad = true;
		return 0;
	}
	if (rc < 0 || !is_shown(s, &record))
		return rc;
	if (s->skip > 0) {
		s->skip--;
		return 0;
	}
	return print(s, &record, line->text);
}

/* Up to the end as it is now. */
static int show_lines(struct show *s)
{
	struct trail_line line;
	int rc;

	while ((rc = trail_next(s->trail, &line)) == 1) {
		rc = show_line(s, &line);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : fflush(stdout) == 0 ? 0 : -EPIPE;
}

/* How many lines there are that would be shown. */
static int count_lines(const struct show *s, const char *path,
                       uint64_t *ret_count)
{
	cleanup_trail struct trail *trail = NULL;
	char why[TRAIL_WHY_SIZE];
	struct trail_line line;
	uint64_t count = 0;
	int rc = trail_open(path, &trail, why);

	if (rc < 0)
		return rc;
	while ((rc = trail_next(trail, &line)) == 1) {
		cleanup_audit_line struct audit_line record = { .tree = NULL };

		rc = audit_line_parse(line.text, &record);
		if (rc < 0 && rc != -EBADMSG)
			return rc;
		count += rc == 0 && is_shown(s, &record) ? 1 : 0;
	}
	*ret_count = count;
	return rc;
}

/* What comes, until a signal. */
static int follow(struct show *s, struct watch *watch)
{
	int rc = 0, outcome = WATCH_CHANGED;

	while (rc == 0 && outcome == WATCH_CHANGED) {
		outcome = watch_wait(watch);
		if (outcome < 0)
			return outcome;
		rc = show_lines(s);
		while (rc == 0 && (rc = trail_turn(s->trail)) == 1)
			rc = show_lines(s);
	}
	return rc;
}

static int show(struct show *s)
{
	struct watch watch = { .signals = -1, .changes = -1 };
	int rc;

	if (!s->request->follows)
		return show_lines(s);
	/* Watched before it is read, so that nothing falls in between. */
	rc = watch_open(&watch, trail_path(s->trail));
	if (rc == 0)
		rc = show_lines(s);
	if (rc == 0)
		rc = follow(s, &watch);
	watch_close(&watch);
	return rc;
}

static int run(const struct audit_show_request *request, const char *path)
{
	struct show s = { .request = request };
	char why[TRAIL_WHY_SIZE];
	uint64_t count;
	int rc;

	if (trail_open(path, &s.trail, why) < 0) {
		log_error("audit: %s", why);
		return EXIT_FAILED;
	}
	buffer_init(&s.out, SENTENCE_MAX);
	s.has_colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	rc = request->line_max < 0 ? 0 : count_lines(&s, path, &count);
	if (rc == 0 && request->line_max >= 0 &&
	    count > (uint64_t)request->line_max)
		s.skip = count - (uint64_t)request->line_max;
	if (rc == 0)
		rc = show(&s);
	if (rc < 0 && rc != -EPIPE)
		log_error("audit: %s: %s", path, strerror(-rc));
	buffer_clear(&s.out);
	trail_close(s.trail);
	return rc < 0 || s.has_bad ? EXIT_FAILED : EXIT_DONE;
}

int audit_show_run(const struct audit_show_request *request)
{
	cleanup_place struct place place = { .path = "" };
	char why[PLACE_WHY_SIZE];
	int rc = place_find(request->path, &place, why);

	if (rc == EXIT_DONE)
		return run(request, place.path);
	log_error("audit: %s", why);
	return rc;
}
