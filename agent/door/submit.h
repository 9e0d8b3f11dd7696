/* submit.h - Sign and Presign calls as frames for the vault, and back */
#pragma once

#include "agent/door/state.h"
#include "protocol/varlink/error_reply.h"

/* A tag names the call and the item in it. */
#define SUBMIT_ITEM_BITS 16

/* Which call an answer belongs to. */
uint64_t submit_work_id(uint64_t tag);

/* CALL_OK, or CALL_E_REFUSED with the reply. */
must_check int submit_check_sign(const struct door *door,
                                 const struct work *work,
                                 struct error_reply *ret_error);
must_check int submit_check_presign(const struct door *door,
                                    const struct work *work,
                                    struct error_reply *ret_error);

/* "abc-x" of "/nix/store/abc-x", after submit_check_sign(); borrowed. */
const char *submit_base_of(const struct config_cache *cache,
                           const struct sign_path *path);

/* Queues the next items, at most so many.  0 or -errno. */
must_check int submit_work(struct door *door, struct work *work, size_t max);

/* Takes VAULT_SIGNED or VAULT_URL for the next item, and appends what it brings
 * to the reply, which begins at work->out_mark.  0 or -EBADMSG. */
must_check int submit_take_answer(struct work *work,
                                  const struct wire_frame *frame,
                                  struct buffer *out);

/* When all are answered: ends the reply; pace is of URLs.  As frame_end(). */
must_check int submit_end_reply(const struct work *work,
                                const struct agent_pace *pace,
                                struct buffer *out);
