#!/bin/bash
# big.sh - one path of 1 GiB, beside "zstd -T2 -3" of its NAR
#
# usage: big.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/bench.sh"
bench_begin "$@"
nix_can_build || { echo 'bench: Nix cannot build here' >&2; exit 1; }
bench_target || exit
bench_credentials

runs=${NIXCACHE_BENCH_RUNS:-5}
peak_mib=300
mib=${NIXCACHE_TEST_MIB:-1024}
key_make bench-1 || exit
top=$(bench_closure giantMiB "$mib") || exit

caches() {
	local i
	for ((i = 1; i <= runs; i++)); do
		agent_s3_cache "quick$i" \
			"s3://quick$i?endpoint=127.0.0.1:$target_port&scheme=http&region=us-east-1"
		agent_file_cache "folder$i" "$W/folder$i"
	done
}

run_ours() {
	bench_measure "$3" "$client" push -q --store "$nix_root" \
		--to "$1$2" "$top"
}

what_zstd='zstd -T2 -3 of the NAR'
what_ours='nixcache push'
what_folder='nixcache push to a folder'
agent_config "$(caches)"
agent_start && "$client" unlock >/dev/null || exit
nix-store --store "$nix_root" --dump "$(nix_file "$top")" >"$W/nar" || exit

for ((i = 1; i <= runs; i++)); do
	bench_measure "$what_zstd" zstd -q -T2 -3 -f -o "$W/nar.zst" "$W/nar" &&
		run_ours quick "$i" "$what_ours" &&
		run_ours folder "$i" "$what_folder" || exit
	rm -rf "${target_folder:?}"/* "$W/folder$i"
done

bench_table --peak "$what_ours" $peak_mib
