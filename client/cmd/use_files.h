/* use_files.h - the two files that "use" changes: nix.conf and a netrc
 *
 * Each function says on standard error what went wrong.
 */
#pragma once

#include "client/nixconf/nix_conf_edit.h"

struct use_place {
	char *nix_conf; /* owned, as the others */
	char *netrc;
	bool netrc_is_usual; /* Nix looks there without being told */
	bool is_read;        /* Nix reads the nix.conf, whoever runs it here */
};

/* NULL: the usual ones, which are the machine's for root and else the
 * caller's.  0, or an exit status; use_place_clear() in both cases. */
must_check int use_place_find(const char *nix_conf, const char *netrc,
                              struct use_place *ret_place);
void use_place_clear(struct use_place *place);

/* 0 or an exit status; *ret_changed: something was written. */
must_check int use_write_nix_conf(const struct use_place *place,
                                  const struct nix_conf_addition *addition,
                                  bool *ret_changed);
must_check int use_write_netrc(const struct use_place *place,
                               const char *machine, const char *password,
                               bool *ret_changed);

/* The lines of a label, NULL: of all; with the last of them goes what is ours
 * in the netrc. */
must_check int use_remove(const struct use_place *place, const char *label,
                          bool *ret_changed);

/* Says what else has to be done before Nix heeds what was written. */
void use_tell_rest(const struct use_place *place,
                   const struct nix_conf_addition *addition, bool changed);
