/* operands.h - what a command is given to work on */
#pragma once

#include "client/cmd/usage.h"
#include "protocol/base/strings.h"

/* The operands, and with reads_stdin the lines of standard input; empty lines
 * do not count.  Ends the program with 1 if they cannot be had. */
void operands_read(const struct cli *cli, bool reads_stdin,
                   struct strings *ret_operands);

/* The same for a command that works on paths: without any, and without
 * reads_stdin, it is wrong usage. */
void operands_read_paths(const struct usage *usage, const struct cli *cli,
                         bool reads_stdin, struct strings *ret_paths);
