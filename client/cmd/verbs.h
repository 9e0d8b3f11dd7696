/* verbs.h - the commands of nixcache: each reads its own options
 *
 * argv[0] is the verb.  Each returns an exit status.
 */
#pragma once

int cmd_audit(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_keygen(int argc, char **argv);
int cmd_lock(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_pull(int argc, char **argv);
int cmd_push(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_sign(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_unlock(int argc, char **argv);
int cmd_url(int argc, char **argv);
int cmd_use(int argc, char **argv);
int cmd_verify(int argc, char **argv);
