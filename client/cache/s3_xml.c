#include "client/cache/s3_xml.h"

#include <expat.h>

#include <errno.h>
#include <string.h>
#include <time.h>

/* The text of an element is gathered in one place and belongs to the innermost
 * open element; text between elements is only ever layout. */
struct reading {
	struct s3_xml *xml;
	XML_Parser parser;
	struct buffer text;
	size_t open[S3_XML_DEPTH_MAX];
	unsigned depth;
	int rc;
};

static struct s3_xml_element *at(const struct s3_xml *xml, size_t index)
{
	return (struct s3_xml_element *)(void *)xml->elements.data + index;
}

static void stop(struct reading *r, int rc)
{
	r->rc = rc;
	(void)XML_StopParser(r->parser, XML_FALSE);
}

static void start_element(void *context, const XML_Char *name,
                          const XML_Char **attributes)
{
	struct reading *r = context;
	struct s3_xml *xml = r->xml;
	const struct s3_xml_element element = { .depth = r->depth,
		                                .name_at = xml->text.len };

	(void)attributes;
	if (r->depth == S3_XML_DEPTH_MAX) {
		stop(r, -EBADMSG);
		return;
	}
	buffer_append(&xml->elements, &element, sizeof(element));
	if (buffer_end(&xml->elements) < 0) {
		stop(r, buffer_end(&xml->elements));
		return;
	}
	r->open[r->depth++] = xml->count++;
	buffer_append(&xml->text, name, strlen(name) + 1);
	buffer_rewind(&r->text);
}

static struct bytes trimmed(struct bytes text)
{
	while (text.len > 0 && strchr(" \t\r\n", text.data[0])) {
		text.data++;
		text.len--;
	}
	while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]))
		text.len--;
	return text;
}

static void end_element(void *context, const XML_Char *name)
{
	struct reading *r = context;
	struct s3_xml *xml = r->xml;

	(void)name;
	/* An empty element that was refused still comes to its end. */
	if (r->rc < 0)
		return;
	at(xml, r->open[--r->depth])->text_at = xml->text.len;
	buffer_append_bytes(&xml->text, trimmed(buffer_bytes(&r->text)));
	buffer_append_char(&xml->text, '\0');
	buffer_rewind(&r->text);
	if (buffer_end(&xml->text) < 0)
		stop(r, buffer_end(&xml->text));
}

static void add_text(void *context, const XML_Char *text, int len)
{
	struct reading *r = context;

	buffer_append(&r->text, text, (size_t)len);
	if (buffer_end(&r->text) < 0)
		stop(r, buffer_end(&r->text));
}

static void refuse_doctype(void *context, const XML_Char *name,
                           const XML_Char *system_id, const XML_Char *public_id,
                           int has_subset)
{
	(void)name;
	(void)system_id;
	(void)public_id;
	(void)has_subset;
	stop(context, -EBADMSG);
}

static int read_all(struct reading *r, struct bytes body)
{
	enum XML_Status status;

	XML_SetUserData(r->parser, r);
	XML_SetElementHandler(r->parser, start_element, end_element);
	XML_SetCharacterDataHandler(r->parser, add_text);
	XML_SetStartDoctypeDeclHandler(r->parser, refuse_doctype);
	status = XML_Parse(r->parser, (const char *)body.data, (int)body.len,
	                   XML_TRUE);
	if (r->rc < 0)
		return r->rc;
	return status == XML_STATUS_OK ? 0 : -EBADMSG;
}

int s3_xml_parse(struct bytes body, struct s3_xml *ret_xml)
{
	struct s3_xml xml = { .count = 0 };
	struct reading r = { .xml = &xml };
	int rc;

	if (body.len == 0 || body.len > S3_XML_BODY_MAX)
		return -EBADMSG;

	r.parser = XML_ParserCreate(NULL);
	if (!r.parser)
		return -ENOMEM;
	/* A NUL for each name and text comes on top of what the body holds. */
	buffer_init(&xml.elements,
	            S3_XML_ELEMENTS_MAX * sizeof(struct s3_xml_element));
	buffer_init(&xml.text, S3_XML_BODY_MAX * 2);
	buffer_init(&r.text, S3_XML_BODY_MAX);
	rc = read_all(&r, body);
	XML_ParserFree(r.parser);
	buffer_clear(&r.text);
	if (rc < 0) {
		s3_xml_clear(&xml);
		return rc == -EMSGSIZE ? -EBADMSG : rc;
	}
	*ret_xml = xml;
	return 0;
}

void s3_xml_clear(struct s3_xml *xml)
{
	buffer_clear(&xml->elements);
	buffer_clear(&xml->text);
	xml->count = 0;
}

unsigned s3_xml_depth(const struct s3_xml *xml, size_t index)
{
	return at(xml, index)->depth;
}

const char *s3_xml_name(const struct s3_xml *xml, size_t index)
{
	return (const char *)xml->text.data + at(xml, index)->name_at;
}

const char *s3_xml_text(const struct s3_xml *xml, size_t index)
{
	return (const char *)xml->text.data + at(xml, index)->text_at;
}

const char *s3_xml_find(const struct s3_xml *xml, size_t parent,
                        const char *name)
{
	unsigned depth = s3_xml_depth(xml, parent);

	for (size_t i = parent + 1;
	     i < xml->count && s3_xml_depth(xml, i) > depth; i++) {
		if (s3_xml_depth(xml, i) == depth + 1 &&
		    strcmp(s3_xml_name(xml, i), name) == 0)
			return s3_xml_text(xml, i);
	}
	return NULL;
}

int64_t s3_xml_time(const char *text)
{
	struct tm tm = { .tm_mday = 1 };

	if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
		return -1;
	return (int64_t)timegm(&tm);
}
