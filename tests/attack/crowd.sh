#!/bin/bash
# crowd.sh - sixty-four hostile connections, and an honest one that is served
#
# usage: crowd.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/prey.sh"
prey_begin "$@"

# What the limits allow to 64 connections: a message and a reply each.
memory_max=$((64 * 4 * 1024))

prey_secrets
prey_op "$W/h/bin"
prey_config
agent_start
"$client" unlock -q
mapfile -t processes < <(agent_processes)

peak() {
	sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$1/status"
}
largest() {
	local pid most=0
	for pid in "${processes[@]}"; do
		((most >= $(peak "$pid"))) || most=$(peak "$pid")
	done
	echo "$most"
}

check 'beside 64 hostile connections an honest one is always served' \
	timeout 100 "$attacks/crowd" "$agent_socket" main 500 64
echo "# ${tap_out//$'\n'/$'\n'# }"
echo "# no process had more than $(largest) KiB"
check 'with bounded memory' test "$(largest)" -lt $memory_max
check_same 'all three processes are the same' "${processes[*]}" \
	"$(agent_processes | xargs)"
check_same 'and sign as before' '10 10' "$(prey_use 10)"
tap_end
