#!/bin/bash
# push_noise.sh - 2 GiB that nothing shrinks, beside SHA-256 and loopback
#
# usage: push_noise.sh [BUILD-FOLDER]
#
# What a layer of a container image is.
. "$(dirname "$0")/../lib/bench.sh"
link_enter "$@"
bench_begin "$@"
bench_credentials
key_make bench-1 && bench_target || exit

top=$(bench_closure noiseMiB "$bench_mib") && bench_describe "$top" || exit
nix-store --store "$nix_root" --dump "$(nix_file "$top")" >"$W/nar" || exit
agent_config "$(bench_caches)"
agent_start && "$client" unlock >/dev/null || exit

run_all() {
	bench_empty
	bench_push 'nixcache push' "$top"
	bench_arrived 1
	bench_measure "$what_transfer" curl -sf -o /dev/null -T "$W/nar" \
		"$link_endpoint/loopback/nar"
	bench_measure "$what_sha256" openssl dgst -sha256 -out /dev/null \
		"$W/nar"
}

what_transfer='curl -T of the NAR' what_sha256='openssl dgst -sha256 of the NAR'
bench_rounds run_all loopback

# 60 % of the slower one's rate.
bench_bar --within loopback 'nixcache push' \
	"max: $what_transfer, $what_sha256" 1.667
bench_bar --most loopback 'nixcache push' written 1 # of which the NAR: nothing
bench_bar --most loopback 'nixcache push' peak 256
bench_note 'target: takes everything, keeps nothing'
bench_table
