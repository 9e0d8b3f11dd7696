/* nix_daemon.h - a scripted Nix daemon to test against
 *
 * Its store has the paths <i as 32 digits>-p for i below a count; which refers
 * to which the shape says.  It adds what it is given only in so far as it
 * compares sizes, and it dies, like Nix's own, of a signature for a path that
 * it does not have.  It answers behind a socket, in a process of its
 * own, or as the test program itself, found as "nix-daemon" in PATH.
 */
#pragma once

#include "client/store/daemon.h"

#include <sys/types.h>

#define DIR STORE_DIR_DEFAULT

enum shape {
	SHAPE_TREE,   /* i refers to itself, i/2 and another below i */
	SHAPE_CHAIN,  /* i refers to i-1 */
	SHAPE_WIDE,   /* the highest refers to all others */
	SHAPE_CIRCLE, /* i refers to i+1, the highest to 0 */
};

struct script {
	uint64_t version;
	enum shape shape;
	unsigned count;
	bool is_chatty;     /* logs before each answer */
	bool is_drop_wise;  /* writes single bytes */
	bool wants_roots;   /* an info only after a temporary root */
	unsigned die_after; /* this many questions; 0: never */
	const char *error;  /* the answer to each question */
	size_t die_within;  /* after this much of a NAR; 0: never */
	size_t chatter;     /* bytes of logs before it reads a NAR */
	bool is_early;      /* the answer comes before the NAR is read */
};

/* 1.34, a tree of 100 paths, silent. */
struct script script_plain(void);

void base_name(unsigned i, char out[STORE_PATH_BASE_SIZE]);

/* A string as the protocol, and an archive, has it. */
void put_text(struct buffer *b, const char *text);

/* A directory for a test, and the daemon that may serve in it. */
struct place {
	char dir[64];
	char uri[128]; /* of the daemon */
	pid_t pid;
};

void place_make(struct place *p);
void place_remove(struct place *p);

/* Serves one connection. */
void place_serve(struct place *p, const struct script *script);

/* daemon_open() while `program` is what nix-daemon in PATH is; NULL: nothing
 * is. */
must_check int open_spawned(const struct place *p, const char *program,
                            const char *store, struct daemon **ret_daemon,
                            struct daemon_error *error);

/* Runs argv.  0 if it succeeds, and the first line that it prints. */
must_check int run_line(char *const *argv, char *line, int size);

/* For main(): was this program started as nix-daemon?  Then be one. */
bool nix_daemon_is_called(int argc, char **argv);
int nix_daemon_main(void);
