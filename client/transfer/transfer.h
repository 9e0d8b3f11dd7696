/* transfer.h - HTTP requests, many at a time, through libcurl's multi interface
 *
 * Knows URLs, methods, bodies and time; knows nothing of S3, Nix or retries.
 * URLs are bearer tokens and never leave this room, not even in an error.
 */
#pragma once

#include "client/pipe/conduit.h"
#include "protocol/base/bytes.h"
#include "protocol/varlink/agent_api.h"

#include <poll.h>

#define TRANSFER_RESPONSE_MAX (8UL * 1024 * 1024)

struct transfer_request {
	/* Borrowed until the result; a copy of the URL is kept and wiped. */
	const struct agent_signed_request *target;
	const uint8_t *body; /* borrowed until the result; NULL: none */
	size_t body_len;
	const char *content_type; /* borrowed; NULL: none */
	bool use_new_connection;  /* after a 500 or 503 */
	size_t response_max;      /* 0: TRANSFER_RESPONSE_MAX */

	/* Where the body of a 200 or 206 goes; borrowed, NULL: into response.
	 * Full, it makes the request pause; abandoned, it ends it as
	 * TRANSFER_FAILED.  It is not ended. */
	struct conduit *sink;
	uint64_t range_from; /* first byte wanted; only with a sink */
	uint64_t range_len;  /* 0: to the end */
	const char *etag;    /* if the answer has another: TRANSFER_FAILED;
	                      * borrowed, NULL: any; only with a sink */
	uint64_t tag;        /* the caller's, comes back */
};

enum transfer_outcome {
	TRANSFER_DONE = 0,      /* there is a status; see http_status */
	TRANSFER_NO_CONNECTION, /* refused, no route, no name */
	TRANSFER_BROKEN,        /* reset, closed early, garbled */
	TRANSFER_TIMED_OUT,     /* connecting or stalled */
	TRANSFER_TLS,           /* certificate or handshake */
	TRANSFER_TOO_LARGE,     /* response beyond response_max */
	TRANSFER_FAILED,        /* anything else */
};

struct transfer_result {
	uint64_t tag;
	enum transfer_outcome outcome;
	long http_status;
	uint32_t retry_after;    /* seconds, 0: not said */
	char detail[200];        /* for a person; without any URL */
	char etag[160];          /* as received, or empty */
	uint64_t content_length; /* of a HEAD's or GET's answer */
	uint64_t object_size;    /* the whole one's, also of a 416; 0: ? */
	/* These three also where there is no status in the end. */
	uint64_t streamed;      /* bytes that went into the sink */
	int64_t server_time;    /* Date; seconds since the epoch, 0: not said */
	char encoding[16];      /* Content-Encoding, or empty */
	struct buffer response; /* owned by the taker: buffer_clear() */
};

struct transfer_options {
	unsigned connections;        /* at most; 0: 32 */
	uint32_t connect_timeout_ms; /* 0: 10 s */
	uint32_t stall_timeout_s;    /* below 1 byte/s for so long; 0: 30 s */
	const char *user_agent;      /* borrowed for good */
};

struct transfer;

must_check int transfer_open(const struct transfer_options *options,
                             struct transfer **ret_transfer);
void transfer_close(struct transfer *transfer);

/* 0 or -ENOMEM. */
must_check int transfer_submit(struct transfer *transfer,
                               const struct transfer_request *request);

/* How many are under way. */
size_t transfer_count(const struct transfer *transfer);

/* Waits for progress, for one of the caller's descriptors, or for the time.
 * 0 or -errno. */
must_check int transfer_wait(struct transfer *transfer, struct pollfd *extra,
                             unsigned extra_count, int timeout_ms);

/* 1: *ret_result is filled in; 0: none is ready.  Call until 0. */
must_check int transfer_next(struct transfer *transfer,
                             struct transfer_result *ret_result);

/* Body bytes sent so far, for the progress line. */
uint64_t transfer_bytes_sent(const struct transfer *transfer);
