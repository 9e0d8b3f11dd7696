/* state.h - what the door's rooms share: one struct, owned by door.c */
#pragma once

#include "agent/door/connection.h"
#include "agent/door/custody.h"
#include "agent/door/door.h"
#include "agent/door/vault_link.h"

struct door {
	const struct door_start *start;
	const struct config *config;
	struct custody custody;
	struct vault_link vault;
	struct report own; /* the door's measures */
	struct agent_measure vault_measures[REPORT_MAX];
	size_t vault_measure_count;
	struct strings *loaded_keys; /* owned; one list a cache: public keys
	                              * that the fetched secrets turned out to be */
	struct connection connections[CONNECTIONS_MAX];
	struct bytes *references; /* owned; scratch, WIRE_REFERENCES_MAX */
	uint64_t last_work;       /* id of the newest call */
	bool has_greeted;         /* the first vault has said hello */
	bool is_ending;
};
