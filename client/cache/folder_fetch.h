/* folder_fetch.h - objects of a folder on their way into conduits
 *
 * Private to this folder.
 */
#pragma once

#include "client/cache/folder_state.h"

/* Begins a CACHE_FETCH, or ends it at once. */
void folder_fetch_begin(struct cache_folder *folder, struct folder_item *item);

/* Moves what can be moved, or waits until that may be so, for one of the
 * caller's descriptors, or for the time.  0 or -errno. */
must_check int folder_fetch_wait(struct cache_folder *folder,
                                 struct pollfd *extra, unsigned extra_count,
                                 int timeout_ms);

/* The folder's own part of its end. */
void folder_fetch_close(struct cache_folder *folder);
