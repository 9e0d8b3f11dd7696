/* json_same.h - what json-c reads in a text, beside what we read */
#pragma once

#include "protocol/base/bytes.h"

/* True if the text is an object for both, with the same in it, in the same
 * order. */
bool json_same(struct bytes text);

/* As json_read(), but for the tree. */
int json_check(struct bytes text);
