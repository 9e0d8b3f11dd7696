/* store_uri_s3.h - bucket, endpoint and region of an s3:// store URI */
#pragma once

#include "protocol/nix/store_query.h"

/* Reads bucket and prefix from place (what stands between "s3://" and '?'),
 * the rest from the query, into *uri. */
must_check int store_uri_s3_read(struct bytes place,
                                 const struct store_query *query,
                                 struct store_uri *uri,
                                 struct store_complaint *to);
