#!/bin/bash
# push_big.sh - one path of 2 GiB over loopback, beside "zstd -T2 -3" of its NAR
#
# usage: push_big.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/bench.sh"
link_enter "$@"
bench_begin "$@"
bench_credentials
key_make bench-1 && bench_target || exit

quarter=$((bench_mib / 4))
top=$(bench_closure giantMiB "$bench_mib") && bench_describe "$top" &&
	small=$(bench_closure giantMiB "$quarter") || exit
nix-store --store "$nix_root" --dump "$(nix_file "$top")" >"$W/nar" || exit
agent_config "$(bench_caches)"
agent_start && "$client" unlock >/dev/null || exit

run_all() {
	bench_measure "$what_zstd" zstd -q -T2 -3 -f -o /dev/null "$W/nar"
	bench_empty
	bench_push "$what" "$top"
	bench_arrived 1
	bench_empty
	bench_push "$what_small" "$small"
}

what_zstd='zstd -T2 -3 of the NAR'
what="nixcache push, $bench_mib MiB" what_small="nixcache push, $quarter MiB"
bench_rounds run_all loopback

bench_bar --within loopback "$what" "$what_zstd" 1.176 # 85 % of the rate
bench_bar --most loopback "$what" written 1 # of which the NAR: nothing
bench_bar --most loopback "$what" peak 256
bench_bar --flat loopback "$what" "$what_small" peak 1.1
bench_note 'target: takes everything, keeps nothing'
bench_table
