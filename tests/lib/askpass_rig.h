/* askpass_rig.h - a question to a person, waited for as the launcher does */
#pragma once

#include "agent/launcher/askpass.h"

#define ASKPASS_RIG_QUESTION "may it? $(touch x); `id`"

struct askpass_rig {
	char dir[32]; /* of a stand-in for an askpass program */
	char path[64];
	struct askpass asking;
	struct errand done;
};

must_check bool askpass_rig_begin(struct askpass_rig *rig, uint32_t seconds);

/* Until there is an answer; false if none comes in time. */
must_check bool askpass_rig_run(struct askpass_rig *rig);

/* Nobody can be asked, for a reason that has these words. */
must_check bool askpass_rig_fails(struct askpass_rig *rig, const char *words);
