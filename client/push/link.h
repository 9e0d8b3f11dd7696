/* link.h - how fast the way to a cache is, seen from what a push sends
 *
 * Pure: time and counts are told.  The rate is that of the best second: in the
 * others the compressor was waited for, or the end.
 */
#pragma once

#include <stdint.h>

struct link_meter {
	long long window_ms;   /* when the window began; 0: not yet */
	uint64_t window_bytes; /* sent by then */
	uint64_t bytes_per_s;  /* of the best window, 0: none was long enough */
	uint32_t latency_ms;   /* of the quickest small request, 0: none yet */
};

/* sent: bytes since the beginning. */
void link_note_sent(struct link_meter *meter, long long now_ms, uint64_t sent);

/* A request without a body was answered after so long. */
void link_note_answer(struct link_meter *meter, long long took_ms);
