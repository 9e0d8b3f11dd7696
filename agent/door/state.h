/* state.h - what the door's rooms share: one struct, owned by door.c */
#pragma once

#include "agent/door/approval.h"
#include "agent/door/audit/audit.h"
#include "agent/door/connection.h"
#include "agent/door/custody.h"
#include "agent/door/door.h"
#include "agent/door/pace.h"
#include "agent/door/scope/rate.h"
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
	const struct grant *grants[DOOR_LISTENERS_MAX]; /* borrowed; of each
	                                                 * listener */
	struct grant plain[SCOPE_BASE_COUNT]; /* of sockets without a section */
	struct grant nothing;
	const struct config_socket *sections[DOOR_LISTENERS_MAX]; /* or NULL */
	struct scope_use uses[DOOR_LISTENERS_MAX];
	struct rate_book *rates; /* owned, as the next four */
	struct pace_book *paces;
	struct witness *witness;
	struct approvals *approvals;
	struct audit *audit;
	uint64_t last_connection; /* id of the newest */
	long long least_spent_ns; /* see share.h */
	struct connection connections[CONNECTIONS_MAX];
	struct bytes *references; /* owned; scratch, WIRE_REFERENCES_MAX */
	uint64_t last_work;       /* id of the newest call */
	bool has_greeted;         /* the first vault has said hello */
	bool has_lost_secrets;    /* and the log does not say why yet */
	bool is_closing;          /* the last record is to be written */
	long long closing_end_ms; /* 0: it is not yet */
	bool is_ending;
};
