#include "client/push/link.h"

#define WINDOW_MS 1000

void link_note_sent(struct link_meter *meter, long long now_ms, uint64_t sent)
{
	long long took = now_ms - meter->window_ms;
	uint64_t rate;

	if (meter->window_ms == 0) {
		meter->window_ms = now_ms;
		meter->window_bytes = sent;
		return;
	}
	if (took < WINDOW_MS)
		return;
	rate = (sent - meter->window_bytes) * 1000 / (uint64_t)took;
	if (rate > meter->bytes_per_s)
		meter->bytes_per_s = rate;
	meter->window_ms = now_ms;
	meter->window_bytes = sent;
}

void link_note_answer(struct link_meter *meter, long long took_ms)
{
	uint32_t ms = took_ms > 0 ? (uint32_t)took_ms : 1;

	if (meter->latency_ms == 0 || ms < meter->latency_ms)
		meter->latency_ms = ms;
}
