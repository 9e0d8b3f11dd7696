/* elsewhere.h - whether what the cache lacks can be had from somebody else
 *
 * A push leaves out what an upstream cache has.  So the local store is asked
 * whether an upstream signed the path, and then Nix whether one of its
 * substituters has it.
 */
#pragma once

#include "client/catalog/trust.h"
#include "client/verify/report.h"
#include "client/verify/roster.h"

struct elsewhere_request {
	const struct roster *roster; /* its ROSTER_MISSING paths */
	const struct trust *upstream;
	const char *store; /* see daemon_open() */
	const char *store_dir;
	struct report *report;
	bool may_lack_references; /* those that nobody has are no finding */
};

struct elsewhere_result {
	size_t upstream;  /* signed by one */
	size_t elsewhere; /* a substituter has them */
	size_t lacking;   /* nobody has them, and that may be */
};

/* Paths that nobody has are findings.  0 or -ENOMEM. */
must_check int elsewhere_look(const struct elsewhere_request *request,
                              struct elsewhere_result *ret_result);
