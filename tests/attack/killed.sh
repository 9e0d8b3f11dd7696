#!/bin/bash
# killed.sh - each process killed at random moments, while others work
#
# usage: killed.sh [BUILD-FOLDER [TIMES [SEED]]]
#   TIMES   how often each of the five is killed (10; NIXCACHE_TEST_TRIES=50 has
#           been run)
# timeout: 300
# beside: anything
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/prey.sh"
prey_begin "$@"

times=${2:-${NIXCACHE_TEST_TRIES:-10}} seed=${3:-$RANDOM}
RANDOM=$seed
echo "# seed $seed: killed.sh BUILD $times $seed"
touch "$W/since"
prey_secrets
prey_op "$W/h/bin"
export XDG_STATE_HOME=$W/h/state
prey_config
printf '%s\n' '[cache folder]' "store = file://$W/cache" \
	"public-key = $key_public" 'sign-policy = any' \
	'signing-key = op://Dev/prey/signing-key' >>"$agent_conf"
top=$(nix_make_closure 24) || exit

# In the foreground, so that it can say why it ends.
start() {
	"$agent" -D -q >"$W/said" 2>&1 &
	agent_pid=$!
	disown $agent_pid
	wait_for 10 "$client" status
}

# Sets pid: "launcher", "door" or "vault".
find_role() {
	case $1 in
	launcher) pid=$agent_pid ;;
	door) pid=$(agent_door "$agent_pid") ;;
	vault) pid=$(agent_vault "$agent_pid") ;;
	esac 2>/dev/null
	[[ $pid ]]
}

audit_size() {
	stat -c %s "$XDG_STATE_HOME/nixcache/audit.jsonl" 2>/dev/null || echo 0
}

has_grown() {
	(($(audit_size) > $1))
}

# What works meanwhile: pushes, and clients of other people's making.  Under way
# when the first of them is in the log.
load() {
	local before
	before=$(audit_size)
	rm -rf "$W/cache"
	"$client" push -q --to folder --store "$nix_root" "$top" \
		>"$W/push.out" 2>&1 &
	push=$!
	prey_use 20000 >/dev/null 2>&1 &
	use=$!
	wait_for 5 has_grown "$before"
}

# Random, up to 50 ms: where in the work it falls is the point.
any_moment() {
	sleep "0.0$((RANDOM % 5))$((RANDOM % 10))"
}

# Every client ends by itself, our own with a sentence if it fails.
stuck=0 silent=0 lost=0 unsaid=0
judge_clients() {
	local rc
	wait_for 20 gone "$push" || { stuck=$((stuck + 1)) && kill -9 "$push"; }
	wait_for 20 gone "$use" || { stuck=$((stuck + 1)) && kill -9 "$use"; }
	wait "$push" 2>/dev/null
	rc=$?
	((rc == 0 || rc == 137)) || [[ -s $W/push.out ]] || silent=$((silent + 1))
	wait "$use" 2>/dev/null
}

# It goes on with a fresh vault, or it is gone, wholly, and has said why.
judge_agent() {
	if timeout 20 "$client" unlock -q 2>"$W/unlock.out"; then
		return
	fi
	if ! wait_for 5 gone "$agent_pid" || [[ $(pgrep -P "$agent_pid") ]]; then
		lost=$((lost + 1))
		echo "# neither there nor gone: $(cat "$W/unlock.out" "$W/said")"
		kill -9 "$agent_pid" 2>/dev/null
	elif [[ $1 != launcher && ! -s $W/said ]]; then
		unsaid=$((unsaid + 1))
	fi
	# Nobody is left to remove the socket of a launcher that was killed.
	start
	"$client" unlock -q
}

for role in launcher door vault client op; do
	stuck=0 silent=0 lost=0 unsaid=0 hit=0
	kill -0 "${agent_pid:-0}" 2>/dev/null && [[ ${agent_pid:-} ]] || start
	"$client" unlock -q
	for ((i = 0; i < times; i++)); do
		load
		if [[ $role == op ]]; then
			"$client" lock -q
			rm -f "$W/h/bin/op.go"
			echo 'behave = slow' >"$W/h/bin/op.conf"
			"$client" unlock -q 2>/dev/null &
			asking=$!
			wait_for 5 pgrep -P "$agent_pid" -f 'op inject' >/dev/null
			pid=$(pgrep -P "$agent_pid" -f 'op inject')
		elif [[ $role == client ]]; then
			pid=$push
		else
			find_role "$role"
		fi
		any_moment
		kill -9 "$pid" 2>/dev/null && hit=$((hit + 1))
		if [[ $role == op ]]; then
			# The others' calls may have begun another, slow one.
			rm -f "$W/h/bin/op.conf"
			: >"$W/h/bin/op.go"
			wait_for 20 gone "$asking" || stuck=$((stuck + 1))
		fi
		judge_clients
		judge_agent "$role"
	done
	check "the $role was there to be killed, most of $times times" \
		test "$hit" -ge $((times / 2))
	check_same "no client is stuck when the $role is killed" 0 $stuck
	check_same 'none fails without a sentence' 0 $silent
	check_same 'the agent goes on, or is gone' 0 $lost
	check_same 'and says why' 0 $unsaid
done

check_same 'after all that it signs' '10 10' "$(prey_use 10)"
check 'no argument, environment or file has a secret' prey_attack traces \
	"$W/since" "$prey_op_items" "$W" /tmp /dev/shm
# Root's readers, where we are root; else nobody is let in.
for pid in $agent_pid $(pgrep -P "$agent_pid"); do
	check 'nor has the memory of a process that is left' \
		prey_attack memory "$pid" mem
done
kill "$agent_pid"
check 'in the end nothing is left of it' wait_for 5 gone "$agent_pid"
tap_end
