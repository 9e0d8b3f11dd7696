#!/bin/bash
# pull.sh - a closure of 300 paths, 50 ms away, beside "nix copy --from"
#
# usage: pull.sh [BUILD-FOLDER]
# needs: s3
#
# Each into a store that is new each time, through the same proxy, which holds
# every request back for 50 ms.
. "$(dirname "$0")/../lib/bench.sh"
. "$(dirname "$0")/../lib/newer_nix.sh"
newer_nix_begin # before HOME and the caches are this benchmark's own
bench_begin "$@"
nix_can_build || { echo 'bench: Nix cannot build here' >&2; exit 1; }
flow_s3 bench
faults_start "$W/proxy" "$S3_ENDPOINT" || exit
s3_store "$faults_endpoint"

runs=${NIXCACHE_BENCH_RUNS:-3}
peak_mib=150
key_make bench-1 || exit
agent_config "$(agent_s3_cache main "$store_uri")"
agent_start && "$client" unlock >/dev/null || exit
top=$(bench_closure) || exit
count=$(nix_paths "$top" | wc -l)
"$client" push -q --store "$nix_root" "$top" || exit
faults_set delay=50

# A store and a memory of caches that are new.
fresh() {
	if [[ -e $W/pulled ]]; then
		chmod -R u+w "$W/pulled" && rm -rf "$W/pulled" || return
	fi
	mkdir -p "$W/pulled/root" "$W/pulled/cache"
}

all_valid() {
	(($(nix-store --store "$W/pulled/root" -qR "$top" | wc -l) == count)) ||
		{ echo 'bench: not all paths have arrived' >&2; return 1; }
}

run_ours() {
	fresh && bench_measure 'nixcache pull' \
		"$client" pull -q --store "$W/pulled/root" "$top" && all_valid
}

run_nix() {
	fresh && XDG_CACHE_HOME=$W/pulled/cache bench_measure "$1" \
		nix copy --quiet --from "$store_url" --to "$W/pulled/root" \
		"$top" && all_valid
}

nix_configure "trusted-public-keys = $key_public"
what_nix="nix copy, $(nix --version)"
what_newer="nix copy, ${newer_nix_version:-}"
echo "$count paths, NARs of $(nix path-info --store "$nix_root" -rs "$top" |
	awk '{ sum += $2 } END { printf "%.0f MB", sum / 1e6 }')"
[[ $newer_nix_bin ]] || echo "without a newer Nix: $newer_nix_why"

for ((i = 1; i <= runs; i++)); do
	run_ours && run_nix "$what_nix" || exit
	[[ ! $newer_nix_bin ]] || newer_nix run_nix "$what_newer" || exit
done

bars=(--wall 'nixcache pull' "$what_nix" 0.333)
[[ ! $newer_nix_bin ]] || bars+=(--wall 'nixcache pull' "$what_newer" 0.333)
bench_table "${bars[@]}" --peak 'nixcache pull' $peak_mib
