/* Theory of Operation
 *
 * A caller is one request, from its first line to its last byte.  libmicrohttpd
 * calls answer() for it: once when the headers are there, for each piece of a
 * body, and once at the end; there it is refused, answered, or suspended until
 * its visit or its receipt has got on.  Suspended callers are resumed by the
 * conductor's news, never from another thread.
 *
 *   NEW      the headers have come
 *   BODY     what comes is given to a receipt, or thrown away
 *   WAITING  the request is whole; its visit or receipt is not done
 *   STREAM   a NAR's bytes go out
 *
 * A response may be queued only at the first call or after the body
 * (MHD_queue_response()); a refusal that comes between the two waits for the
 * end of a body.
 */
#include "client/serve/caller.h"

#include "client/serve/reply.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/number.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define STREAM_BLOCK    ((size_t)128 * 1024)
#define SWALLOWED_MAX   ((uint64_t)1024 * 1024) /* of a refused body */
#define INFO_MAX        1024
#define STATUS_OK       200U
#define STATUS_DENIED   403U
#define STATUS_PASSWORD 401U

static void suspend(struct caller *caller)
{
	caller->is_suspended = true;
	MHD_suspend_connection(caller->connection);
}

void caller_resume(struct caller *caller)
{
	if (!caller->is_suspended)
		return;
	caller->is_suspended = false;
	MHD_resume_connection(caller->connection);
}

static void note_trouble(struct scene *scene, const char *what,
                         const struct guest *guest)
{
	scene->has_trouble = true;
	scene->trouble.exit_status = EXIT_FAILED;
	if (guest->is_local) {
		(void)snprintf(scene->trouble.why, sizeof(scene->trouble.why),
		               "a request of uid %u was refused: %s",
		               (unsigned)guest->uid, what);
	} else {
		(void)snprintf(scene->trouble.why, sizeof(scene->trouble.why),
		               "a request of nobody known here was refused: %s",
		               what);
	}
}

printf_like(3, 4) static void refuse(struct caller *caller, unsigned status,
                                     const char *format, ...)
{
	va_list args;

	caller->refusal = status;
	va_start(args, format);
	(void)vsnprintf(caller->why, sizeof(caller->why), format, args);
	va_end(args);
}

static const char *header_of(const struct caller *caller, const char *name)
{
	return MHD_lookup_connection_value(caller->connection, MHD_HEADER_KIND,
	                                   name);
}

