#!/bin/bash
# push_killed.sh - a push of 2 GiB after one that was killed at half of it
#
# usage: push_killed.sh [BUILD-FOLDER]
#
# Killed (by SIGKILL, with all its processes) when the server has received half
# of what a whole push sends.  NIXCACHE_TEST_MIB is the size.
. "$(dirname "$0")/../lib/bench.sh"
link_enter "$@"
bench_begin "$@"
bench_credentials
key_make bench-1 && bench_target || exit

top=$(bench_closure giantMiB "${NIXCACHE_TEST_MIB:-2048}") &&
	bench_describe "$top" || exit
bench_links
agent_config "$(bench_caches $((2 * bench_runs)) direct)" \
	"$(bench_caches $((2 * bench_runs * ${#links[@]})) quick)"
agent_start && "$client" unlock >/dev/null || exit

received() {
	curl -sf "$target_url"
}

kill_at() {
	bench_forget && bench_next_cache
	/usr/bin/python3 "$flow_root/tests/bench/kill_at.py" "$target_url" \
		"$1" "$client" push -q --store "$nix_root" --to "$bench_cache" \
		"$top"
}

run_both() {
	local before whole
	before=$(received)
	bench_push 'a whole push' "$top"
	whole=$(($(received) - before))
	kill_at $((whole / 2)) >"$W/killed" ||
		bench_fail 'it had ended before it could be killed'
	awk -v all="$whole" '{
		printf "killed when %.0f %% had arrived\n", 100 * $1 / all
	}' "$W/killed"
	bench_cache_stays=1 bench_push 'after kill -9 at half' "$top"
	bench_arrived "$bench_cache" 1
}

link_use direct
for ((i = 1; i <= bench_runs; i++)); do
	run_both
done
for link in "${links[@]}"; do
	link_use quick && link_set "$link" || exit
	for ((i = 1; i <= bench_runs; i++)); do
		run_both
	done
done

bench_bar --within loopback 'after kill -9 at half' 'a whole push' 0.6
bench_bar --flat loopback 'after kill -9 at half' 'a whole push' sent 0.6
bench_table
