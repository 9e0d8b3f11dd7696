#include "client/push/estimate.h"

#include "client/store/closure.h"

/* value * by / of, rounded up; INT64_MAX if it is more. */
static uint64_t scale(uint64_t value, uint64_t by, uint64_t of)
{
	__extension__ unsigned __int128 scaled = value;

	scaled = (scaled * by + of - 1) / of;
	return scaled > INT64_MAX ? INT64_MAX : (uint64_t)scaled;
}

static uint64_t packed_size(const struct estimate_request *r, uint64_t nar_size)
{
	if (r->compression == PACK_NONE || !r->work)
		return nar_size;
	return scale(nar_size, r->work->file_bytes, r->work->nar_bytes);
}

/* As client/pack/assembly.c cuts them; 1: it goes as a whole. */
static uint64_t count_parts(const struct estimate_request *r, uint64_t nar_size)
{
	const uint64_t block = packed_size(r, PACK_BLOCK_SIZE);
	uint64_t total = 0, gathered = 0, parts = 0;

	for (uint64_t left = nar_size; left > 0;) {
		bool is_last = left <= PACK_BLOCK_SIZE;
		uint64_t len = is_last ? packed_size(r, left) : block;

		left -= is_last ? left : PACK_BLOCK_SIZE;
		total += len;
		if ((parts > 0 || total > PACK_SINGLE_MAX) &&
		    gathered >= PACK_PART_MIN) {
			parts++;
			gathered = 0;
		}
		gathered += len;
		if (is_last || ((parts > 0 || total > PACK_SINGLE_MAX) &&
		                gathered >= PACK_PART_MIN)) {
			parts++;
			gathered = 0;
		}
	}
	return parts > 0 ? parts : 1;
}

/* HEAD of the NAR, its upload, PUT of the narinfo. */
static void count_path(const struct estimate_request *r, uint64_t nar_size,
                       struct progress_estimate *e)
{
	uint64_t parts = count_parts(r, nar_size);

	e->class_b += 1;
	e->class_a += 1;
	e->class_a += parts == 1 ? 1 : parts + 2; /* begun and completed */
	if (parts > 1)
		e->class_c = 1; /* uploads that were left behind are listed */
}

static void count_time(const struct estimate_request *r,
                       struct progress_estimate *e)
{
	if (r->link && r->link->bytes_per_s > 0) {
		uint64_t requests = e->class_a + e->class_b + e->class_c;
		uint64_t sending_ms =
			scale(e->file_bytes, 1000, r->link->bytes_per_s);
		uint64_t waiting_ms =
			scale(requests, r->link->latency_ms, r->connections);

		e->has_link = true;
		e->link_bytes_per_s = r->link->bytes_per_s;
		e->link_latency_ms = r->link->latency_ms;
		e->link_measured_at = r->link->measured_at;
		e->link_ms = sending_ms > waiting_ms ? sending_ms : waiting_ms;
	}
	if (r->work) {
		e->has_cpu = true;
		e->cpu_ms = scale(r->plan->nar_bytes, r->work->cpu_ms,
		                  r->work->nar_bytes) /
		            r->jobs;
	}
}

void estimate_make(const struct estimate_request *request,
                   struct progress_estimate *ret_estimate)
{
	const struct plan *plan = request->plan;
	struct progress_estimate e = {
		.is_bound = request->compression != PACK_NONE && !request->work,
		.has_requests = request->is_remote,
	};

	for (size_t i = 0; i < plan->closure->count; i++) {
		uint64_t nar_size = plan->closure->paths[i].nar_size;

		if (plan->entries[i].state != PLAN_PUSH)
			continue;
		e.file_bytes += packed_size(request, nar_size);
		if (request->is_remote)
			count_path(request, nar_size, &e);
	}
	if (request->is_remote && request->needs_cache_info &&
	    plan->push_count > 0)
		e.class_a++;
	count_time(request, &e);
	*ret_estimate = e;
}
