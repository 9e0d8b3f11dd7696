#!/bin/bash
# crash.sh - a vault that dies is replaced, and nothing is fetched unasked
#
# usage: crash.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"

key_make crash-1
cat >"$W/h/bin/key" <<E2
#!/bin/sh
echo run >>'$W/runs'
cat '$key_file'
E2
chmod 700 "$W/h/bin/key"
agent_config "[cache folder]" "store = file://$W/cache" \
	"public-key = $key_public" "signing-key = command:$W/h/bin/key"

runs() {
	wc -l <"$W/runs"
}

has_another_vault() {
	local now
	now=$(agent_vault)
	[[ $now != "$1" && $(agent_processes | wc -l) == 3 ]]
}

kill_vault() {
	vault=$(agent_vault)
	kill -KILL "$vault"
}

agent_start
"$client" unlock -q
check_same 'the first request fetches' 1 "$(runs)"

# A vault dies.
kill_vault
check 'a vault that dies is replaced' wait_for 10 has_another_vault "$vault"
check 'by one that is locked' wait_for 10 is_state locked
check_same 'and nothing is fetched by itself' 1 "$(runs)"
check 'the next request fetches' "$client" unlock -q
check_same 'once' 2 "$(runs)"
kill_vault
check 'a second death too' wait_for 10 has_another_vault "$vault"
check_same 'of the same agent' "$NIXCACHE_AGENT_PID" "$(status_field pid)"
kill_vault
check 'the third within a minute ends it' \
	wait_for 10 gone "$NIXCACHE_AGENT_PID"
check_fails 'with its socket' test -S "$agent_socket"
check_status 'and a client says that there is none' 2 "$client" unlock
unset NIXCACHE_AGENT_PID NIXCACHE_AGENT_SOCK

# The door dies.
agent_start
"$client" unlock -q
door=$(agent_door)
mapfile -t processes < <(agent_processes)
kill -KILL "$door"
for pid in "${processes[@]}"; do
	check 'a door that dies takes all with it' wait_for 10 gone "$pid"
done
unset NIXCACHE_AGENT_PID NIXCACHE_AGENT_SOCK

# Idle.
rm "$W/runs"
agent_start --idle 1
"$client" unlock -q
vault=$(agent_vault)
check 'idleness wipes' wait_for 10 is_state locked
check 'with the vault itself' wait_for 10 gone "$vault"
check_same 'and fetches nothing by itself' 1 "$(runs)"
"$client" unlock -q
check_same 'but when it is asked' 2 "$(runs)"
agent_stop
tap_end
