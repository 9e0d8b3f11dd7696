/* upload.h - one path's way into the cache, from its NAR to its narinfo
 *
 * A state machine that the conductor feeds with what the pack and the cache
 * say.  It submits the next steps itself; it waits for nobody.
 */
#pragma once

#include "client/cache/cache.h"
#include "client/cache/names.h"
#include "client/push/multipart.h"
#include "protocol/nix/narinfo.h"

enum upload_state {
	UPLOAD_IDLE,       /* not begun */
	UPLOAD_ASKING,     /* is the NAR there already? */
	UPLOAD_RESUMING,   /* is what an earlier run left still there? */
	UPLOAD_PACKING,    /* parts come and go */
	UPLOAD_COMPLETING, /* the multipart upload is being put together */
	UPLOAD_LOOKING,    /* it is gone: is the NAR there after all? */
	UPLOAD_STORED, /* the NAR is there, whole and checked; to be signed */
	UPLOAD_SIGNED, /* waits until its references are published */
	UPLOAD_PUBLISHING, /* the narinfo is under way */
	UPLOAD_DONE,
	UPLOAD_FAILED,
};

struct upload_context {
	struct cache *cache;
	struct pack *pack;
	struct journal *journal; /* NULL: nothing is remembered */
	const char *store_uri;   /* of the cache */
	const char *store_dir;
	const char *physical_dir;
	enum pack_compression compression;
};

struct upload {
	enum upload_state state;
	size_t index;                 /* in the closure: the job and the tag */
	const struct path_info *info; /* borrowed */
	char nar_key[NAMES_NAR_SIZE];
	char narinfo_key[NAMES_NARINFO_SIZE];
	long long asked_ms;        /* clock_boot_ms() of the first question */
	struct strings signatures; /* ours */
	struct buffer narinfo;
	struct pack_part *whole; /* owned: the only part, sent by one PUT */
	bool is_whole_stored;
	struct multipart multipart; /* has begun: there is more than one part */
	bool is_packed; /* all parts have come, the NAR hash is right */
	bool has_file;  /* this run made the object: */
	struct nix_hash file_hash;
	uint64_t file_size;
	int exit_status; /* UPLOAD_FAILED */
	char *error;     /* owned; see upload_error() */
};

/* Begins with the question whether the NAR is there.  0 or -errno. */
must_check int upload_begin(struct upload *u, const struct upload_context *x,
                            size_t index, const struct path_info *info);

/* Frees what it holds; state, index and times stay.  What is under way must
 * have been answered. */
void upload_clear(struct upload *u);

/* Each may end in UPLOAD_FAILED, with error and exit_status. */
void upload_take_event(struct upload *u, const struct upload_context *x,
                       struct pack_event *event);
void upload_take_result(struct upload *u, const struct upload_context *x,
                        struct cache_result *result);

/* Of an upload that has failed: a sentence. */
const char *upload_error(const struct upload *u);

/* UPLOAD_SIGNED -> UPLOAD_PUBLISHING. */
void upload_publish(struct upload *u, const struct upload_context *x);

/* Gives the path up in any state but DONE; the server is told. */
void upload_abort(struct upload *u, const struct upload_context *x,
                  const char *why);

/* True while its NAR takes memory, threads or requests. */
bool upload_is_active(const struct upload *u);

printf_like(3, 4) void upload_fail(struct upload *u, int exit_status,
                                   const char *format, ...);

/* The closure index that a step's tag carries. */
size_t upload_index(uint64_t tag);
