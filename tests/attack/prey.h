/* prey.h - what an attack is let loose on, and what came of it */
#pragma once

#include "tests/lib/vault_rig.h"

#define PREY_OUTPUT_MAX (64UL * 1024)

/* For main(): the directory of the attacks is found even by who may not enter
 * it.  With a program (argv[0]) root becomes uid 65534 by an exec of the same in
 * that directory, without arguments, so that its processes begin as any user's
 * do.  0 or -1. */
must_check int prey_open_tools(const char *directory, char *program);

/* A process like any other that holds the rig's secrets in ordinary memory:
 * the attack must find them there, or it could not see.  Its pid, or -1. */
int prey_start_plain(const struct vault_rig *rig);

/* Kills it.  The signal that ended it, or -1. */
int prey_kill(int pid, int signal);

/* Asks the vault for that many signatures and URLs.  0 or -1. */
must_check int prey_use_vault(struct vault_rig *rig, size_t count);

/* True if /proc/PID/status has that line. */
bool prey_status_has(int pid, const char *line);

/* True if the vault's hello has a row of that name and state. */
bool prey_has(const struct vault_rig *rig, const char *name,
              enum measure_state state);

/* Runs the attack of that name against pid, with the rig's secrets as needles
 * on its standard input (NULL: none).  Its output is
 * printed as TAP comments and kept in text (PREY_OUTPUT_MAX).  Its exit
 * status, or -1. */
int prey_attack(const char *program, int pid, const struct vault_rig *rig,
                char *text);

/* "route <name>: <bytes> bytes, <hits> hits" in what attack_memory said.
 * -1: the route was refused. */
long prey_hits(const char *text, const char *route);
