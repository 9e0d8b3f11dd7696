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

many=${NIXCACHE_TEST_PATHS:-20000}
few_top=$(bench_paths 300 few) && many_top=$(bench_paths "$many" many) || exit
bench_links
agent_config "$(bench_caches $((2 * bench_runs)) direct)" \
	"$(bench_caches $((2 * bench_runs * ${#links[@]})) quick)"
agent_start && "$client" unlock >/dev/null || exit

push_both() {
	count=300 bench_push 'nixcache push, 300 paths' "$few_top"
	bench_arrived "$bench_cache" 300
	count=$many bench_push "nixcache push, $many paths" "$many_top"
	bench_arrived "$bench_cache" "$many"
}

link_use direct
for ((i = 1; i <= bench_runs; i++)); do
	push_both
done
for link in "${links[@]}"; do
	link_use quick && link_set "$link" || exit
	for ((i = 1; i <= bench_runs; i++)); do
		push_both
	done
done

bench_bar --flat loopback "nixcache push, $many paths" \
	'nixcache push, 300 paths' wall_per_path 1.3
bench_bar --most loopback "nixcache push, $many paths" peak 256
bench_table
