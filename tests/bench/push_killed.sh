#!/bin/bash
# push_killed.sh - a push of 2 GiB after one that was killed at half of it
#
# usage: push_killed.sh [BUILD-FOLDER]
#
# Killed (by SIGKILL, with all its processes) when the server has received half
# of what a whole push sends.
. "$(dirname "$0")/../lib/bench.sh"
link_enter "$@"
bench_begin "$@"
bench_credentials
key_make bench-1 && bench_target || exit

top=$(bench_closure giantMiB "$bench_mib") && bench_describe "$top" || exit
agent_config "$(bench_caches)"
agent_start && "$client" unlock >/dev/null || exit

received() {
	curl -sf "$target_url"
}

# Prints how many bytes had come by then: push_until BYTES
push_until() {
	/usr/bin/python3 "$flow_root/tests/bench/kill_at.py" "$target_url" \
		"$1" "$client" push -q --store "$nix_root" --to "$link_name" \
		"$top" || bench_fail 'it had ended before it could be killed'
}

run_both() {
	local began whole half
	bench_empty && began=$(received)
	bench_push 'a whole push' "$top"
	whole=$(($(received) - began))
	bench_arrived 1
	bench_empty && half=$(push_until $((whole / 2))) || exit
	echo "killed when $((100 * half / whole)) % had arrived"
	bench_push 'after kill -9 at half' "$top"
	bench_arrived 1
}

bench_rounds run_both loopback

bench_bar --within loopback 'after kill -9 at half' 'a whole push' 0.6
bench_bar --flat loopback 'after kill -9 at half' 'a whole push' sent 0.6
bench_note 'target: takes everything, keeps nothing'
bench_table
