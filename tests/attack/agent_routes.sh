#!/bin/bash
# agent_routes.sh - no route of the same user leads into any of its processes
#
# usage: agent_routes.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/prey.sh"
prey_user "$@"
prey_begin "$@"

ulimit -c "$(ulimit -Hc)"
touch "$W/since"
prey_secrets
prey_op "$W/h/bin"
prey_config
agent_start
"$client" unlock -q
check_same 'the agent signs' '10 10' "$(prey_use 10)"
mapfile -t processes < <(agent_processes)
check_same 'with three processes' 3 ${#processes[@]}

for pid in "${processes[@]}"; do
	who="process $((pid - processes[0])) after the first"
	check_status "no route leads into $who" 0 "$attacks/attack_routes" "$pid"
	check_says 'of many that were tried' '^route ptrace: refused'
	check_status "and none reads memory of $who" 0 \
		prey_attack memory "$pid"
	check_same 'each is refused' "$(grep -c '^route ' <<<"$tap_out")" \
		"$(grep -cE '^route .*: (refused: .*|[0-9]+ bytes, 0 hits)$' \
			<<<"$tap_out")"
	check_fails 'none reads a byte' grep -qE ' [1-9][0-9]* bytes' \
		<<<"$tap_out"
	check_fails "the core limit of $who cannot be raised" \
		prlimit --pid "$pid" --core=unlimited
done

prey_hold
check_status 'the same routes lead into a plain process' 1 \
	"$attacks/attack_routes" "$prey_pid"
check_says 'by memory' '^route mem: works'
check_says 'by its descriptors' '^route pidfd_getfd: works'
if [[ $(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null) == [123] ]]; then
	skip 'by ptrace' 'Yama stands before it here'
else
	check_says 'by ptrace' '^route ptrace: works'
fi
check_status 'and its secrets are read' 1 prey_attack memory "$prey_pid"

# Crashes.
check 'the agent has not minded' test "$(prey_use 1)" = '1 1'
for signal in QUIT ABRT; do
	for ((i = 2; i >= 0; i--)); do
		kill -0 "${processes[0]}" 2>/dev/null || agent_start
		mapfile -t processes < <(agent_processes)
		kill -$signal "${processes[i]}" 2>/dev/null
	done
	wait_for 5 gone "${processes[0]}"
done
agent_stop
check_same 'no crash of any leaves a core' '' "$(find "$W" -name 'core*' \
	-newer "$W/since")"
check 'nor a secret anywhere else' prey_attack traces "$W/since" \
	"$prey_op_items" "$W"
if [[ $(ulimit -c) == 0 ]]; then
	skip 'a plain process leaves a core' 'no core is allowed here'
elif [[ $(</proc/sys/kernel/core_pattern) != core ]]; then
	skip 'a plain process leaves a core' 'cores go elsewhere here'
else
	prey_hold # another: the routes have lowered the limit of the first
	kill -ABRT "$prey_pid"
	wait_for 5 gone "$prey_pid"
	check_fails 'a plain process leaves a core with the secrets' \
		prey_attack traces "$W/since" "$prey_op_items" "$W"
fi
tap_end
