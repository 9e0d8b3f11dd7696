#!/bin/bash
# push_many.sh - what a path costs among 20,000, beside one among 300
#
# usage: push_many.sh [BUILD-FOLDER]
#
# Small paths, over loopback: whatever grows faster than their number shows.
. "$(dirname "$0")/../lib/bench.sh"
link_enter "$@"
bench_begin "$@"
bench_credentials
key_make bench-1 && bench_target || exit

many=${NIXCACHE_BENCH_PATHS:-20000}
few_top=$(bench_paths 300 few) && many_top=$(bench_paths "$many" many) || exit
agent_config "$(bench_caches)"
agent_start && "$client" unlock >/dev/null || exit

run_both() {
	bench_empty
	count=300 bench_push "$what_few" "$few_top"
	bench_arrived 300
	bench_empty
	count=$many bench_push "$what_many" "$many_top"
	bench_arrived "$many"
}

what_few='nixcache push, 300 paths' what_many="nixcache push, $many paths"
bench_rounds run_both loopback

bench_bar --flat loopback "$what_many" "$what_few" wall_per_path 1.3
bench_bar --most loopback "$what_many" peak 256
bench_note 'target: in memory'
bench_table