/* Takes the response. */
static enum MHD_Result queue(struct caller *caller, unsigned status,
                             struct MHD_Response *response)
{
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	result = MHD_queue_response(caller->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_refusal(struct caller *caller)
{
	struct MHD_Response *response = reply_sentence(caller->why, 0);
	bool is_whole = response != NULL;

	if (response && caller->refusal == STATUS_PASSWORD) {
		is_whole = reply_add_header(response,
		                            MHD_HTTP_HEADER_WWW_AUTHENTICATE,
		                            "Basic realm=\"nixcache\"");
	}
	if (response && caller->refusal == MHD_HTTP_METHOD_NOT_ALLOWED) {
		is_whole = reply_add_header(response, MHD_HTTP_HEADER_ALLOW,
		                            caller->scene->options.takes
		                                    ? "GET, HEAD, PUT"
		                                    : "GET, HEAD");
	}
	if (response && !is_whole) {
		MHD_destroy_response(response);
		return MHD_NO;
	}
	return queue(caller, caller->refusal, response);
}

static void judge(struct caller *caller)
{
	const struct front_options *options = &caller->scene->options;
	const union MHD_ConnectionInfo *context = MHD_get_connection_info(
		caller->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	static const struct guest nobody = { .is_local = false };
	const struct guest *guest = context && context->socket_context
	                                    ? context->socket_context
	                                    : &nobody;
	const struct access_request request = {
		.is_local = guest->is_local,
		.uid = guest->uid,
		.host = header_of(caller, MHD_HTTP_HEADER_HOST),
		.origin = header_of(caller, MHD_HTTP_HEADER_ORIGIN),
		.fetch_site = header_of(caller, "Sec-Fetch-Site"),
		.authorization =
			header_of(caller, MHD_HTTP_HEADER_AUTHORIZATION),
		.is_write = caller->is_put,
	};

	switch (access_judge(options->rules, options->own_hosts, &request)) {
	case ACCESS_GRANTED:
		return;
	case ACCESS_STRANGER:
		refuse(caller, STATUS_DENIED,
		       "this user may not use this server: see --allow-user");
		break;
	case ACCESS_BROWSER:
		refuse(caller, STATUS_DENIED,
		       "this came from a web page, or under a name that is not "
		       "this server's");
		break;
	case ACCESS_NO_PASSWORD:
		refuse(caller, STATUS_PASSWORD,
		       "a password is asked for: see netrc-file in "
		       "nix.conf(5)");
		return;
	}
	note_trouble(caller->scene, caller->why, guest);
}

static ssize_t read_stream(void *argument, uint64_t position, char *out,
                           size_t size)
{
	struct caller *caller = argument;
	struct visit_answer answer;
	size_t len = 0;
	int rc;

	(void)position;
	if (caller->scene->is_closing)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	visit_answer(caller->visit, &answer);
	if (size > caller->left)
		size = caller->left;
	rc = conduit_try_read(answer.stream, out, size, &len);
	if (rc == -EAGAIN) {
		suspend(caller);
		return 0;
	}
	/* One that ends early must not look whole: the connection is cut, and
	 * Nix asks for the rest. */
	if (rc < 0 || len == 0) {
		caller->has_failed = true;
		return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	caller->left -= len;
	return (ssize_t)len;
}

static enum MHD_Result answer_stream(struct caller *caller,
                                     const struct visit_answer *answer)
{
	struct MHD_Response *response;

	caller->stage = STAGE_STREAM;
	caller->left = answer->length;
	if (answer->stream) {
		conduit_wake_reader(answer->stream,
		                    caller->scene->options.news_fd);
	}
	/* For a HEAD it is asked for no bytes, but its length is told. */
	response = MHD_create_response_from_callback(
		answer->length, STREAM_BLOCK, read_stream, caller, NULL);
	if (response && !reply_add_stream_headers(response, answer)) {
		MHD_destroy_response(response);
		return MHD_NO;
	}
	return queue(caller, answer->status, response);
}

static enum MHD_Result answer_visit(struct caller *caller)
{
	struct visit_answer answer;

	visit_answer(caller->visit, &answer);
	switch (answer.state) {
	case VISIT_WAITS:
		caller->stage = STAGE_WAITING;
		suspend(caller);
		return MHD_YES;
	case VISIT_STREAM:
		return answer_stream(caller, &answer);
	case VISIT_TEXT:
	case VISIT_REDIRECT:
	case VISIT_NO_RANGE:
		break;
	}
	return queue(caller, answer.status, reply_visit(&answer));
}

static enum MHD_Result answer_info(struct caller *caller)
{
	cleanup_buffer struct buffer text = { .data = NULL };

	buffer_init(&text, INFO_MAX);
	site_format_info(caller->scene->options.site, caller->route.cache,
	                 &text);
	if (buffer_end(&text) < 0)
		return MHD_NO;
	return queue(caller, STATUS_OK,
	             reply_text("text/x-nix-cache-info", buffer_bytes(&text),
	                        NULL, 0));
}

static enum MHD_Result begin_visit(struct caller *caller)
{
	const struct front_options *options = &caller->scene->options;
	const char *range = header_of(caller, MHD_HTTP_HEADER_RANGE);
	struct visit_request request = {
		.route = &caller->route,
		.is_head = caller->is_head,
	};

	if (caller->route.kind == OBJECT_KEY_CACHE_INFO)
		return answer_info(caller);
	/* Without validators no If-Range can hold: then it is the whole. */
	if (range && !header_of(caller, MHD_HTTP_HEADER_IF_RANGE))
		request.has_range = range_parse(range, &request.range);
	if (visit_begin(options->errands, options->site, &request, caller,
	                &caller->visit) < 0)
		return MHD_NO;
	return answer_visit(caller);
}

static struct site_cache *target_cache(const struct caller *caller)
{
	const struct site *site = caller->scene->options.site;
	size_t cache = caller->route.cache == ROUTE_ROOT ? 0
	                                                 : caller->route.cache;

	return &site->caches[cache];
}

static void begin_put(struct caller *caller)
{
	const struct front_options *options = &caller->scene->options;
	int rc;

	if (!options->takes) {
		refuse(caller, MHD_HTTP_METHOD_NOT_ALLOWED,
		       "nothing can be pushed here: start it with "
		       "--allow-push");
	} else if (caller->route.cache == ROUTE_ROOT &&
	           options->site->count > 1) {
		refuse(caller, MHD_HTTP_CONFLICT,
		       "there are several caches: push to one of them, such "
		       "as /%s",
		       options->site->names.items[0]);
	} else if (header_of(caller, MHD_HTTP_HEADER_CONTENT_RANGE)) {
		refuse(caller, MHD_HTTP_BAD_REQUEST,
		       "an object is taken whole or not at all");
	} else {
		rc = receipt_begin(
			target_cache(caller)->receiver, caller->route.key,
			header_of(caller, MHD_HTTP_HEADER_CONTENT_ENCODING),
			&caller->receipt);
		if (rc < 0) {
			refuse(caller, MHD_HTTP_SERVICE_UNAVAILABLE, "%s",
			       strerror(-rc));
		}
	}
}

/* Where the client can be told at once; but one that sends a short body
 * without waiting would see a reset connection instead. */
static bool must_swallow(const struct caller *caller)
{
	const char *length = header_of(caller, MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint64_t value;

	return length && number_parse(length, SWALLOWED_MAX, &value) == 0 &&
	       !header_of(caller, MHD_HTTP_HEADER_EXPECT);
}

static enum MHD_Result begin(struct caller *caller, const char *method)
{
	bool is_get = strcmp(method, MHD_HTTP_METHOD_GET) == 0;

	caller->stage = STAGE_BODY;
	caller->is_head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
	caller->is_put = !is_get && !caller->is_head;
	judge(caller);
	if (caller->refusal) {
		;
	} else if (caller->is_put && strcmp(method, MHD_HTTP_METHOD_PUT) != 0) {
		refuse(caller, MHD_HTTP_METHOD_NOT_ALLOWED,
		       "a cache knows GET, HEAD and PUT");
	} else if (!route_parse(caller->target,
	                        &caller->scene->options.site->names,
	                        &caller->route)) {
		refuse(caller, MHD_HTTP_NOT_FOUND,
		       "this names no object of a cache");
	} else if (caller->is_put) {
		begin_put(caller);
	}
	if (caller->refusal && caller->is_put && !must_swallow(caller))
		return answer_refusal(caller);
	return MHD_YES;
}

static enum MHD_Result take_body(struct caller *caller, const char *body,
                                 size_t *size)
{
	size_t done = 0;

	while (caller->receipt && done < *size &&
	       receipt_state(caller->receipt) == RECEIPT_HUNGRY) {
		size_t taken = 0;

		if (receipt_write(caller->receipt,
		                  (struct bytes){ (const uint8_t *)body + done,
		                                  *size - done },
		                  &taken) < 0)
			return MHD_NO;
		done += taken;
		if (taken == 0)
			break;
	}
	/* A receipt that has made up its mind wants no more. */
	if (!caller->receipt || receipt_state(caller->receipt) == RECEIPT_DONE)
		done = *size;
	*size -= done;
	if (*size > 0)
		suspend(caller);
	return MHD_YES;
}

static enum MHD_Result answer_receipt(struct caller *caller)
{
	struct front_options *options = &caller->scene->options;
	unsigned status;

	if (caller->stage == STAGE_BODY) {
		caller->stage = STAGE_WAITING;
		receipt_end(caller->receipt);
	}
	if (receipt_state(caller->receipt) != RECEIPT_DONE) {
		suspend(caller);
		return MHD_YES;
	}
	status = receipt_status(caller->receipt);
	errands_forget(options->errands,
	               (size_t)(target_cache(caller) - options->site->caches),
	               caller->route.key);
	return queue(caller, status,
	             reply_sentence(receipt_text(caller->receipt),
	                            status == MHD_HTTP_SERVICE_UNAVAILABLE
	                                    ? ERRAND_RETRY_SECONDS
	                                    : 0));
}

enum MHD_Result caller_answer(struct caller *caller, const char *method,
                              const char *body, size_t *body_size)
{
	if (caller->scene->is_closing)
		return MHD_NO;
	if (caller->stage == STAGE_NEW)
		return begin(caller, method);
	if (*body_size > 0)
		return take_body(caller, body, body_size);
	if (caller->refusal)
		return answer_refusal(caller);
	if (caller->receipt)
		return answer_receipt(caller);
	return caller->visit ? answer_visit(caller) : begin_visit(caller);
}

int caller_new(struct scene *scene, const char *target,
               struct caller **ret_caller)
{
	struct caller *caller = calloc(1, sizeof(*caller));

	if (!caller)
		return -ENOMEM;
	caller->target = strdup(target);
	if (!caller->target) {
		free(caller);
		return -ENOMEM;
	}
	caller->scene = scene;
	*ret_caller = caller;
	return 0;
}

void caller_free(struct caller *caller)
{
	if (caller->receipt)
		receipt_close(caller->receipt);
	visit_free(caller->visit, !caller->has_failed);
	free(caller->target);
	free(caller);
}

void caller_hear(struct caller *caller)
{
	struct visit_answer told;

	if (caller->stage != STAGE_WAITING || !caller->visit)
		return;
	visit_answer(caller->visit, &told);
	if (told.state != VISIT_WAITS)
		caller_resume(caller);
}

bool caller_is_receiving(const struct caller *caller)
{
	return caller->receipt && caller->stage == STAGE_BODY &&
	       !caller->is_suspended;
}

/* libmicrohttpd waits for edges (epoll(7), EPOLLET), and takes a socket that
 * gave less than it was asked for as empty: an end that came along with the
 * last bytes is one that it never sees.  Seen with 0.9.75: a cut upload stayed
 * for all of the connection's idle time.  Shutting down is an edge. */
void caller_check_peer(struct caller *caller)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		caller->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	char byte;

	if (info && recv(info->connect_fd, &byte, sizeof(byte),
	                 MSG_PEEK | MSG_DONTWAIT) == 0)
		(void)shutdown(info->connect_fd, SHUT_RDWR);
}

void caller_look(struct caller *caller)
{
	if (caller->stage == STAGE_STREAM ||
	    (caller->receipt && receipt_state(caller->receipt) != RECEIPT_BUSY))
		caller_resume(caller);
}
