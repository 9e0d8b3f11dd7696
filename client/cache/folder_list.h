/* folder_list.h - the objects of a folder, a page at a time
 *
 * Private to this folder.
 */
#pragma once

#include "client/cache/folder_state.h"

void folder_list_run(struct cache_folder *folder, struct folder_item *item);
