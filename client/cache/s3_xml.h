/* s3_xml.h - an S3 server's XML answer as a flat list of elements
 *
 * Only elements and their text: attributes, comments and namespaces are
 * dropped, a document type is refused, so no entity of the server's is ever
 * expanded or fetched.
 */
#pragma once

#include "protocol/base/bytes.h"

#define S3_XML_BODY_MAX     (8UL * 1024 * 1024)
#define S3_XML_ELEMENTS_MAX 32768UL
#define S3_XML_DEPTH_MAX    16U

/* In document order: an element comes before those inside it. */
struct s3_xml_element {
	unsigned depth; /* the root is 0 */
	size_t name_at; /* in text */
	size_t text_at;
};

struct s3_xml {
	size_t count;
	struct buffer elements; /* struct s3_xml_element, count of them */
	struct buffer text;     /* names and texts, each ended by a NUL */
};

/* -EBADMSG unless it is one whole XML document within the limits; -ENOMEM. */
must_check int s3_xml_parse(struct bytes body, struct s3_xml *ret_xml);
void s3_xml_clear(struct s3_xml *xml);

/* The root's is 0. */
unsigned s3_xml_depth(const struct s3_xml *xml, size_t index);
const char *s3_xml_name(const struct s3_xml *xml, size_t index);
/* Leading and trailing white space is not in it. */
const char *s3_xml_text(const struct s3_xml *xml, size_t index);

/* The text of the first element of that name directly inside the element at
 * parent, or NULL. */
const char *s3_xml_find(const struct s3_xml *xml, size_t parent,
                        const char *name);

/* Seconds since the epoch of a text like 2026-11-22T10:20:30.000Z (may be
 * NULL); -1 if it is none. */
int64_t s3_xml_time(const char *text);

/* For cleanup(s3_xml_clear) on a local struct s3_xml. */
#define cleanup_xml __attribute__((__cleanup__(s3_xml_clear)))
