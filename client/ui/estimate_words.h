/* estimate_words.h - what a push will take, said to a person or a program */
#pragma once

#include "client/ui/progress.h"
#include "protocol/base/bytes.h"

#include <stdio.h>

/* Some lines. */
void estimate_print(const struct progress_estimate *estimate, FILE *out);

/* Members of an object that has been begun. */
void estimate_put(const struct progress_estimate *estimate, struct buffer *out);

/* The longer of what link and processors need, as both go on at once; needs
 * that one of them is known. */
uint64_t estimate_total_ms(const struct progress_estimate *estimate);
