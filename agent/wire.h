/* wire.h - the fixed messages that cross between launcher, door and vault
 *
 * door <-> vault: a stream of frames; u32 length, u8 type, u64 tag, then the
 * body (cursor.h, big endian).  The vault answers each frame once, in order,
 * with the tag it came with.  door <-> launcher: one packet a message.
 * No pointers; every text is length-prefixed and bounded.
 */
#pragma once

#include "agent/wire_errand.h"
#include "agent/wire_seal.h"
#include "protocol/nix/key.h"
#include "protocol/nix/path_info.h"
#include "protocol/s3/operation.h"
#include "protocol/varlink/agent_api.h"

#define WIRE_HEADER_LEN     13              /* length, type, tag */
#define WIRE_FRAME_MAX      (1200UL * 1024) /* a header and the largest body */
#define WIRE_PACKET_MAX     8192            /* door <-> launcher */
#define WIRE_REFERENCES_MAX 16384           /* of one store path */
#define WIRE_SLOTS_MAX      256             /* secrets in one configuration */
#define WIRE_DETAIL_MAX     512

/* A listening socket.  scope: "owner", "push", "pull", or the name of a
 * [socket] section. */
struct agent_listener {
	int fd;
	const char *scope; /* borrowed */
};

enum vault_type {
	/* door to vault */
	VAULT_SIGN = 1,
	VAULT_PRESIGN,
	VAULT_COMMIT, /* the source has ended well: take what the pipe brought */
	VAULT_SEAL,   /* sequence u64, head: of a line of the audit log */
	/* vault to door */
	VAULT_HELLO, /* once, after sealing: its measures, its first seal key */
	VAULT_SIGNED, /* count u8, then each signature as text */
	VAULT_URL,    /* expires_at u64, url (u16 length) */
	VAULT_LOADED, /* count u16, then slot u16 and public key text; count u16,
	                * then each one's certificate of the first seal key */
	VAULT_SEALED,  /* key, next key, signature */
	VAULT_REFUSED, /* enum vault_refusal u8, slot u16, detail */
};

/* Why the secrets are wiped: in the log of the door. */
enum lock_reason {
	LOCK_ASKED, /* by the door */
	LOCK_LIFETIME,
	LOCK_SIGNAL,
	LOCK_SLEEP, /* or the session's screen was locked */
	LOCK_DIED,  /* the vault has */
	LOCK_REASON_LAST = LOCK_DIED,
};

enum vault_refusal {
	VAULT_NOT_LOADED,     /* no secrets */
	VAULT_BAD_REQUEST,    /* a field breaks its grammar */
	VAULT_NO_SUCH_SECRET, /* the cache has no such key */
	VAULT_MALFORMED,      /* the fetched secret of that slot is malformed */
	VAULT_KEY_MISMATCH,   /* it is not the key that public-key names */
	VAULT_INTAKE_BROKEN,  /* not all secrets came, or too much came */
};

/* How a role ends that says nothing else any more. */
enum role_exit {
	ROLE_EXIT_UNLOCKED = 72, /* the vault's memory cannot be locked */
};

/* What launcher and door say to each other. */
enum launcher_type {
	/* door to launcher */
	LAUNCHER_FETCH = 1, /* run the secret sources */
	LAUNCHER_RENEW,     /* wipe: replace the vault */
	LAUNCHER_REFUSED,   /* the vault refused what was fetched: the outcome
	                     * says why; replace it */
	LAUNCHER_LOADED, /* the vault has taken the secrets; the lifetime runs */
	LAUNCHER_READY,  /* the first vault has said hello */
	LAUNCHER_QUIT,
	LAUNCHER_ERRAND, /* wire_errand.h: something to be done outside */
	/* launcher to door; FETCH from the launcher is a prefetch */
	LAUNCHER_VAULT,     /* with a descriptor: a fresh vault; what for */
	LAUNCHER_CANCELLED, /* the fetch was stopped by a lock */
	LAUNCHER_FETCHED,   /* the sources have ended: struct fetch_outcome */
	LAUNCHER_ERRAND_DONE,
	LAUNCHER_MEASURE, /* a row of the launcher's report has changed */
	LAUNCHER_CLOSE,   /* the agent ends: write the last record, then QUIT */
};

