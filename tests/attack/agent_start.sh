#!/bin/bash
# agent_start.sh - who attacks from the first instruction on reads no secret
#
# usage: agent_start.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/prey.sh"
prey_user "$@"
prey_begin "$@"

tries=${NIXCACHE_TEST_TRIES:-10} tries_control=200
prey_secrets
prey_op "$W/h/bin"
prey_config
prey_texts >"$W/texts"
base64 -d <<<"${key_secret#*:}" >>"$W/texts"

# Ends when the agent has its secrets; ended by the attack when it has failed.
cat >"$W/unlock" <<E2
until '$client' unlock -q 2>/dev/null; do sleep 0.01; done
E2
cat >"$W/ready" <<E2
until [ -e '$W/has' ]; do sleep 0.01; done
E2

# attack MODE WHEN PROGRAM...: one try; said, and 1 if it gained something.
attack() {
	local mode=$1 when=$2
	shift 2
	rm -f "$W/has"
	said=$(prey_attack start "$mode" ". $when" "$@" 2>/dev/null)
}

for mode in mem ptrace; do
	for ((i = 1; i <= tries_control; i++)); do
		attack $mode "$W/ready" "$attacks/prey_late" "$W/texts" \
			"$W/has" || break
	done
	check "what hides in main() only is lost to $mode" \
		grep -qE ', [1-9][0-9]* (hits|registers)' <<<"$said"
	[[ $mode == ptrace ]] || check_fails 'and what was caught still reads' \
		grep -q ', 0 bytes' <<<"$said"
	echo "# at try $i: $said"

	lost=0 caught=0 ended=0
	for ((i = 1; i <= tries && lost == 0; i++)); do
		attack $mode "$W/unlock" "$agent" -D -q || lost=$((lost + 1))
		[[ ! $said =~ caught\ $mode:\ [1-9] ]] || caught=$((caught + 1))
		[[ ! $said =~ ended\ with\ 71 ]] || ended=$((ended + 1))
		[[ $said == caught* ]] || lost=$((lost + 1))
	done
	check_same "the agent is not, in $tries tries" 0 "$lost"
	echo "# $caught times $mode got hold of its first moment"
done
check_same 'it ends with 71 whenever it was seized' "$caught" "$ended"
tap_end
