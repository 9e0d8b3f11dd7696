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
key_make bench-1 && bench_target && link_use quick || exit
top=$(bench_closure) && bench_describe "$top" || exit
bench_links 0ms 10ms/1gbit 50ms/100mbit
agent_config "$(bench_caches $((bench_runs * ${#links[@]})) quick)"
agent_start && "$client" unlock >/dev/null || exit

# run_nix NAME: into a cache that is new, with nothing known of it.
run_nix() {
	rm -rf "$W/nix-cache"
	XDG_CACHE_HOME=$W/nix-cache bench_measure "$theirs" nix copy --quiet \
		--store "$nix_root" --to \
		"$link_endpoint/$1?compression=zstd&secret-key=$key_file" "$top"
}

# Without a newer Nix, beside that of this machine.
with=newer_nix theirs="nix copy ${newer_nix_version:-} zstd"
if [[ ! $newer_nix_bin ]]; then
	bench_note "without a newer Nix: $newer_nix_why"
	with='' theirs='nix copy zstd'
fi
for link in "${links[@]}"; do
	link_set "$link" || exit
	for ((i = 1; i <= bench_runs; i++)); do
		bench_push 'nixcache push' "$top"
		$with run_nix "nix-${link//\//-}-$i" || exit
	done
done

for link in "${links[@]}"; do
	bench_bar --faster "$link" 'nixcache push' "$theirs" 1
done
bench_table