/* How a run of the secret sources ended. */
struct fetch_outcome {
	bool is_ok;
	enum source_failure failure;
	uint32_t retry_after; /* seconds, 0: unknown */
	char detail[WIRE_DETAIL_MAX];
};

struct vault_sign {
	uint16_t cache; /* index in the configuration */
	struct bytes base;
	struct nix_hash nar_hash;
	uint64_t nar_size;
	const struct bytes *references; /* base names, strictly increasing */
	size_t reference_count;
};

/* Appends a whole frame. */
void wire_put_sign(struct buffer *out, uint64_t tag,
                   const struct vault_sign *sign);
void wire_put_presign(struct buffer *out, uint64_t tag, uint16_t cache,
                      const struct s3_object_request *request);
void wire_put_commit(struct buffer *out, uint64_t tag);
void wire_put_hello(struct buffer *out, const struct agent_measure *measures,
                    size_t count, const uint8_t seal_key[KEY_PUBLIC_LEN]);
void wire_put_refused(struct buffer *out, uint64_t tag,
                      enum vault_refusal refusal, uint16_t slot,
                      const char *detail);

/* Starts a frame whose body the caller appends; returns its mark. */
size_t wire_begin(struct buffer *out, enum vault_type type, uint64_t tag);
/* Fills in the length of the frame begun at mark. */
void wire_finish(struct buffer *out, size_t mark);

struct wire_frame {
	enum vault_type type;
	uint64_t tag;
	struct bytes body; /* borrowed */
	size_t size;       /* of the whole frame */
};

/* 1: *ret_frame is the first whole frame of bytes.  0: more bytes are needed.
 * -EBADMSG: not a frame. */
must_check int wire_next(struct bytes bytes, struct wire_frame *ret_frame);

/* Bodies.  0 or -EBADMSG.  Texts borrow from the body.  get_sign fills the
 * caller's references array (WIRE_REFERENCES_MAX long). */
must_check int wire_get_sign(struct bytes body, struct bytes *references,
                             struct vault_sign *ret_sign);
must_check int wire_get_presign(struct bytes body, uint16_t *ret_cache,
                                struct s3_object_request *ret_request);
must_check int wire_get_hello(struct bytes body, struct agent_measure *measures,
                              size_t max, size_t *ret_count,
                              uint8_t ret_seal_key[KEY_PUBLIC_LEN]);

struct vault_refused {
	enum vault_refusal refusal;
	uint16_t slot;
	char detail[WIRE_DETAIL_MAX];
};
must_check int wire_get_refused(struct bytes body,
                                struct vault_refused *ret_refused);

/* door <-> launcher packets.  0 or -errno. */
must_check int wire_send_launcher(int socket, enum launcher_type type, int fd);
/* LAUNCHER_VAULT. */
must_check int wire_send_vault(int socket, enum lock_reason reason, int fd);
/* type: LAUNCHER_FETCHED or LAUNCHER_REFUSED. */
must_check int wire_send_outcome(int socket, enum launcher_type type,
                                 const struct fetch_outcome *outcome);
/* type: LAUNCHER_ERRAND or LAUNCHER_ERRAND_DONE. */
must_check int wire_send_errand(int socket, enum launcher_type type,
                                const struct errand *errand);

/* LAUNCHER_MEASURE. */
must_check int wire_send_measure(int socket,
                                 const struct agent_measure *measure);

/* A message as it came. */
struct launcher_packet {
	enum launcher_type type;
	int fd;                  /* LAUNCHER_VAULT: the receiver's; else -1 */
	enum lock_reason reason; /* VAULT */
	struct fetch_outcome outcome; /* FETCHED, REFUSED */
	struct errand errand;         /* ERRAND, ERRAND_DONE */
	struct agent_measure measure; /* MEASURE */
};

/* 1: a message came; 0: the other side is gone.  -errno, -EBADMSG. */
must_check int wire_receive_launcher(int socket,
                                     struct launcher_packet *ret_packet);
