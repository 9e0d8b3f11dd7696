#!/bin/bash
# push_links.sh - a closure of 300 paths over several links, beside "nix copy"
#
# usage: push_links.sh [BUILD-FOLDER]
# needs: newer-nix
. "$(dirname "$0")/../lib/bench.sh"
newer_nix_begin # before HOME and the caches are this benchmark's own
link_enter "$@"
bench_begin "$@"
bench_credentials
key_make bench-1 && bench_target || exit
top=$(bench_closure) && bench_describe "$top" || exit
agent_config "$(bench_caches)"
agent_start && "$client" unlock >/dev/null || exit

# Into a cache that is new, with nothing known of it.
run_nix() {
	rm -rf "$W/nix-cache"
	curl -sf -X DELETE "$target_url/nix/"
	XDG_CACHE_HOME=$W/nix-cache bench_measure "$theirs" nix copy --quiet \
		--store "$nix_root" --to \
		"$link_endpoint/nix?compression=zstd&secret-key=$key_file" "$top"
}

run_both() {
	bench_empty
	bench_push 'nixcache push' "$top"
	$with run_nix || exit
}

# Without a newer Nix, beside that of this machine.
with=newer_nix theirs="nix copy ${newer_nix_version:-} zstd"
if [[ ! $newer_nix_bin ]]; then
	bench_note "without a newer Nix: $newer_nix_why"
	with='' theirs='nix copy zstd'
fi
bench_rounds run_both 0ms 10ms/1gbit 50ms/100mbit

for link in "${links[@]}"; do
	bench_bar --faster "$link" 'nixcache push' "$theirs" 1
done
bench_note 'target: in memory'
bench_table
