/* s3_outcome.h - what the last answer to a step's request means
 *
 * Private to this folder.
 */
#pragma once

#include "client/cache/s3_step.h"

/* What "not there" looks like: 404, unless it is the bucket; and 403, which
 * servers say instead to a key that may not list. */
bool s3_outcome_is_missing(const struct s3_step *step,
                           const struct transfer_result *answer);
/* To only_if_absent. */
bool s3_outcome_is_there_already(const struct s3_step *step,
                                 const struct transfer_result *answer);

/* Fills in the result, which may take the answer's response.  cache is that of
 * the step, prefix where it lies in its bucket. */
void s3_outcome_read(const struct s3_step *step,
                     const struct agent_cache *cache, const char *prefix,
                     struct s3_reply *reply, struct cache_result *result);
