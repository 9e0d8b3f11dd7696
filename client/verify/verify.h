/* verify.h - whether a cache can give what it promises */
#pragma once

#include "client/verify/report.h"
#include "protocol/base/strings.h"

struct verify_request {
	const char *cache; /* name or URI; NULL: the only one */
	const char *store; /* see daemon_open(); NULL: the usual one */
	bool is_deep;      /* archives are fetched and hashed */
	bool has_all;      /* all that the cache has, instead of: */
	const struct strings *paths; /* as the person gave them */
	bool may_lack_references;    /* what is missing came from upstream */
	enum report_mode mode;
};

/* Returns an exit status; findings and failures have been told. */
int verify_run(const struct verify_request *request);
