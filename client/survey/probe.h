/* probe.h - what a cache lets us do, found out by doing it */
#pragma once

#include "client/cache/cache_info.h"
#include "client/cache/session.h"

enum probe_item {
	/* permissions */
	PROBE_GET,
	PROBE_HEAD,
	PROBE_PUT,
	PROBE_LIST,
	PROBE_DELETE,
	/* features */
	PROBE_CONDITIONAL_PUT,
	PROBE_CHECKSUM_HEADERS,
	PROBE_MULTIPART,
	PROBE_ITEM_COUNT,
};

enum probe_answer {
	PROBE_NOT_PROBED,
	PROBE_YES,
	PROBE_NO,
};

struct probe_finding {
	enum probe_answer answer;
	char why[768]; /* of NO and NOT_PROBED; may be empty */
};

enum probe_cache_info {
	PROBE_INFO_ABSENT,
	PROBE_INFO_READ,
	PROBE_INFO_BROKEN,
};

struct probe {
	bool is_reachable;
	int exit_status; /* not reachable: what to end with */
	char why[768];   /* and why */
	uint64_t request_us;
	bool has_clock;
	int64_t clock_skew_s; /* the server's less ours */
	enum probe_cache_info cache_info_state;
	struct cache_info cache_info; /* PROBE_INFO_READ */
	struct probe_finding findings[PROBE_ITEM_COUNT];
	char left_behind[768]; /* what could not be cleared away; or empty */
};

/* "get", "conditionalPut", ... */
const char *probe_item_name(enum probe_item item);

enum probe_manner {
	PROBE_READING,
	PROBE_WRITING, /* an object of its own, too, which is deleted again */
};

/* Nothing else may be under way in the cache.  0 or -errno. */
must_check int probe_run(const struct session *session,
                         enum probe_manner manner, struct probe *ret_probe);
