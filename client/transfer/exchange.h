/* exchange.h - one request and its answer on a libcurl easy handle
 *
 * Private to this folder.  Setup, perform (by transfer.c's multi handle), take
 * the result; and so on with the next request.
 */
#pragma once

#include "client/transfer/answer.h"

#include <curl/curl.h>

/* What all exchanges of a transfer have alike; borrowed. */
struct exchange_settings {
	CURLSH *share;
	long connect_timeout_ms;
	long stall_timeout_s;
	const char *user_agent; /* NULL: none */
	const char *ca_file;    /* NULL: libcurl's own */
	int room_fd; /* an eventfd: a full sink has room, or no reader */
};

struct exchange {
	struct exchange *next;      /* in transfer.c's idle or finished list */
	struct exchange *next_made; /* in transfer.c's list of all */
	CURL *easy;                 /* NULL while idle */
	CURLcode code;              /* how it ended */
	struct curl_slist *headers;
	const uint8_t *body;
	size_t body_len;
	size_t body_at;
	uint64_t *bytes_sent; /* transfer.c's total */
	uint64_t tag;
	struct answer answer;
	bool is_under_way; /* in the multi handle */
	bool is_paused;    /* until there is room in the answer's sink */
	char error_text[CURL_ERROR_SIZE];
};

/* NULL when out of memory. */
struct exchange *exchange_new(uint64_t *bytes_sent);
void exchange_free(struct exchange *exchange);
/* The request and its answer. */
void exchange_forget(struct exchange *exchange);

/* CURLE_OK, or why the request cannot be made (also in exchange->code). */
must_check CURLcode exchange_setup(struct exchange *exchange,
                                   const struct exchange_settings *settings,
                                   const struct transfer_request *request);

/* Of a request that is under way: lets go on what is paused, if it can, and
 * ends what nobody wants.  True if it has ended: exchange->code says how. */
must_check bool exchange_resume(struct exchange *exchange);

/* When exchange->code is known: fills in the result, forgets the request. */
void exchange_finish(struct exchange *exchange,
                     struct transfer_result *ret_result);
