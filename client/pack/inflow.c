#include "client/pack/inflow.h"

#include "protocol/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int inflow_init(struct inflow *in, struct conduit *conduit)
{
	*in = (struct inflow){ .conduit = conduit_share(conduit) };
	in->chunk = malloc(INFLOW_CHUNK);
	return in->chunk ? 0 : -ENOMEM;
}

void inflow_clear(struct inflow *in)
{
	if (in->conduit)
		conduit_release(in->conduit);
	free(in->chunk);
	*in = (struct inflow){ .conduit = NULL };
}

static int fail_as_conduit(struct inflow *in, int rc)
{
	char why[CONDUIT_WHY_MAX];

	conduit_why(in->conduit, why);
	return inflow_fail(in, rc, "%s", why[0] ? why : strerror(-rc));
}

int inflow_fill(struct inflow *in)
{
	size_t len = 0;
	int rc = in->rc;

	if (rc < 0 || in->left > 0 || in->has_ended)
		return rc;
	rc = conduit_read(in->conduit, in->chunk, INFLOW_CHUNK, &len);
	if (rc < 0)
		return fail_as_conduit(in, rc);
	if (in->digest && len > 0)
		rc = digest_update(in->digest, in->chunk, len);
	if (rc < 0)
		return inflow_fail(in, rc, "SHA-256: %s", strerror(-rc));

	in->next = in->chunk;
	in->left = len;
	in->total += len;
	in->has_ended = len == 0;
	return 0;
}

int inflow_fail(struct inflow *in, int rc, const char *format, ...)
{
	char text[DECOMPRESS_WHY_MAX];
	va_list arguments;

	if (in->rc < 0)
		return in->rc;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	text_printable(text, strlen(text), in->why, sizeof(in->why));
	in->rc = rc;
	return rc;
}
