#!/bin/bash
# push_noise.sh - 2 GiB that nothing shrinks, beside SHA-256 and loopback
#
# usage: push_noise.sh [BUILD-FOLDER]
#
# What a layer of a container image is.  The target takes everything and keeps
# nothing.  NIXCACHE_TEST_MIB is the size.
. "$(dirname "$0")/../lib/bench.sh"
link_enter "$@"
bench_begin "$@"
bench_credentials
key_make bench-1 && bench_target || exit

top=$(bench_closure noiseMiB "${NIXCACHE_TEST_MIB:-2048}") &&
	bench_describe "$top" || exit
nix-store --store "$nix_root" --dump "$(nix_file "$top")" >"$W/nar" || exit
bench_links
agent_config "$(bench_caches "$bench_runs" direct)" \
	"$(bench_caches $((bench_runs * ${#links[@]})) quick)"
agent_start && "$client" unlock >/dev/null || exit

run_transfer() {
	bench_measure 'curl -T of the NAR' curl -sf -o /dev/null \
		-T "$W/nar" "$link_endpoint/loopback/nar"
}

link_use direct
for ((i = 1; i <= bench_runs; i++)); do
	bench_push 'nixcache push' "$top"
	run_transfer
	bench_measure 'openssl dgst -sha256 of the NAR' \
		openssl dgst -sha256 -out /dev/null "$W/nar"
done
for link in "${links[@]}"; do
	link_use quick && link_set "$link" || exit
	for ((i = 1; i <= bench_runs; i++)); do
		bench_push 'nixcache push' "$top"
		run_transfer
	done
done

# 60 % of the slower one's rate.
bench_bar --within loopback 'nixcache push' \
	'max: curl -T of the NAR, openssl dgst -sha256 of the NAR' 1.667
bench_bar --most loopback 'nixcache push' written 1 # of which the NAR: nothing
bench_bar --most loopback 'nixcache push' peak 256
bench_table
