#!/bin/bash
# push.sh - a closure of 300 paths, beside "nix copy" with zstd
#
# usage: push.sh [BUILD-FOLDER]
# needs: s3
#
# Both push to the same server, which takes everything and is quick; a push to
# the real S3 server of the tests is told as well, where that one is slow.
. "$(dirname "$0")/../lib/bench.sh"
bench_begin "$@"
nix_can_build || { echo 'bench: Nix cannot build here' >&2; exit 1; }
flow_s3 bench
bench_target || exit

runs=${NIXCACHE_BENCH_RUNS:-5}
peak_mib=150
key_make bench-1 || exit
top=$(bench_closure) || exit
count=$(nix_paths "$top" | wc -l)

# A cache for each run, so that nothing is there yet.
caches() {
	local i
	for ((i = 1; i <= runs; i++)); do
		agent_s3_cache "quick$i" \
			"s3://quick$i?endpoint=127.0.0.1:$target_port&scheme=http&region=$S3_REGION"
		agent_s3_cache "real$i" "${store_uri/\/nix\/cache/\/run-$i}"
	done
}

narinfos() {
	find "$1" -name '*.narinfo' | wc -l
}

run_nix() {
	rm -rf "$W/nix-cache"
	XDG_CACHE_HOME=$W/nix-cache bench_measure "$what_nix" \
		nix copy --quiet --store "$nix_root" --to \
		"http://127.0.0.1:$target_port/nix$1?compression=zstd&secret-key=$key_file" \
		"$top"
}

run_ours() {
	bench_measure "$3" "$client" push -q --store "$nix_root" \
		--to "$1$2" "$top"
}

what_nix='nix copy, zstd'
what_ours='nixcache push'
what_real='nixcache push to radosgw'
agent_config "$(caches)"
agent_start && "$client" unlock >/dev/null || exit
echo "$count paths, NARs of $(nix path-info --store "$nix_root" -rs "$top" |
	awk '{ sum += $2 } END { printf "%.0f MB", sum / 1e6 }')"

for ((i = 1; i <= runs; i++)); do
	run_nix "$i" && run_ours quick "$i" "$what_ours" &&
		run_ours real "$i" "$what_real" || exit
	if [[ $(narinfos "$target_folder/nix$i") != "$count" ||
		$(narinfos "$target_folder/quick$i") != "$count" ]]; then
		echo 'bench: not all paths have arrived' >&2
		exit 1
	fi
	rm -rf "${target_folder:?}"/*
done

bench_table --wall "$what_ours" "$what_nix" 1 --peak "$what_ours" $peak_mib
