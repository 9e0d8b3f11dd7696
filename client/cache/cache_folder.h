/* cache_folder.h - the steps of cache.h on a directory of files */
#pragma once

#include "client/cache/cache.h"

struct cache_folder;

/* path is borrowed.  Nothing is made before the first object is written. */
must_check int cache_folder_open(const char *path,
                                 struct cache_folder **ret_folder);
void cache_folder_close(struct cache_folder *folder);

/* Done at once: what it does has its result when it returns, except a part
 * that came before its turn, and a fetch, which moves while the caller waits.
 * 0 or -ENOMEM. */
must_check int cache_folder_submit(struct cache_folder *folder,
                                   const struct cache_step *step);
size_t cache_folder_pending(const struct cache_folder *folder);
must_check int cache_folder_wait(struct cache_folder *folder,
                                 struct pollfd *extra, unsigned extra_count,
                                 int timeout_ms);
must_check int cache_folder_next(struct cache_folder *folder,
                                 struct cache_result *ret_result);
uint64_t cache_folder_bytes_sent(const struct cache_folder *folder);
must_check int cache_folder_end_stale(struct cache_folder *folder,
                                      size_t *ret_count, char *why,
                                      size_t why_size);
