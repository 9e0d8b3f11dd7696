#!/bin/bash
# push.sh - a closure of 300 paths, 50 ms away, beside "nix copy"
#
# usage: push.sh [BUILD-FOLDER]
# needs: newer-nix
#
# Everything goes through a proxy that holds each request back for 50 ms.  Behind
# it is a server that is quick, and for us the real S3 server of the tests too.
# What has no bar is run once, and so is xz, the default of nix copy, which
# takes minutes.
. "$(dirname "$0")/../lib/bench.sh"
newer_nix_begin # before HOME and the caches are this benchmark's own
link_enter "$@"
bench_begin "$@"
flow_s3 bench
key_make bench-1 && bench_target &&
	link_begin real "${S3_ENDPOINT#http://}" || exit
top=$(bench_closure) && bench_describe "$top" || exit

real_caches() {
	local i
	for ((i = 1; i <= bench_runs; i++)); do
		agent_s3_cache "real$i" \
			"s3://$bucket/run-$i?endpoint=${link_endpoints[real]#*//}&scheme=http&region=$S3_REGION"
	done
}

# run_nix WHAT URL: into a cache that is new, with nothing known of it.
run_nix() {
	rm -rf "$W/nix-cache"
	XDG_CACHE_HOME=$W/nix-cache bench_measure "$1" nix copy --quiet \
		--store "$nix_root" --to "$2&secret-key=$key_file" "$top"
}

run_nix_s3() {
	AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any run_nix "$1" \
		"s3://$2?endpoint=$link_endpoint&region=$S3_REGION&$3"
}

run_all() {
	bench_empty
	bench_push 'nixcache push' "$top"
	bench_arrived "$count"
	run_nix "$old zstd" "$link_endpoint/old$round?compression=zstd"
	bench_arrived "$count" "old$round"
	if [[ $newer_nix_bin ]]; then
		newer_nix run_nix "$new zstd" \
			"$link_endpoint/new$round?compression=zstd" || exit
		bench_arrived "$count" "new$round"
	fi
	link_use real && bench_forget
	bench_push 'nixcache push to radosgw' "$top" "real$round"
}

# What newer ones can do beside.
run_newer_once() {
	newer_nix run_nix "$new zstd, parallel" \
		"$link_endpoint/parallel?compression=zstd&parallel-compression=true" &&
		newer_nix run_nix_s3 "$new zstd, s3 multipart" multipart \
			'compression=zstd&multipart-upload=true' || exit
}

run_once() {
	link_use quick
	if [[ $newer_nix_bin ]]; then
		run_newer_once
	else
		bench_note "without a newer Nix: $newer_nix_why"
	fi
	if [[ ${NIXCACHE_BENCH_XZ:-} == no ]]; then
		bench_note 'xz, the default of nix copy, was left out'
	else
		run_nix "$old xz, its default" \
			"$link_endpoint/xz?want-mass-query=true"
	fi
}

old=$(nix --version) old="nix copy ${old##* }"
new="nix copy ${newer_nix_version:-}"
agent_config "$(bench_caches)" "$(real_caches)"
agent_start && "$client" unlock >/dev/null || exit
NIXCACHE_BENCH_LINKS='' NIXCACHE_BENCH_MATRIX='' bench_rounds run_all 50ms
run_once

bench_bar --faster 50ms 'nixcache push' "$old zstd" 8
bench_bar --faster 50ms 'nixcache push' "$new zstd" 4
bench_bar --faster 50ms 'nixcache push' "$old xz, its default" 40
bench_bar --most 50ms 'nixcache push' peak 256
bench_note 'target: in memory, and radosgw where it says so'
bench_table
