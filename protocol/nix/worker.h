/* worker.h - the Nix daemon's worker protocol: requests out, replies in
 *
 * Numbers are 64-bit little endian, strings have a length and zero padding to
 * 8 (Nix, src/libstore/worker-protocol.cc).  Getters are given what has come
 * so far: WORKER_MORE means that the message is not all there, nothing was
 * taken.  *ret_used says how many bytes the message had.
 */
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/nix/path_info.h"

/* 1.35 has the trust flag, and everything we ask is older; newer versions add
 * nothing but features.  1.23 came with Nix 2.4. */
#define WORKER_VERSION     0x123U
#define WORKER_VERSION_MIN 0x117U

#define WORKER_TEXT_MAX       ((size_t)1024 * 1024) /* a log line or an error */
#define WORKER_REFERENCES_MAX 32768
#define WORKER_SIGNATURES_MAX 256
#define WORKER_VALID_MAX      1000 /* paths in one question */
#define WORKER_FRAME_MAX      ((size_t)256 * 1024)
#define WORKER_MESSAGE_MAX    ((size_t)16 * 1024 * 1024)

enum worker_outcome {
	WORKER_MORE = 1,
	WORKER_NOT_VALID = 2, /* there is no such path in the store */
};

/* What the daemon lets us do, as the wire says it. */
enum worker_trust {
	WORKER_TRUST_UNKNOWN = 0, /* older than 1.35, or it does not say */
	WORKER_TRUSTED = 1,
	WORKER_NOT_TRUSTED = 2,
};

enum worker_note_type {
	WORKER_NOTE_LAST,  /* the operation's result follows */
	WORKER_NOTE_ERROR, /* the operation failed */
	WORKER_NOTE_OTHER, /* logs and progress */
};

struct worker_note {
	enum worker_note_type type;
	struct bytes
		text; /* of an error; borrowed from the input, not printable */
};

/* What the client says first. */
void worker_put_hello(struct buffer *out);

/* The daemon's answer.  -EBADMSG if it is no Nix daemon; else 0 and the
 * version to use from now on; -EPROTONOSUPPORT: older than
 * WORKER_VERSION_MIN or of another major, and *ret_version is the daemon's. */
must_check int worker_get_hello(struct bytes in, size_t *ret_used,
                                uint64_t *ret_version);

/* The rest of the client's handshake. */
void worker_put_setup(struct buffer *out);

/* The daemon's name, which nobody here needs, and its trust.  Notes follow. */
must_check int worker_get_welcome(struct bytes in, uint64_t version,
                                  size_t *ret_used,
                                  enum worker_trust *ret_trust);

/* One message of the stream that comes before every result. */
must_check int worker_get_note(struct bytes in, uint64_t version,
                               size_t *ret_used, struct worker_note *ret_note);

void worker_put_query_info(struct buffer *out, const char *store_dir,
                           const char *base);
void worker_put_add_temp_root(struct buffer *out, const char *store_dir,
                              const char *base);
void worker_put_ensure(struct buffer *out, const char *store_dir,
                       const char *base);

/* At most WORKER_VALID_MAX paths; nothing is to be substituted for it. */
void worker_put_query_valid(struct buffer *out, uint64_t version,
                            const char *store_dir, const struct strings *bases);

/* Which of at most WORKER_VALID_MAX paths a substituter of the daemon has;
 * answered like the one above. */
void worker_put_query_substitutable(struct buffer *out, const char *store_dir,
                                    const struct strings *bases);

/* Only of a path that is valid: the daemon dies over another.  Signatures
 * that are no name:base64 of 64 bytes are left out. */
void worker_put_add_signatures(struct buffer *out, const char *store_dir,
                               const char *base,
                               const struct strings *signatures);

/* AddToStoreNar.  Frames follow, then one of no length, and only then
 * notes. */
void worker_put_import(struct buffer *out, const char *store_dir,
                       const struct path_info *info);

/* What stands before len bytes of a NAR, WORKER_FRAME_MAX at most. */
void worker_put_frame(struct buffer *out, size_t len);

/* Everything but the base name, which the reply does not repeat.  Signatures
 * that are not name:base64 of 64 bytes are left out: older daemons store any
 * text, newer readers of a narinfo choke on it.  0, WORKER_MORE,
 * WORKER_NOT_VALID, -EBADMSG, -ENOMEM.  The caller clears the result. */
must_check int worker_get_path_info(struct bytes in, const char *store_dir,
                                    size_t *ret_used,
                                    struct path_info *ret_info);

/* Those of the paths asked for that are valid, sorted.  The caller clears
 * them. */
must_check int worker_get_valid(struct bytes in, const char *store_dir,
                                size_t *ret_used, struct strings *ret_bases);

/* The number 1 that stands for "done". */
must_check int worker_get_done(struct bytes in, size_t *ret_used);
