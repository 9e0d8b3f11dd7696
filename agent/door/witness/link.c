#include "agent/door/witness/link.h"

#include "protocol/base/text.h"
#include "protocol/nix/worker.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Questions on their way at once: a batch, whose answers usually fit the
 * socket's buffers. */
#define IN_FLIGHT_MAX 256
#define READ_SIZE     65536
#define READS_MAX     16 /* at a time: others wait to be served */
#define SAID_SIZE     256

void link_init(struct link *link)
{
	*link = (struct link){ .fd = -1 };
	buffer_init(&link->in, WORKER_MESSAGE_MAX + READ_SIZE);
	buffer_init(&link->out, WORKER_MESSAGE_MAX);
}

void link_close(struct link *link)
{
	if (link->fd >= 0)
		(void)close(link->fd);
	link->fd = -1;
	link->state = LINK_NONE;
	link->store_dir = NULL;
	link->heard_ms = 0;
	buffer_clear(&link->in);
	buffer_clear(&link->out);
}

void link_open(struct link *link, int owned_fd)
{
	link->fd = owned_fd;
	link->state = LINK_HELLO;
	link->has_answered = false;
	link->has_refused = false;
	link->why[0] = '\0';
	worker_put_hello(&link->out);
}

printf_like(3, 4) static int lose(struct link *link, int rc, const char *format,
                                  ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(link->why, sizeof(link->why), format, args);
	va_end(args);
	return rc;
}

bool link_is_of(const struct link *link, const struct question *question)
{
	return !link->store_dir ||
	       strcmp(link->store_dir, question->store_dir) == 0;
}

static bool is_next(const struct link *link, const struct questions *questions)
{
	const struct question *next = TAILQ_FIRST(&questions->waiting);

	return next && questions->asked_count < IN_FLIGHT_MAX &&
	       link_is_of(link, next);
}

bool link_has_to_send(const struct link *link,
                      const struct questions *questions)
{
	bool may_ask = link->state == LINK_READY || link->state == LINK_RESULT;

	return link->out.len > 0 || (may_ask && is_next(link, questions));
}

static void put_questions(struct link *link, struct questions *questions,
                          long long now_ms)
{
	while (is_next(link, questions)) {
		const struct question *question = questions_ask(questions);

		if (questions->asked_count == 1)
			link->heard_ms = now_ms;
		link->store_dir = question->store_dir;
		worker_put_query_info(&link->out, question->store_dir,
		                      question->base);
	}
}

