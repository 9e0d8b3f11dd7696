#!/bin/bash
# push_unchanged.sh - 2,000 paths that are all there already, 50 ms away
#
# usage: push_unchanged.sh [BUILD-FOLDER]
#
# The bucket holds 20,000 objects, 4,000 of them of this closure.  Once with
# nothing remembered, once with what an earlier push of the same closure has
# left behind.
. "$(dirname "$0")/../lib/bench.sh"
link_enter "$@"
bench_begin "$@"
flow_s3 bench
key_make bench-1 && bench_target &&
	link_begin real "${S3_ENDPOINT#http://}" || exit

top=$(bench_paths 2000 known) && others=$(bench_paths 8000 others) || exit
uri_of() {
	echo "s3://$bucket?endpoint=${1#http://}&scheme=http&region=$S3_REGION"
}
agent_config "$(agent_s3_cache quick "$(uri_of "${link_endpoints[quick]}")")" \
	"$(agent_s3_cache real "$(uri_of "${link_endpoints[real]}")")"
agent_start && "$client" unlock >/dev/null || exit

fill() {
	local each
	for each in "$others" "$top"; do
		"$client" push -q --store "$nix_root" --to "$1" "$each" || exit
	done
}

push() {
	bench_client "$1" push -q --store "$nix_root" --to "$link_name" "$top"
}

count=2000
link_set 0ms || exit
for link_name in quick real; do
	fill "$link_name"
done
bench_arrived "$bucket" 10000
bench_links 50ms
for link in "${links[@]}"; do
	link_set "$link" || exit
	for ((i = 1; i <= bench_runs; i++)); do
		link_use quick && bench_forget && push 'cold local state'
		push 'with a fresh local record'
		link_use real && bench_forget && push 'cold local state, radosgw'
		push 'with a fresh local record, radosgw'
	done
done

# Three round trips and 100 ms.
bench_bar --most 50ms 'cold local state' wall 0.25
bench_bar --most 50ms 'cold local state' c 32
bench_bar --most 50ms 'cold local state' b 16
# What is left is about the cache itself, nothing about paths.
for class in a b c; do
	bench_bar --most 50ms 'with a fresh local record' $class 1
done
bench_table
