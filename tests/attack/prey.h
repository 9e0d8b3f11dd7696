/* prey.h - what an attack is let loose on, and what came of it */
#pragma once

#include "tests/lib/vault_rig.h"

#define PREY_OUTPUT_MAX (64UL * 1024)

/* A process like any other that holds the rig's secrets in ordinary memory:
 * the attack must find them there, or it could not see.  Its pid, or -1. */
int prey_start_plain(const struct vault_rig *rig);

/* Kills it.  The signal that ended it, or -1. */
int prey_kill(int pid, int signal);

/* Asks the vault for that many signatures and URLs.  0 or -1. */
must_check int prey_use_vault(struct vault_rig *rig, size_t count);

/* Runs the program of that name in the directory tools against pid, with the
 * rig's secrets as needles on its standard input (NULL: none).  Its output is
 * printed as TAP comments and kept in text (PREY_OUTPUT_MAX).  Its exit
 * status, or -1. */
int prey_attack(int tools, const char *program, int pid,
                const struct vault_rig *rig, char *text);

/* "route <name>: <bytes> bytes, <hits> hits" in what attack_memory said.
 * -1: the route was refused. */
long prey_hits(const char *text, const char *route);