int link_send(struct link *link, struct questions *questions, long long now_ms)
{
	if (link->heard_ms == 0)
		link->heard_ms = now_ms;
	if (link->state == LINK_READY || link->state == LINK_RESULT)
		put_questions(link, questions, now_ms);
	if (buffer_end(&link->out) < 0)
		return lose(link, -ENOMEM, "out of memory");
	while (link->out.len > 0) {
		ssize_t n = send(link->fd, link->out.data, link->out.len,
		                 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		/* It may still have something to say: the end of that is the
		 * end. */
		if (n < 0)
			n = (ssize_t)link->out.len;
		buffer_consume(&link->out, (size_t)n);
	}
	return 0;
}

/* What a message is taken from, and what it is for. */
struct intake {
	struct questions *questions;
	struct digest *digest;
	struct bytes in;
	size_t used;   /* the length of the message, once it is taken */
	bool has_news; /* a question was answered or has failed */
};

static int take_hello(struct link *link, struct intake *intake)
{
	int rc = worker_get_hello(intake->in, &intake->used, &link->version);

	if (rc == -EPROTONOSUPPORT) {
		return lose(link, rc,
		            "it speaks protocol %u.%u; 1.%u (Nix 2.4) or newer "
		            "is needed",
		            (unsigned)(link->version >> 8),
		            (unsigned)(link->version & 0xff),
		            WORKER_VERSION_MIN & 0xff);
	}
	if (rc == 0) {
		worker_put_setup(&link->out);
		link->state = LINK_WELCOME;
	}
	return rc;
}

static int take_welcome(struct link *link, struct intake *intake)
{
	enum worker_trust trust;
	int rc = worker_get_welcome(intake->in, link->version, &intake->used,
	                            &trust);

	if (rc == 0)
		link->state = LINK_GREETED;
	return rc;
}

static void keep_said(struct link *link, struct bytes text)
{
	char said[SAID_SIZE];

	text_printable((const char *)text.data, text.len, said, sizeof(said));
	(void)lose(link, 0, "it says: %s", said);
}

/* What comes before each result.  An error of a question stands for its result;
 * where none is asked, it is the daemon's last word. */
static int take_note(struct link *link, struct intake *intake)
{
	bool is_asked = intake->questions->asked_count > 0;
	struct worker_note note;
	int rc = worker_get_note(intake->in, link->version, &intake->used,
	                         &note);

	if (rc != 0 || note.type == WORKER_NOTE_OTHER)
		return rc;
	if (note.type == WORKER_NOTE_ERROR) {
		keep_said(link, note.text);
		if (!is_asked)
			return -EREMOTEIO;
		questions_end(intake->questions, QUESTION_FAILED, NULL);
		link->has_refused = true;
		intake->has_news = true;
		return 0;
	}
	if (link->state == LINK_READY && !is_asked)
		return -EBADMSG;
	link->state = link->state == LINK_GREETED ? LINK_READY : LINK_RESULT;
	return 0;
}

static int take_result(struct link *link, struct intake *intake)
{
	const struct question *question =
		TAILQ_FIRST(&intake->questions->asked);
	struct answer answer;
	struct path_info info;
	int rc = worker_get_path_info(intake->in, question->store_dir,
	                              &intake->used, &info);

	if (rc == WORKER_MORE || rc < 0)
		return rc;
	if (rc == WORKER_NOT_VALID) {
		rc = compare_take_answer(intake->digest, NULL, &answer);
	} else {
		rc = compare_take_answer(intake->digest, &info, &answer);
		path_info_clear(&info);
	}
	if (rc < 0)
		return rc;
	questions_end(intake->questions, QUESTION_ANSWERED, &answer);
	link->state = LINK_READY;
	link->has_answered = true;
	link->has_refused = false;
	intake->has_news = true;
	return 0;
}

/* 0: a message was taken.  WORKER_MORE; -errno. */
static int take_message(struct link *link, struct intake *intake)
{
	switch (link->state) {
	case LINK_HELLO:
		return take_hello(link, intake);
	case LINK_WELCOME:
		return take_welcome(link, intake);
	case LINK_GREETED:
	case LINK_READY:
		return take_note(link, intake);
	case LINK_RESULT:
		return take_result(link, intake);
	case LINK_NONE:
		break;
	}
	return -EBADMSG;
}

static int take_messages(struct link *link, struct questions *questions,
                         struct digest *digest, bool *ret_news)
{
	struct intake intake = { .questions = questions, .digest = digest };
	size_t taken = 0;
	int rc = 0;

	/* A welcome of an old daemon has no bytes at all. */
	while (rc == 0) {
		intake.in.data = link->in.data + taken;
		intake.in.len = link->in.len - taken;
		if (intake.in.len == 0 && link->state != LINK_WELCOME)
			break;
		intake.used = 0;
		rc = take_message(link, &intake);
		if (rc == 0)
			taken += intake.used;
	}
	buffer_consume(&link->in, taken);
	if (intake.has_news)
		*ret_news = true;
	switch (rc) {
	case -EBADMSG:
		return lose(link, rc, "what it says makes no sense");
	case -ENOMEM:
	case -EIO:
		return lose(link, rc, "%s", strerror(-rc));
	default:
		return rc < 0 ? rc : 0;
	}
}

int link_receive(struct link *link, struct questions *questions,
                 struct digest *digest, long long now_ms, bool *ret_news)
{
	for (int i = 0; i < READS_MAX; i++) {
		uint8_t *room = buffer_reserve(&link->in, READ_SIZE);
		ssize_t n;
		int rc;

		if (!room)
			return lose(link, -ENOMEM, "its message is too long");
		n = recv(link->fd, room, READ_SIZE, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0) {
			return lose(link, -ECONNRESET,
			            "it has closed the connection");
		}
		link->heard_ms = now_ms;
		link->in.len += (size_t)n;
		rc = take_messages(link, questions, digest, ret_news);
		if (rc < 0)
			return rc;
		if (n < READ_SIZE)
			return 0;
	}
	return 0;
}
