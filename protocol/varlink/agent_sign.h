/* agent_sign.h - the Sign method: calls and replies as C values */
#pragma once

#include "protocol/varlink/agent_method.h"

struct json_tree;

struct sign_path {
	char *store_path; /* as sent: not yet checked against a store */
	struct nix_hash nar_hash;
	uint64_t nar_size;         /* not 0 */
	struct strings references; /* full paths as sent, sorted, unique */
};

struct sign_call {
	char cache[AGENT_CACHE_NAME_MAX + 1];
	struct sign_path *paths; /* owned; 1..AGENT_BATCH_MAX */
	size_t count;
	/* owned: what the paths borrow from */
	char **references; /* of all paths, one after the other */
	struct json_tree *texts;
};

/* CALL_OK, CALL_E_REFUSED, -ENOMEM.  Borrows nothing from the call. */
must_check int sign_call_decode(const struct varlink_call *call,
                                struct sign_call *ret_sign,
                                struct error_reply *ret_error);
void sign_call_clear(struct sign_call *sign);

/* Appends a whole call for paths in store_dir; count is at most
 * AGENT_BATCH_MAX.  As frame_end(). */
must_check int sign_call_encode(const char *cache, const char *store_dir,
                                const struct path_info *const *paths,
                                size_t count, struct buffer *out);

/* A reply, path after path in the order of the call: begin returns the mark for
 * end, which is as frame_end(). */
size_t sign_reply_begin(struct buffer *out);
void sign_reply_add(struct buffer *out, const char *store_path,
                    const struct bytes *signatures, size_t count);
must_check int sign_reply_end(struct buffer *out, size_t mark);

/* The whole: signatures[i] are those of sign->paths[i].  As frame_end(). */
must_check int sign_reply_encode(const struct sign_call *sign,
                                 const struct strings *signatures,
                                 struct buffer *out);

/* 0, -ENOMEM, or -EBADMSG if the reply is not about exactly these paths in this
 * order, or something in it is not a signature.  Fills ret_signatures[i] for
 * paths[i]; on failure all are empty. */
must_check int sign_reply_decode(const struct varlink_reply *reply,
                                 const char *store_dir,
                                 const struct path_info *const *paths,
                                 size_t count, struct strings *ret_signatures);

/* For cleanup(sign_call_clear) on a local struct sign_call. */
#define cleanup_sign_call __attribute__((__cleanup__(sign_call_clear)))
