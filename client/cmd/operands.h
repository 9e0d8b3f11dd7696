/* operands.h - what a command is given to work on */
#pragma once

#include "protocol/base/strings.h"

/* The words, and with reads_stdin the lines of standard input; empty lines do
 * not count.  0, -EIO, -ENOMEM. */
must_check int operands_collect(int count, char **words, bool reads_stdin,
                                struct strings *ret_operands);
