/* sign_report.h - tells a person or a program what became of each path */
#pragma once

#include "protocol/base/strings.h"

enum sign_mode {
	SIGN_PLAIN, /* failures and a sum, on standard error */
	SIGN_QUIET, /* only failures */
	SIGN_JSON,  /* also one object an event, on standard output */
};

struct sign_report {
	enum sign_mode mode;
	size_t signed_count;
	size_t present_count;
	size_t failed_count;
};

/* The signatures are those that were added. */
void sign_report_signed(struct sign_report *report, const char *store_path,
                        const struct strings *signatures);
void sign_report_present(struct sign_report *report, const char *store_path);

/* path is what the person has given where it is no store path. */
void sign_report_failed(struct sign_report *report, const char *path,
                        const char *error);
void sign_report_end(const struct sign_report *report);
