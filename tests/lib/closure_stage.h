/* closure_stage.h - closures made up by a test, without a daemon
 *
 * Path i is "<i in 32 digits>-p", i + 1 bytes large, and its hash begins with
 * the bytes of i.
 */
#pragma once

#include "client/store/closure.h"

void closure_stage_make(struct closure *closure, size_t count);

/* from refers to to; to may be none of the closure's. */
void closure_stage_refer(struct closure *closure, size_t from, size_t to);

void closure_stage_name(size_t index, char ret_base[STORE_PATH_BASE_SIZE]);
