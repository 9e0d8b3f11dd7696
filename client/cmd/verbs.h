/* verbs.h - the commands of nixcache: each reads its own options
 *
 * argv[0] is the verb.  Each returns an exit status.
 */
#pragma once

int cmd_lock(int argc, char **argv);
int cmd_push(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_unlock(int argc, char **argv);
