#include "client/serve/receive.h"

#include <errno.h>
#include <stdlib.h>

/* Takes nothing yet. */

int receiver_new(const struct agent_cache *config, struct upstream *upstream,
                 int wake_fd, struct receiver **ret_receiver)
{
	(void)config;
	(void)upstream;
	(void)wake_fd;
	*ret_receiver = NULL;
	return 0;
}

void receiver_free(struct receiver *receiver)
{
	(void)receiver;
}

int receipt_begin(struct receiver *receiver, const char *key,
                  const char *content_encoding, struct receipt **ret_receipt)
{
	(void)receiver;
	(void)key;
	(void)content_encoding;
	(void)ret_receipt;
	return -ENOTSUP;
}

int receipt_write(struct receipt *receipt, struct bytes bytes,
                  size_t *ret_taken)
{
	(void)receipt;
	*ret_taken = bytes.len;
	return 0;
}

void receipt_end(struct receipt *receipt)
{
	(void)receipt;
}

void receipt_take_order(struct receipt *receipt, struct order *order)
{
	(void)receipt;
	order_free(order);
}

enum receipt_state receipt_state(struct receipt *receipt)
{
	(void)receipt;
	return RECEIPT_DONE;
}

unsigned receipt_status(const struct receipt *receipt)
{
	(void)receipt;
	return 501;
}

const char *receipt_text(const struct receipt *receipt)
{
	(void)receipt;
	return "";
}

void receipt_close(struct receipt *receipt)
{
	(void)receipt;
}
