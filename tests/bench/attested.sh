#!/bin/bash
# attested.sh - what it costs that the store is asked and a log is kept
#
# usage: attested.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/bench.sh"
bench_begin "$@"

# Three agents beside each other, each with a socket of its own.
other_agent() {
	local name=$1
	shift
	mkdir -m 700 "$W/$name" || return
	agent_conf=$W/$name/conf agent_config "$@" || return
	"$agent" -q -s -a "$W/$name/socket" --config "$W/$name/conf" >/dev/null &&
		NIXCACHE_AGENT_SOCK=$W/$name/socket "$client" unlock -q
}

flow_clean_up() {
	local name
	for name in free store whole; do
		"$agent" -k -a "$W/$name/socket" >/dev/null 2>&1
	done
}

key_make bench-1 || exit
top=$(nix_make_closure 64) || exit
nix_paths "$top" >"$W/paths"
mapfile -t paths <"$W/paths"
nix_facts "${paths[@]}" >"$W/facts" || exit

other_agent free '[agent]' 'audit = none' \
	"$(agent_file_cache main "$W/cache" 'sign-policy = any')" &&
	other_agent store '[agent]' 'audit = none' \
		"$(agent_file_cache main "$W/cache")" &&
	other_agent whole '[agent]' "audit = $W/whole/audit.jsonl" \
		"$(agent_file_cache main "$W/cache")" || exit

"$tools/attest_bench" main "$W/free/socket" "$W/store/socket" \
	"$W/whole/socket" <"$W/facts" || exit
[[ -s $W/whole/audit.jsonl ]] || { echo 'bench: no log was kept' >&2; exit 1; }
