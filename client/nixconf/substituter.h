/* substituter.h - what Nix is told a cache is called */
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/nix/store_uri.h"

#define SUBSTITUTER_SERVE "http://127.0.0.1:7757"

/* The bucket or the folder itself, for everybody to read: https:// or
 * file://.  0, -EMSGSIZE, -ENOMEM; owned by the caller. */
must_check int substituter_of_store(const struct store_uri *uri,
                                    char **ret_url);

/* The host of an http or https URL as netrc(5) names it: without port and
 * brackets.  0; -EINVAL: not such a URL, or one with a password in it. */
must_check int substituter_machine(const char *url, char *ret_machine,
                                   size_t size);
