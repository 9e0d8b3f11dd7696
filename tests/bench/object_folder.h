/* object_folder.h - objects as files in a folder, parts of uploads included */
#pragma once

#include "protocol/base/bytes.h"

#include <sys/types.h>

/* Bytes that are on their way from a client. */
struct incoming {
	int socket;
	struct bytes early; /* came with the head of the request */
	uint64_t len;       /* of all */
};

/* Reads exactly that, to nowhere.  0 or -errno. */
must_check int incoming_skip(struct incoming *in);

/* All keys are relative to folder, and may hold slashes.  0 or -errno. */
must_check int object_put(int folder, const char *key, struct incoming *in);
must_check int object_open(int folder, const char *key, int *ret_fd,
                           off_t *ret_size);
must_check int object_remove(int folder, const char *key);

must_check int object_put_part(int folder, const char *upload, unsigned part,
                               struct incoming *in);
/* Parts 1, 2, ... up to the first that is not there. */
must_check int object_assemble(int folder, const char *upload, const char *key);
