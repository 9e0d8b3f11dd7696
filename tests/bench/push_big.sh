#!/bin/bash
# push_big.sh - one path of 2 GiB over loopback, beside "zstd -T2 -3" of its NAR
#
# usage: push_big.sh [BUILD-FOLDER]
#
# The target takes everything and keeps nothing.  NIXCACHE_TEST_MIB is the size.
. "$(dirname "$0")/../lib/bench.sh"
link_enter "$@"
bench_begin "$@"
bench_credentials
key_make bench-1 && bench_target || exit

mib=${NIXCACHE_TEST_MIB:-2048}
quarter=$((mib / 4))
top=$(bench_closure giantMiB "$mib") && bench_describe "$top" || exit
small=$(bench_closure giantMiB "$quarter") || exit
nix-store --store "$nix_root" --dump "$(nix_file "$top")" >"$W/nar" || exit
bench_links
agent_config "$(bench_caches $((2 * bench_runs)) direct)" \
	"$(bench_caches $((bench_runs * ${#links[@]})) quick)"
agent_start && "$client" unlock >/dev/null || exit

run_zstd() {
	bench_measure "$what_zstd" zstd -q -T2 -3 -f -o /dev/null "$W/nar"
}

what_zstd='zstd -T2 -3 of the NAR'
what="nixcache push, $mib MiB" what_small="nixcache push, $quarter MiB"
link_use direct
for ((i = 1; i <= bench_runs; i++)); do
	run_zstd
	bench_push "$what" "$top"
	bench_push "$what_small" "$small"
done
for link in "${links[@]}"; do
	link_use quick && link_set "$link" || exit
	for ((i = 1; i <= bench_runs; i++)); do
		run_zstd
		bench_push "$what" "$top"
	done
done

bench_bar --within loopback "$what" "$what_zstd" 1.176 # 85 % of the rate
bench_bar --most loopback "$what" written 1 # of which the NAR: nothing
bench_bar --most loopback "$what" peak 256
bench_bar --flat loopback "$what" "$what_small" peak 1.1
bench_table
