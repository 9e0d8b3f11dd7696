/* use_print.h - what "use" says on standard output */
#pragma once

#include "client/cmd/use_files.h"

/* machine: whose password goes into the netrc; "": none is needed.  An
 * addition without a label is left out.  Both return an exit status. */
must_check int use_print_json(const struct nix_conf_addition *addition,
                              const struct use_place *place,
                              const char *machine, bool changed);

/* Lines that can be put into a nix.conf as they are. */
must_check int use_print_lines(const struct nix_conf_addition *addition,
                               const struct use_place *place,
                               const char *machine);
