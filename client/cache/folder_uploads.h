/* folder_uploads.h - multipart uploads into a folder
 *
 * Private to this folder.
 */
#pragma once

#include "client/cache/folder_state.h"

void folder_uploads_begin(struct cache_folder *folder,
                          struct folder_item *item);
/* CACHE_PART, CACHE_COMPLETE, CACHE_ABORT. */
void folder_uploads_step(struct cache_folder *folder, struct folder_item *item);
/* What is still open goes without results. */
void folder_uploads_close(struct cache_folder *folder);
