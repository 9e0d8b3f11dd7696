/* surroundings.h - what the kernel says of the place that an agent lives in
 *
 * Each adds its row to the report and changes nothing.
 */
#pragma once

#include "agent/seal/report.h"

/* Whether this user is root, or may write to the socket of a service that makes
 * one root.  sudo cannot be asked without leaving a trace, and is not. */
void surroundings_report_root(struct report *report);

/* Who may connect to a socket file: its mode and its folder's. */
void surroundings_report_socket(struct report *report, const char *path);

/* How many descriptors are open, once the foreign ones have been closed. */
void surroundings_report_descriptors(struct report *report);
