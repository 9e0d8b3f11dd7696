/* reply.h - answers in libmicrohttpd's form, with the headers Nix looks at
 *
 * Never a Content-Encoding: Nix 2.8 fails even on "identity".
 */
#pragma once

#include "client/serve/visit.h"

struct MHD_Response;

/* Each is NULL when out of memory; MHD_destroy_response() by the caller. */
struct MHD_Response *reply_text(const char *content_type, struct bytes text,
                                const char *prefix, size_t prefix_at);

/* A sentence; retry_after 0: not said. */
struct MHD_Response *reply_sentence(const char *sentence, unsigned retry_after);

/* The answer of a visit, all but VISIT_WAITS and a stream's bytes. */
struct MHD_Response *reply_visit(const struct visit_answer *answer);

/* What goes with the bytes of a NAR.  False when out of memory. */
bool reply_add_stream_headers(struct MHD_Response *response,
                              const struct visit_answer *answer);
bool reply_add_header(struct MHD_Response *response, const char *name,
                      const char *value);
