#!/bin/bash
# push_unchanged.sh - 2,000 paths that are all there already, 50 ms away
#
# usage: push_unchanged.sh [BUILD-FOLDER]
#
# The bucket holds 20,000 objects, 4,000 of them of this closure.  Once with
# nothing remembered, once with what the push before has left behind.
. "$(dirname "$0")/../lib/bench.sh"
link_enter "$@"
bench_begin "$@"
flow_s3 bench
key_make bench-1 && bench_target &&
	link_begin real "${S3_ENDPOINT#http://}" || exit
top=$(bench_paths 2000 known) && others=$(bench_paths 8000 others) || exit
agent_config "$(bench_caches)" "$(agent_s3_cache real \
	"s3://$bucket?endpoint=${link_endpoints[real]#*//}&scheme=http&region=$S3_REGION")"
agent_start && "$client" unlock >/dev/null || exit

fill() {
	local each
	for each in "$others" "$top"; do
		"$client" push -q --store "$nix_root" --to "$1" "$each" ||
			bench_fail "$1 could not be filled"
	done
}

push_twice() {
	bench_forget
	bench_push "$what_cold$1" "$top"
	bench_push "$what_known$1" "$top"
}

run_all() {
	push_twice ''
	link_use real
	push_twice ', radosgw'
}

count=2000 what_cold='cold local state' what_known='with a fresh local record'
link_use quick && bench_empty && fill quick && bench_arrived 10000
fill real
bench_rounds run_all 50ms

# Three round trips and 100 ms; lists, and no storm of HEADs.
bench_bar --most 50ms "$what_cold" wall 0.25
bench_bar --most 50ms "$what_cold" c 32
bench_bar --most 50ms "$what_cold" b 16
# What is left is about the cache itself, nothing about paths.
for class in a b c; do
	bench_bar --most 50ms "$what_known" $class 1
done
bench_note 'target: in memory, and radosgw where it says so'
bench_table
