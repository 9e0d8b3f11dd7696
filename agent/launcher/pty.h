/* pty.h - a private terminal: its other side is nobody's screen
 *
 * op shows its approval only to a process that has a terminal, and an approval
 * holds for that terminal alone: a private one shares it with nobody.
 */
#pragma once

#include "protocol/base/attributes.h"

#define PTY_NAME_SIZE 64

/* *ret_master: non-blocking, close-on-exec.  name: what the child opens, after
 * setsid(), as its controlling terminal.  0 or -errno. */
must_check int pty_open(int *ret_master, char name[PTY_NAME_SIZE]);
