/* channel.h - a byte stream to a Nix daemon, with a deadline on every wait */
#pragma once

#include "protocol/base/bytes.h"

#include <sys/types.h>

#define CHANNEL_TIMEOUT_MS    60000 /* without a byte either way */
#define CHANNEL_COMPLAINT_MAX 400

struct channel {
	int in;         /* from the daemon */
	int out;        /* to it; may be the same descriptor */
	int complaints; /* a spawned daemon's standard error, or -1 */
	int process;    /* pidfd of a spawned daemon, or -1 */
	pid_t pid;
	int timeout_ms;
	struct buffer queued;  /* not yet sent */
	struct bytes borrowed; /* to be sent after it; while channel_write() */
	bool is_deaf;          /* it takes no bytes any more */
	struct buffer received;
	size_t taken;                          /* of received */
	char complaint[CHANNEL_COMPLAINT_MAX]; /* the end of what it said */
	size_t complaint_len;
};

/* Takes over both descriptors, which may be the same. */
must_check int channel_adopt(int in, int out, struct channel **ret_channel);

/* A Unix socket.  0 or -errno. */
must_check int channel_connect(const char *path, struct channel **ret_channel);

/* Runs argv[0] from PATH with pipes on its standard input and output; it dies
 * with the calling thread or with channel_close().  A program that cannot be
 * started shows as a stream that ends. */
must_check int channel_spawn(char *const *argv, struct channel **ret_channel);
void channel_close(struct channel *channel);

/* Where requests are appended; channel_step() sends them. */
struct buffer *channel_queue(struct channel *channel);

/* What has come and was not taken yet.  Borrowed until the next step. */
struct bytes channel_received(const struct channel *channel);
void channel_take(struct channel *channel, size_t len);

/* Sends what is queued until at least one new byte has come: neither side can
 * wait for the other for ever.  -ETIMEDOUT, -ECONNRESET at the end of the
 * stream, -EMSGSIZE when nobody takes what comes. */
must_check int channel_step(struct channel *channel);

/* Sends what is queued and then all of bytes; what comes meanwhile is kept.
 * As channel_step(), and -EPIPE if the daemon takes no more: it may still have
 * said why. */
must_check int channel_write(struct channel *channel, struct bytes bytes);

/* The last line that a spawned daemon wrote to its standard error, printable;
 * empty if there is none. */
void channel_last_complaint(const struct channel *channel, char *out,
                            size_t size);

/* For cleanup_channel on a local struct channel *. */
#define cleanup_channel __attribute__((__cleanup__(channel_close_at)))
static inline void channel_close_at(struct channel **slot)
{
	channel_close(*slot);
}
