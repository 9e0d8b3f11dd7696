#!/bin/bash
# pull.sh - a closure of 300 paths, 50 ms away, beside "nix copy --from"
#
# usage: pull.sh [BUILD-FOLDER]
# needs: newer-nix
#
# Each into a store that is new each time, from the real S3 server of the tests,
# through the same proxy.
. "$(dirname "$0")/../lib/bench.sh"
newer_nix_begin # before HOME and the caches are this benchmark's own
link_enter "$@"
bench_begin "$@"
flow_s3 bench
key_make bench-1 && bench_target &&
	link_begin real "${S3_ENDPOINT#http://}" || exit
s3_store "${link_endpoints[real]}"
agent_config "$(agent_s3_cache main "$store_uri")"
agent_start && "$client" unlock >/dev/null || exit
top=$(bench_closure) && bench_describe "$top" || exit
"$client" push -q --store "$nix_root" "$top" || exit

# A store and a memory of caches that are new.
fresh() {
	if [[ -e $W/pulled ]]; then
		chmod -R u+w "$W/pulled" && rm -rf "$W/pulled" || return
	fi
	mkdir -p "$W/pulled/root" "$W/pulled/cache" && bench_forget
}

all_valid() {
	local found
	found=$(nix-store --store "$W/pulled/root" -qR "$top" | wc -l)
	((found == count)) || bench_fail "$found paths of $count have arrived"
}

run_ours() {
	fresh || exit
	bench_client 'nixcache pull' pull -q --store "$W/pulled/root" "$top"
	all_valid
}

run_nix() {
	fresh || exit
	XDG_CACHE_HOME=$W/pulled/cache bench_measure "$1" nix copy --quiet \
		--from "$store_url" --to "$W/pulled/root" "$top"
	all_valid
}

run_all() {
	link_use real
	run_ours
	run_nix "$old"
	[[ ! $newer_nix_bin ]] || newer_nix run_nix "$new" || exit
}

nix_configure "trusted-public-keys = $key_public"
old=$(nix --version) old="nix copy ${old##* }"
new="nix copy ${newer_nix_version:-}"
[[ $newer_nix_bin ]] || bench_note "without a newer Nix: $newer_nix_why"
bench_rounds run_all 50ms

bench_bar --faster 50ms 'nixcache pull' "$old" 5
bench_bar --faster 50ms 'nixcache pull' "$new" 3
bench_bar --most 50ms 'nixcache pull' peak 256
bench_note 'target: radosgw'
bench_table
