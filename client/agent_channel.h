/* agent_channel.h - one connection to the agent, with deadlines */
#pragma once

#include "protocol/varlink/frame.h"
#include "protocol/varlink/socket_path.h"

struct agent_channel {
	char path[SOCKET_PATH_SIZE];
	int fd; /* -1: not connected */
	struct frame_reader reader;
};

/* How long to wait, on clock_boot_ms(). */
struct agent_wait {
	long long deadline;
	long long announce_at; /* -1: say nothing */
};

void agent_channel_init(struct agent_channel *channel);
/* Closes; may be connected again. */
void agent_channel_clear(struct agent_channel *channel);

/* 0 or -errno. */
must_check int agent_channel_connect(struct agent_channel *channel);

/* 0; -ETIMEDOUT; -EPIPE if the agent has closed; -errno. */
must_check int agent_channel_send(struct agent_channel *channel,
                                  struct bytes message,
                                  struct agent_wait *wait);

/* The next message, borrowed until the next receive.  0; -ETIMEDOUT; -EPIPE if
 * the agent has closed and no byte had come; -ECONNRESET if it closed in the
 * middle; -EMSGSIZE; -errno. */
must_check int agent_channel_receive(struct agent_channel *channel,
                                     struct agent_wait *wait,
                                     struct bytes *ret_message);
