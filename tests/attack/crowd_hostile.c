#include "tests/attack/crowd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GROUP_MAX 16
#define TICK_MS   20 /* a slow one's time for a byte, and for another try */
#define MANY      256
#define TEXT_MAX  ((size_t)1 << 20)
#define METHOD    "{\"method\":\"io.nixcache.Agent."

enum hostile_kind {
	HOSTILE_SLOW,
	HOSTILE_HALF,
	HOSTILE_FLOODING,
	HOSTILE_DEAF,
	HOSTILE_KINDS,
};

struct hostile {
	enum hostile_kind kind;
	unsigned number;
	int fd;          /* -1: to be connected again */
	size_t sent;     /* of the text */
	bool has_begun;  /* it has once done what it is here for */
	bool is_resting; /* there is nothing more to write */
};

static void add_path(struct buffer *text, unsigned number)
{
	buffer_append_format(
		text,
		"{\"storePath\":\"/nix/store/%032u-crowd\",\"narHash\":"
		"\"sha256:%052u\",\"narSize\":%u,\"references\":[]}",
		number, 0U, 1000 + number);
}

static int make_sign(struct buffer *text, const char *cache, unsigned count)
{
	buffer_init(text, TEXT_MAX);
	buffer_append_format(text,
	                     METHOD "Sign\",\"parameters\":{\"cache\":\"%s\","
	                            "\"paths\":[",
	                     cache);
	for (unsigned i = 0; i < count; i++) {
		if (i > 0)
			buffer_append_char(text, ',');
		add_path(text, i);
	}
	buffer_append_format(text, "]}}%c", 0);
	return buffer_end(text);
}

static int make_presign(struct buffer *text, const char *cache, unsigned count)
{
	buffer_init(text, TEXT_MAX);
	buffer_append_format(text,
	                     METHOD "Presign\",\"parameters\":{\"cache\":\"%s"
	                            "\",\"requests\":[",
	                     cache);
	for (unsigned i = 0; i < count; i++) {
		buffer_append_format(text,
		                     "%s{\"operation\":\"GetObject\",\"key\":"
		                     "\"%032u.narinfo\"}",
		                     i > 0 ? "," : "", i);
	}
	buffer_append_format(text, "]}}%c", 0);
	return buffer_end(text);
}

int crowd_texts_make(struct crowd_texts *texts, const char *cache)
{
	int rc = make_sign(&texts->sign_one, cache, 1);

	if (rc == 0)
		rc = make_presign(&texts->presign_one, cache, 1);
	if (rc == 0)
		rc = make_sign(&texts->sign_many, cache, MANY);
	if (rc == 0)
		rc = make_presign(&texts->presign_many, cache, MANY);
	if (rc < 0)
		return rc;

	buffer_init(&texts->large, TEXT_MAX);
	buffer_append_format(&texts->large, METHOD "Status\",");
	while (texts->large.len < TEXT_MAX / 2)
		buffer_append_char(&texts->large, ' ');
	return buffer_end(&texts->large);
}

void crowd_texts_clear(struct crowd_texts *texts)
{
	buffer_clear(&texts->sign_one);
	buffer_clear(&texts->presign_one);
	buffer_clear(&texts->sign_many);
	buffer_clear(&texts->presign_many);
	buffer_clear(&texts->large);
}

int crowd_connect(const char *path, int flags)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd >= 0 &&
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static const struct buffer *text_of(const struct hostile *hostile,
                                    const struct crowd_texts *texts)
{
	switch (hostile->kind) {
	case HOSTILE_SLOW:
	case HOSTILE_HALF:
	case HOSTILE_KINDS:
		break;
	case HOSTILE_FLOODING:
		/* cppcheck-suppress duplicateValueTernary ; they differ */
		return hostile->number / HOSTILE_KINDS % 2 == 0
		               ? &texts->sign_many
		               : &texts->presign_many;
	case HOSTILE_DEAF:
		return &texts->presign_many;
	}
	return &texts->large;
}

static void close_it(struct hostile *hostile)
{
	(void)close(hostile->fd);
	hostile->fd = -1;
	hostile->sent = 0;
	hostile->is_resting = false;
}

/* As much as there is to say and goes out. */
static void write_some(struct hostile *hostile, const struct crowd_texts *texts)
{
	const struct buffer *text = text_of(hostile, texts);
	const bool is_slow = hostile->kind == HOSTILE_SLOW;
	ssize_t n;

	do {
		const size_t left = text->len - hostile->sent;

		n = send(hostile->fd, text->data + hostile->sent,
		         is_slow ? 1 : left, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			hostile->sent += (size_t)n;
		if (hostile->sent == text->len) {
			hostile->is_resting = hostile->kind == HOSTILE_HALF;
			hostile->sent = 0;
		}
	} while (n > 0 && !is_slow && !hostile->is_resting);

	if (n < 0 && errno != EAGAIN) {
		close_it(hostile);
	} else if (hostile->kind != HOSTILE_FLOODING) {
		hostile->has_begun = true;
	}
}

static void read_some(struct hostile *hostile)
{
	static uint8_t answers[1 << 18];
	ssize_t n = recv(hostile->fd, answers, sizeof(answers), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		close_it(hostile);
	} else if (n > 0) {
		hostile->has_begun = true;
	}
}

static short wanted_events(const struct hostile *hostile)
{
	switch (hostile->kind) {
	case HOSTILE_SLOW: /* writes when the tick is over */
	case HOSTILE_KINDS:
		break;
	case HOSTILE_HALF:
		return (short)(POLLIN | (hostile->is_resting ? 0 : POLLOUT));
	case HOSTILE_FLOODING:
		return POLLIN | POLLOUT;
	case HOSTILE_DEAF:
		return POLLOUT;
	}
	return POLLIN;
}

static void step(struct hostile *hostile, const char *path,
                 const struct crowd_texts *texts, short events, bool is_tick)
{
	if (hostile->fd < 0) {
		if (is_tick)
			hostile->fd = crowd_connect(path, SOCK_NONBLOCK);
		return;
	}
	if (events & (POLLHUP | POLLERR)) {
		close_it(hostile);
		return;
	}
	if (events & POLLIN)
		read_some(hostile);
	if (hostile->fd >= 0 &&
	    ((events & POLLOUT) || (hostile->kind == HOSTILE_SLOW && is_tick)))
		write_some(hostile, texts);
}

void crowd_be_hostile(const char *path, const struct crowd_texts *texts,
                      unsigned first, unsigned count, int ready)
{
	struct hostile group[GROUP_MAX];
	bool is_said = false;

	for (unsigned i = 0; i < count; i++) {
		group[i] = (struct hostile){
			.kind = (first + i) % HOSTILE_KINDS,
			.number = first + i,
			.fd = -1,
		};
	}
	for (;;) {
		struct pollfd fds[GROUP_MAX];
		unsigned begun = 0;
		bool is_tick;

		for (unsigned i = 0; i < count; i++) {
			fds[i] = (struct pollfd){
				.fd = group[i].fd,
				.events = wanted_events(&group[i]),
			};
		}
		is_tick = poll(fds, count, TICK_MS) == 0;
		for (unsigned i = 0; i < count; i++) {
			step(&group[i], path, texts, fds[i].revents,
			     is_tick || !group[i].has_begun);
			begun += group[i].has_begun ? 1 : 0;
		}
		if (begun == count && !is_said)
			is_said = write(ready, "x", 1) == 1;
	}
}
