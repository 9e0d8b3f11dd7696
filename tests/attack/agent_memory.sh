#!/bin/bash
# agent_memory.sh - root's readers find no secret in any process of the agent
#
# usage: agent_memory.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/prey.sh"
[[ $(id -u) == 0 ]] || tap_skip_all "only root can try root's readers"
prey_begin "$@"

count=20000
touch "$W/since"
prey_token=ops_$(head -c 60 /dev/urandom | base64 -w 0)
prey_secrets
prey_op "$W/h/bin"
prey_config
OP_SERVICE_ACCOUNT_TOKEN=$prey_token agent_start
check '"op" is asked with a token' "$client" unlock -q
check 'which it gets' grep -q '^env OP_SERVICE_ACCOUNT_TOKEN=' \
	"$W/h/bin/op.report"
check_same "$count signatures and $count URLs are made" "$count $count" \
	"$(prey_use $count)"
mapfile -t processes < <(agent_processes)
check_same 'by three processes' 3 ${#processes[@]}

# The route read something, and found nothing.
route_is_clean() {
	grep -qE "^route $1: [1-9][0-9]* bytes, 0 hits$" <<<"$said"
}

route_hits() {
	grep -qE "^route $1: [0-9]+ bytes, [1-9][0-9]* hits$" <<<"$said"
}

routes='mem vm_readv ptrace registers'
! command -v gcore >/dev/null || routes+=' gcore'
for pid in "${processes[@]}"; do
	said=$(prey_attack memory "$pid")
	for route in $routes; do
		check "process $((pid - processes[0])) after the first: $route \
reads it and finds nothing" route_is_clean "$route"
	done
done
check_same 'after all that it still signs' '1 1' "$(prey_use 1)"
# What a call leaves in the registers, the next may overwrite: after one alone.
for pid in "${processes[@]}"; do
	said=$(prey_attack memory "$pid" registers)
	check "process $((pid - processes[0])) after the first: registers \
reads it after one call and finds nothing" route_is_clean registers
done

prey_hold
said=$(prey_attack memory "$prey_pid")
for route in ${routes/registers/}; do
	check "$route finds them in a plain process" route_hits "$route"
done
base64 -d <<<"${key_secret#*:}" | setpriv --pdeathsig KILL -- \
	"$attacks/prey_registers" &
holder=$!
wait_for 10 grep -q 'State:.T' "/proc/$holder/status"
said=$(prey_attack memory "$holder")
check 'registers finds them in one that has them there alone' \
	route_hits registers
kill -KILL $holder
wait 2>/dev/null

# Traces: arguments and environments of all processes, and files.
places=("$W" /tmp /var/tmp /dev/shm /run)
traces() {
	prey_attack traces "$W/since" "$@"
}
check "no argument, environment or new file but the store of op has them" \
	traces "$prey_op_items" "${places[@]}"
said=$tap_out
check 'many processes and files were looked at' grep -qE \
	'^traces environments: [1-9][0-9]+ processes' <<<"$said"
check_fails "the same look finds the store of op" traces - "$W"
check_says 'by its name' 'hit .*/op.items'
printf 'x%s' "$key_secret" >"$W/found"
check_fails 'and a key in the midst of a file' traces "$prey_op_items" "$W"
check_says 'by its name' 'hit .*/found'
rm "$W/found"
base64 -d <<<"${key_secret#*:}" | tail -c +3 >"$W/found"
check_fails 'and the seed as it is' traces "$prey_op_items" "$W"
rm "$W/found"
SECRET=$prey_s3_secret sh -c 'kill -STOP $$' &
holder=$!
wait_for 5 grep -q 'State:.T' "/proc/$holder/status"
check_fails 'and an environment' traces - "$W/h/run"
check_says 'of that process' "hit /proc/$holder/environ"
kill -KILL $holder
wait 2>/dev/null
sh -c 'kill -STOP $$' sh "$key_secret" &
holder=$!
wait_for 5 grep -q 'State:.T' "/proc/$holder/status"
check_fails 'and an argument' traces - "$W/h/run"
check_says 'of that process' "hit /proc/$holder/cmdline"
kill -KILL $holder
wait 2>/dev/null

# Cores: root lifts the limit from outside, then makes each of them crash.
core_of() {
	prlimit --pid "$1" --core=unlimited 2>/dev/null
	kill -"$2" "$1" 2>/dev/null
}
cores() {
	find "$W" /tmp /var/lib/systemd/coredump -maxdepth 2 -name 'core*' \
		-newer "$W/since" 2>/dev/null
}
rm -rf "$W/core"*
for signal in QUIT ABRT; do
	for ((i = 2; i >= 0; i--)); do
		kill -0 "${processes[0]}" 2>/dev/null || agent_start
		mapfile -t processes < <(agent_processes)
		core_of "${processes[i]}" $signal
	done
	wait_for 5 gone "${processes[0]}"
done
agent_stop
check_same 'no crash of any leaves a core' '' "$(cores)"
check 'nor a secret anywhere else' traces "$prey_op_items" "$W"
if [[ $(</proc/sys/kernel/core_pattern) == core ]]; then
	core_of "$prey_pid" ABRT
	wait_for 5 gone "$prey_pid"
	check_fails 'the plain process leaves a core with the secrets' \
		traces "$prey_op_items" "$W"
else
	skip 'the plain process leaves a core with the secrets' \
		'cores go elsewhere on this machine'
fi
tap_end
