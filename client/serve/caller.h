/* caller.h - one HTTP request, from its headers to its last byte */
#pragma once

#include "client/serve/front.h"

#include <microhttpd.h>

#define CALLER_WHY_MAX 512

/* What all callers share. */
struct scene {
	struct front_options options;
	bool is_closing; /* nobody is answered any more */
	bool has_trouble;
	struct trouble trouble;
};

/* Of a connection. */
struct guest {
	bool is_local;
	bool is_stranger; /* is not on the list, whatever it asks */
	uid_t uid;
};

enum caller_stage {
	STAGE_NEW,
	STAGE_BODY,
	STAGE_WAITING,
	STAGE_STREAM,
};

struct caller {
	struct caller *next; /* the front's */
	struct caller *previous;
	struct scene *scene;
	struct MHD_Connection *connection; /* known once it is answered */
	char *target;                      /* owned; as sent */
	enum caller_stage stage;
	bool is_suspended;
	bool is_head;
	bool is_put;
	bool has_failed; /* its stream broke: not the client's doing */
	struct route route;
	struct visit *visit;     /* owned */
	struct receipt *receipt; /* owned */
	uint64_t left;           /* of the stream */
	unsigned refusal;        /* a status, 0: none */
	char why[CALLER_WHY_MAX];
};

/* 0 or -ENOMEM. */
must_check int caller_new(struct scene *scene, const char *target,
                          struct caller **ret_caller);
void caller_free(struct caller *caller);

/* For libmicrohttpd: see answer() of front.c. */
enum MHD_Result caller_answer(struct caller *caller, const char *method,
                              const char *body, size_t *body_size);

/* If it is suspended. */
void caller_resume(struct caller *caller);
/* Resumes one whose visit knows its answer. */
void caller_hear(struct caller *caller);
/* Resumes one whose stream or receipt may go on. */
void caller_look(struct caller *caller);

/* True while a body comes that is kept, and there is room for more of it. */
bool caller_is_receiving(const struct caller *caller);
/* Ends the connection of one whose peer will send no more. */
void caller_check_peer(struct caller *caller);
