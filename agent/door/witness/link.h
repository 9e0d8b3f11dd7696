/* link.h - one conversation with a Nix daemon, that never blocks */
#pragma once

#include "agent/door/witness/question.h"
#include "protocol/base/bytes.h"

#define LINK_WHY_SIZE 400

enum link_state {
	LINK_NONE,
	LINK_HELLO,   /* we have said hello: its version */
	LINK_WELCOME, /* its name and trust */
	LINK_GREETED, /* notes, until it says that it is ready */
	LINK_READY,   /* notes, until it says that a result follows */
	LINK_RESULT,
};

struct link {
	int fd; /* owned; -1: none */
	enum link_state state;
	uint64_t version;
	struct buffer in;
	struct buffer out;
	const char *store_dir; /* that of its questions; NULL: none yet */
	long long heard_ms;    /* its last byte, or when it was asked; 0: to be
	                         * found out */
	bool has_answered;     /* a question, since it was opened */
	bool has_refused; /* the last question was answered with an error */
	char why[LINK_WHY_SIZE]; /* it was lost, or a question failed */
};

void link_init(struct link *link);
void link_close(struct link *link);

/* Takes the descriptor over and says hello. */
void link_open(struct link *link, int owned_fd);

/* A daemon ends the conversation over a path that is not below its own store's
 * folder: questions about another folder want one of their own. */
bool link_is_of(const struct link *link, const struct question *question);

bool link_has_to_send(const struct link *link,
                      const struct questions *questions);

/* Puts questions on their way, and what it can of them into the socket.  0 or
 * -errno: lost, why says how. */
must_check int link_send(struct link *link, struct questions *questions,
                         long long now_ms);

/* Reads what has come, not without end.  0 or -errno: as above.  *ret_news:
 * set to true if a question was answered or has failed. */
must_check int link_receive(struct link *link, struct questions *questions,
                            struct digest *digest, long long now_ms,
                            bool *ret_news);
